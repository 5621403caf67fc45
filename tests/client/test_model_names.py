"""How a user names a model, and which of a server's models is meant."""

import pytest

from kinemacolor.client.connection import ModelInfo
from kinemacolor.client.model_names import find_model, names_instead, with_temporal


def model(name: str, frame: str, temporal: str, *, is_default: bool = False) -> ModelInfo:
    return ModelInfo(
        name=name,
        description="",
        licence="",
        weights_sha256="",
        is_default=is_default,
        is_loaded=False,
        takes_references=False,
        takes_hints=False,
        has_confidence=False,
        frame=frame,
        temporal=temporal,
        terms="",
        variants=1,
    )


MODELS = (
    model("kinema", "kinema", "memory"),
    model("kinema+none", "kinema", "none"),
    model("eccv16", "eccv16", "none"),
    model("eccv16+memory", "eccv16", "memory", is_default=True),
)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", "eccv16+memory"),
        ("kinema", "kinema"),
        ("kinema+memory", "kinema"),
        ("kinema+none", "kinema+none"),
        ("+none", "eccv16"),
        ("+memory", "eccv16+memory"),
        ("eccv16+none", "eccv16"),
        ("+lai", None),
        ("nobody", None),
        ("kinema+", None),
    ],
)
def test_the_model_that_is_meant(said: str, meant: str | None) -> None:
    found = find_model(MODELS, said)
    assert (found.name if found is not None else None) == meant


def test_a_server_without_a_default_has_no_model_without_a_name() -> None:
    assert find_model(MODELS[:2], "") is None
    assert find_model(MODELS[:2], "+none") is None


def test_what_there_is_instead_is_said_once() -> None:
    assert names_instead(MODELS, "nobody") == "kinema, eccv16"
    assert names_instead(MODELS, "eccv16+lai") == "kinema, kinema+none, eccv16, eccv16+memory"


def test_frame_network_and_temporal_network_become_one_name() -> None:
    assert with_temporal("kinema", "lai") == "kinema+lai"
    assert with_temporal("", "lai") == "+lai"
    assert with_temporal("kinema+none", "") == "kinema+none"
    with pytest.raises(ValueError, match=r"kinema\+none names a temporal network already; found another, lai"):
        with_temporal("kinema+none", "lai")
