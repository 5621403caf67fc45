"""`kinemacolor plugin`: what it installs works, and what does not is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinemacolor.ofx.bundle import BUNDLE_NAME, python_file


def plugin(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("kinemacolor")), "plugin", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins") / "OFX"
    done = plugin("install", "--dir", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"installed: {folder / BUNDLE_NAME}"
    assert f"OFX_PLUGIN_PATH={folder}" in done.stderr
    return folder


def test_what_is_installed_renders_a_frame(folder: Path, tiny_server: str) -> None:
    done = plugin("check", "--dir", folder, "--server", tiny_server)
    assert done.returncode == 0, done.stderr
    assert [line[:4] for line in done.stdout.splitlines()] == ["ok: "] * 5
    found = plugin("check", "--server", tiny_server, OFX_PLUGIN_PATH=str(folder))
    assert found.stdout.splitlines()[:2] == done.stdout.splitlines()[:2]


def test_a_server_that_is_not_there_is_named(folder: Path) -> None:
    done = plugin("check", "--dir", folder, "--server", "unix:/nowhere/socket")
    assert done.returncode == 1
    assert "unix:/nowhere/socket" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_python_that_is_gone_is_named(tmp_path: Path) -> None:
    plugin("install", "--dir", tmp_path)
    python_file(tmp_path / BUNDLE_NAME).write_text("/nowhere/python\n")
    done = plugin("check", "--dir", tmp_path)
    assert done.returncode == 1
    assert "/nowhere/python" in done.stderr
    assert "plugin install" in done.stderr


def test_a_shim_that_is_no_library_is_said(tmp_path: Path, tiny_server: str) -> None:
    plugin("install", "--dir", tmp_path)
    (shim,) = (tmp_path / BUNDLE_NAME).glob("Contents/*/*.ofx")
    shim.write_bytes(b"not a library")
    done = plugin("check", "--dir", tmp_path, "--server", tiny_server)
    assert done.returncode == 1
    assert "could not be loaded" in done.stderr


def test_it_is_taken_away_and_only_what_is_ours(tmp_path: Path) -> None:
    plugin("install", "--dir", tmp_path)
    assert plugin("uninstall", "--dir", tmp_path).returncode == 0
    assert not (tmp_path / BUNDLE_NAME).exists()
    again = plugin("uninstall", "--dir", tmp_path)
    assert (again.returncode, "not installed" in again.stderr) == (1, True)
    (tmp_path / BUNDLE_NAME / "Contents").mkdir(parents=True)
    assert "nothing was removed" in plugin("uninstall", "--dir", tmp_path).stderr
    assert (tmp_path / BUNDLE_NAME).exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = plugin("install", "--dir", tmp_path / "file")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert plugin("install", "--dir", tmp_path, "--user").returncode == 2
