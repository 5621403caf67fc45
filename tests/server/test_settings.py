"""Where the settings of a server come from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from box import start

from kinemacolor.server.settings import SETTINGS

COMMAND = [sys.executable, "-m", "kinemacolor.server"]


def printed(*options: str, **variables: str) -> dict[str, str]:
    """Key -> value and origin, of a server that prints its settings."""
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [*COMMAND, "--print-config", *options], capture_output=True, text=True, env=environment, timeout=120, check=True
    )
    assert done.stderr == ""
    lines = (line.removeprefix("# ").split(" =", 1) for line in done.stdout.splitlines())
    return {key: rest.strip() for key, rest in lines}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "server.toml"
    path.write_text(
        'listen = "127.0.0.1:7500"\nmax_clips = 3\nidle = 60\nsnapshot_bytes = "500M"\nstate_dir = "states"\n'
    )
    return path


def test_the_later_place_counts(file: Path) -> None:
    variables = {
        "KINEMACOLOR_SERVE_MAX_CLIPS": "4",
        "KINEMACOLOR_SERVE_WINDOW": "5",
        "KINEMACOLOR_SERVE_CONFIG": str(file),
    }
    found = printed("--window", "6", **variables)
    assert found["listen"] == '"127.0.0.1:7500"  # file'
    assert found["max_clips"] == "4  # environment"
    assert found["window"] == "6  # option"
    assert found["grace"] == "30.0  # default"
    assert found["snapshot_bytes"] == f"{500 << 20}  # file"
    assert found["model"] == "# default"
    assert found["state_dir"] == f'"{file.parent}/states"  # file'  # from where the file lies
    assert set(found) == {setting.key for setting in SETTINGS}
    assert printed("--token-file", "here")["token_file"] == f'"{Path("here").absolute()}"  # option'


def test_what_is_printed_is_a_file_that_gives_the_same(file: Path, tmp_path: Path) -> None:
    first = printed("--config", str(file), "--device", "cpu", "--token-file", "/run/secrets/t")
    text = subprocess.run(
        [*COMMAND, "--print-config", "--config", str(file), "--device", "cpu", "--token-file", "/run/secrets/t"],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    again = tmp_path / "again.toml"
    again.write_text(text)
    second = printed("--config", str(again))
    assert {key: value.split("  #")[0] for key, value in first.items() if not value.startswith("#")} == {
        key: value.split("  #")[0] for key, value in second.items() if not value.startswith("#")
    }


@pytest.mark.parametrize(
    ("options", "variables", "model", "temporal"),
    [
        ([], {}, '"kinema"  # file', '"lai"  # file'),
        (["--model", "tiny+none"], {}, '"tiny+none"  # option', "# option"),
        (["--model", "tiny"], {}, '"tiny"  # option', '"lai"  # file'),
        (["--temporal", "memory"], {"MODEL": "tiny+none"}, '"tiny"  # environment', '"memory"  # option'),
    ],
)
def test_the_later_place_names_the_temporal_network(
    tmp_path: Path, options: list[str], variables: dict[str, str], model: str, temporal: str
) -> None:
    """A model's name may hold it, and a file's word for it must not hinder whoever asks for another."""
    file = tmp_path / "server.toml"
    file.write_text('model = "kinema"\ntemporal = "lai"\n')
    named = {f"KINEMACOLOR_SERVE_{key}": value for key, value in variables.items()}
    found = printed("--config", str(file), *options, **named)
    assert (found["model"], found["temporal"]) == (model, temporal)


def test_the_option_for_the_file_goes_before_the_variable(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("max_clips = 9\n")
    assert printed("--config", str(other), KINEMACOLOR_SERVE_CONFIG=str(file))["max_clips"] == "9  # file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_clip = 3\n", "no setting 'max_clip'; perhaps max_clips"),
        ("max_clips = true\n", "max_clips: expected N, found true"),
        ('max_clips = "many"\n', "max_clips: expected a whole number, found 'many'"),
        ("max_clips = 0\n", "--max-clips must be 1 to 10000, found 0"),
        ("[server]\nlisten = 'x'\n", "no setting 'server'"),
        ("listen = \n", "expected TOML"),
        pytest.param(f"listen = {'[' * 5000}\n", "expected TOML", id="nested without end"),
        ('log_level = "loud"\n', "log_level: expected one of debug, info, warning, error"),
        ('listen = "0.0.0.0:1"\n', "needs --token-file"),
        ('listen = "unix:/tmp/\\u0000"\n', "expected unix:/absolute/path"),
        ('state_dir = ""\n', "state_dir: expected a path, found ''"),
        ('model = "kinema+lai"\ntemporal = "none"\n', "names a temporal network already"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    status, stderr = start("--config", str(path))
    assert (status, stderr.count("\n")) == (2, 1), stderr
    assert said in stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"KINEMACOLOR_SERVE_MAXCLIPS": "3"},
            "no setting KINEMACOLOR_SERVE_MAXCLIPS; perhaps KINEMACOLOR_SERVE_MAX_CLIPS",
        ),
        ({"KINEMACOLOR_SERVE_IDLE": "soon"}, "KINEMACOLOR_SERVE_IDLE: expected a number of seconds, found 'soon'"),
        ({"KINEMACOLOR_SERVE_CONFIG": "/no/such.toml"}, "/no/such.toml: the settings cannot be read: No such file"),
    ],
)
def test_a_bad_variable_is_one_line(variables: dict[str, str], said: str) -> None:
    status, stderr = start(environment=variables)
    assert (status, stderr.count("\n")) == (2, 1), stderr
    assert said in stderr
