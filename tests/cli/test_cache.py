"""`kinemacolor cache`: what is there, how large it is, whether it is good, and how it goes away."""

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from kinemacolor.cli.main import main
from kinemacolor.store.folder import StoreFolder, default_folder

OUTPUT, USAGE = 1, 2
KEYS = [digit * 32 for digit in "abc"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Three clips of 30 frames, not used for three days, two days and one day."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "store")
    from stored import Store

    made = Store(StoreFolder(tmp_path / "store"))
    for days, key in zip((3, 2, 1), KEYS, strict=True):
        made.fill(range(30), key=key)
        path = made.folder.path / f"{key}.chroma"
        past = path.stat().st_mtime - 86_400 * days
        os.utime(path, (past, past))
    return made


@pytest.fixture
def cache(store, capsys):
    """Runs `kinemacolor cache ...` on the store: (exit code, stdout, stderr)."""

    def run(*words):
        code = main(["cache", *map(str, words), "--store-dir", str(store.folder.path)])
        return code, *capsys.readouterr()

    return run


def keys(store):
    return [entry.key for entry in store.folder.entries()]


def damage(store, key):
    with contextlib.closing(sqlite3.connect(store.folder.path / f"{key}.chroma")) as database, database:
        database.execute("UPDATE colour SET planes = zeroblob(9) WHERE number IN (3, 4)")


def test_list_shows_what_goes_first_at_the_top(cache):
    code, out, err = cache("list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == KEYS
    assert all("30 frames  film.mov" in line for line in out.splitlines())


def test_list_for_a_machine(cache, store):
    (store.folder.path / f"{'d' * 32}.refused").write_bytes(b"xyz")
    (store.folder.path / f"{'e' * 32}.chroma").write_bytes(b"no database" * 100)
    code, out, _ = cache("list", "--json")
    values = {clip["clip"][0]: clip for clip in json.loads(out)}
    assert code == 0
    assert values["a"]["frames"] == 30
    assert values["a"]["label"] == "film.mov"
    assert values["a"]["bytes"] == store.folder.entries()[1].bytes > 30 * 16_000
    assert (values["d"]["refused"], values["d"]["readable"], values["d"]["bytes"]) == (True, False, 3)
    assert (values["e"]["refused"], values["e"]["readable"]) == (False, False)


def test_size(cache, store):
    total = sum(entry.bytes for entry in store.folder.entries())
    assert json.loads(cache("size", "--json")[1]) == {"folder": str(store.folder.path), "clips": 3, "bytes": total}
    assert f"MB in 3 clips in {store.folder.path}" in cache("size")[1]


def test_a_store_that_is_not_there_is_empty(tmp_path, capsys):
    for action in ("list", "size", "verify"):
        assert main(["cache", action, "--store-dir", str(tmp_path / "none"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) in ([], {"folder": str(tmp_path / "none"), "clips": 0, "bytes": 0})
    assert main(["cache", "purge", "--all", "--store-dir", str(tmp_path / "none")]) == 0
    assert list(tmp_path.iterdir()) == []


def test_verify_names_what_is_damaged_and_fails(cache, store):
    assert cache("verify")[:2] == (0, "".join(f"{key}  good\n" for key in KEYS))
    damage(store, KEYS[1])
    code, out, err = cache("verify")
    assert code == OUTPUT
    found = {(line[0], line.split("  ")[1]) for line in out.splitlines()}
    assert found == {("a", "good"), ("b", "frame 3 is damaged"), ("b", "frame 4 is damaged"), ("c", "good")}
    assert len(err.splitlines()) == 1
    assert "1 clip of 3 damaged" in err
    code, out, _ = cache("verify", "--json")
    assert code == OUTPUT
    assert {clip["clip"][0]: len(clip["damages"]) for clip in json.loads(out)} == {"a": 0, "b": 2, "c": 0}


def test_verify_finds_a_page_that_is_not_what_was_written(cache, store):
    path = store.folder.path / f"{KEYS[0]}.chroma"
    data = bytearray(path.read_bytes())
    data[16384 : 2 * 16384] = os.urandom(16384)
    path.write_bytes(data)
    code, out, _ = cache("verify", "--json")
    assert code == OUTPUT
    assert [clip["clip"] for clip in json.loads(out) if clip["damages"]] == [KEYS[0]]


def test_purge_by_name(cache, store):
    code, _, err = cache("purge", "bbbb")
    assert code == 0
    assert keys(store) == [KEYS[0], KEYS[2]]
    assert "removed" in err
    assert sorted(path.name for path in store.folder.path.iterdir() if KEYS[1] in path.name) == []


def test_purge_what_was_not_used(cache, store):
    assert cache("purge", "--unused-for", "1.5")[0] == 0
    assert keys(store) == [KEYS[2]]


def test_purge_down_to_a_size(cache, store):
    one = store.folder.entries()[0].bytes
    assert cache("purge", "--to", str(2 * one))[0] == 0
    assert keys(store) == KEYS[1:]


def test_purge_everything(cache, store):
    (store.folder.path / f"{'d' * 32}.refused").write_bytes(b"xyz")
    assert cache("purge", "--all")[0] == 0
    assert [path.name for path in store.folder.path.iterdir()] == ["lock"]


def test_purge_leaves_what_is_in_use_and_says_so(cache, store):
    with store.open(KEYS[0]):
        code, _, err = cache("purge", "--all")
    assert (code, keys(store)) == (OUTPUT, [KEYS[0]])
    assert "1 clip in use by another process and not removed" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("empty",), "invalid choice"),
        (("purge",), "one of them"),
        (("purge", "--all", "aaaa"), "one of them"),
        (("purge", "ffff"), "names 0 clips"),
        (("purge", "xyz1"), "hexadecimal"),
        (("purge", "--to", "much"), "expected a size such as"),
        (("purge", "--unused-for", "-1"), "days are 0 to"),
    ],
)
def test_arguments_that_make_no_sense(cache, store, words, message):
    code, out, err = cache(*words)
    assert (code, out) == (USAGE, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert keys(store) == KEYS


def test_a_folder_that_is_none(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["cache", "list", "--store-dir", str(tmp_path / "file")]) == OUTPUT
    assert capsys.readouterr().err == f"kinemacolor: {tmp_path / 'file'}: is no folder\n"


def test_the_folder_is_below_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "kinemacolor" / "chroma"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "kinemacolor" / "chroma"
