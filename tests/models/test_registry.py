import hashlib
import json
from importlib import resources

import pytest
import torch

from kinemacolor.models.errors import ModelError, UnknownModelError
from kinemacolor.models.registry import DEFAULT_MODEL, list_models, load_model


def test_the_default_comes_first_and_names_are_distinct() -> None:
    names = [spec.name for spec in list_models()]
    assert names[0] == DEFAULT_MODEL == "kinema"
    assert len(set(names)) == len(names)
    assert "tiny" in names


@pytest.mark.parametrize("name", ["kinema", "tiny"])
def test_every_model_loads_as_its_card_says(name: str) -> None:
    model = load_model(name)
    assert model.spec == next(spec for spec in list_models() if spec.name == name)
    assert model.dtype == model.spec.dtypes[0] == torch.float32
    assert model.device == torch.device("cpu")


def test_kinema_colours_in_both_dtypes_alike() -> None:
    lightness = torch.linspace(10.0, 90.0, 64 * 64).view(1, 1, 64, 64)
    full = load_model("kinema").propose(lightness)[0].ab
    half = load_model("kinema", dtype=torch.bfloat16).propose(lightness)[0].ab
    assert float(full.abs().max()) > 0.5
    assert float((full - half).abs().mean()) < 2.0  # 8 bits of mantissa through 50 layers


def test_the_shipped_file_is_the_one_on_its_card_and_small() -> None:
    folder = resources.files("kinemacolor.models") / "weights"
    data = (folder / "kinema.safetensors").read_bytes()
    card = json.loads((folder / "kinema.json").read_text(encoding="utf-8"))
    assert hashlib.sha256(data).hexdigest() == card["sha256"]
    assert len(data) == card["bytes"] < 40_000_000
    assert card["licence"]
    assert len(card["training"]["sources"]) > 10


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(UnknownModelError, match=r"no model 'kinemax'; there are: kinema, eccv16, .*, tiny$"):
        load_model("kinemax")


def test_an_unchecked_dtype_is_refused() -> None:
    with pytest.raises(ModelError, match=r"tiny: expected one of the dtypes torch\.float32"):
        load_model("tiny", dtype=torch.bfloat16)


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 thread, found 0"):
        load_model("tiny", threads=0)
