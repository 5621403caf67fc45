"""What is printed arrives, whatever characters a terminal takes."""

import io
import json
import sys
from collections.abc import Callable

import pytest

from kinemacolor.render import console

NAMES = ["Müller", "月世界旅行", "film\udcff.mov"]
"""The last is how Python writes a file's name whose bytes are no UTF-8."""


ENCODINGS = pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])


@pytest.fixture
def stdout(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], io.BytesIO]:
    def open_with(encoding: str) -> io.BytesIO:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        return raw

    return open_with


@ENCODINGS
@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_printed_with_what_cannot_be_as_escapes(
    stdout: Callable[[str], io.BytesIO], encoding: str, name: str
) -> None:
    printed = stdout(encoding)
    console.put(f"a {name} b")
    line = printed.getvalue()
    assert line.startswith(b"a ")
    assert line.endswith(b" b\n")


@ENCODINGS
@pytest.mark.parametrize("name", NAMES)
def test_json_stays_json_and_says_the_same(stdout: Callable[[str], io.BytesIO], encoding: str, name: str) -> None:
    printed = stdout(encoding)
    console.put_json_line({"name": name})
    console.put_json({"name": name})
    one, whole = printed.getvalue().decode(encoding).split("\n", 1)
    assert json.loads(one) == json.loads(whole) == {"name": name}
