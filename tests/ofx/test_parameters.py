"""The parameter table, what C makes of it, and values that come in from outside."""

import math
from pathlib import Path

import pytest

from kinemacolor.ofx import describe_table, parameters
from kinemacolor.ofx.parameters import PARAMETERS, VALUED, Kind, default_values, parameter

SHIM = Path(describe_table.__file__).parent / "shim"
VISIBLE_AT_MOST = 9
IN_PROJECTS = """
    quality amount temperature tint stability mix mediaFile output status shots shotSource shotList analysis
    analyse analyseNow mediaStart hints hint1On hint1Point hint1Colour hint1Radius hint2On hint2Point
    hint2Colour hint2Radius hint3On hint3Point hint3Colour hint3Radius hint4On hint4Point hint4Colour
    hint4Radius references reference1On reference1File reference1Frame reference2On reference2File
    reference2Frame service server model temporal upsampling onError markProvisional inputTransfer matrix
"""
"""Names under which projects have values already."""


@pytest.mark.parametrize("name", ["table.h", "wire.h"])
def test_the_c_tables_are_those_of_the_python_table(name):
    assert (SHIM / name).read_text(encoding="utf-8") == describe_table.generated()[name]


def test_another_table_has_another_hash(monkeypatch):
    before = describe_table.table_hash()
    monkeypatch.setattr(describe_table, "PARAMETERS", PARAMETERS[:-1])
    describe_table.table_hash.cache_clear()
    try:
        assert describe_table.table_hash() != before
    finally:
        monkeypatch.undo()
        describe_table.table_hash.cache_clear()


def test_names_are_unique_and_groups_stand_before_what_is_in_them():
    names = [each.name for each in PARAMETERS]
    assert len(set(names)) == len(names)
    for place, each in enumerate(PARAMETERS):
        assert not each.group or parameter(each.group) in PARAMETERS[:place]


def test_projects_find_their_parameters_again():
    names = [each.name for each in PARAMETERS]
    assert [name for name in names if name in IN_PROJECTS.split()] == IN_PROJECTS.split()


def test_few_parameters_are_always_visible():
    visible = [each for each in PARAMETERS if not each.group and each.kind is not Kind.GROUP]
    assert 5 <= len(visible) <= VISIBLE_AT_MOST


def test_every_parameter_has_words_for_a_person_and_a_default_of_its_kind():
    for each in PARAMETERS:
        assert each.label
        assert each.hint.endswith(".")
        if each.kind.has_value and not each.kind.is_text and each.kind is not Kind.CHOICE:
            assert each.value_of(each.default) == each.default


def test_what_only_says_where_the_server_is_renders_nothing_and_does_not_animate():
    for name in ("server", "status"):
        assert not parameter(name).evaluates
        assert not parameter(name).animates


def test_cheap_controls_are_those_behind_the_network():
    cheap = {each.name for each in VALUED if each.cheap}
    assert {"amount", "temperature", "tint", "mix", "output"} <= cheap
    assert not cheap & {"quality", "stability", "mediaFile", "shotSource", "model", "inputTransfer", "hint1Point"}


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("quality", 2, "high"),
        ("quality", 3, "standard"),
        ("quality", -1, "standard"),
        ("mix", 1.5, 1.0),
        ("mix", -math.inf, 1.0),
        ("tint", math.nan, 0.0),
        ("hint1Point", (2.0, 0.25), (1.0, 0.25)),
        ("hint1Point", (math.nan, 0.25), (0.5, 0.5)),
        ("analyseNow", 7, True),
        ("reference1Frame", -5, 0),
        ("mediaFile", "/film.mov", "/film.mov"),
    ],
)
def test_values_from_outside_are_bounded_and_finite(name, raw, value):
    assert parameter(name).value_of(raw) == value


def test_values_are_typed():
    values = default_values()
    assert values.choice("quality") == "standard"
    assert values.number("amount") == 1.0
    assert values.flag("markProvisional") is True
    assert values.numbers("hint1Colour") == (0.5, 0.5, 0.5)
    assert values.whole("reference2Frame") == 0
    with pytest.raises(KeyError, match="amount is a float"):
        values.text("amount")
    with pytest.raises(KeyError):
        values.number("saturation")


def test_public_names_exist():
    assert all(hasattr(parameters, name) for name in parameters.__all__)
