import json
from pathlib import Path

import pytest

from kinemacolor.training.degradation import FilmModel
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.finish_loss import FinishLoss
from kinemacolor.training.motion import MotionSettings
from kinemacolor.training.photos import CropSettings, is_held_out
from kinemacolor.training.recall_loss import RecallLoss
from kinemacolor.training.recall_trainer import BankSettings
from kinemacolor.training.recipe import read_recipe, shipped_recipes
from kinemacolor.training.spread_examples import ExampleSettings
from kinemacolor.training.spread_trainer import SpreadRecipe
from kinemacolor.training.trainer import Recipe

SMALLEST = {"name": "x", "small_photos": {"folder": "f", "tars": "*.tar"}, "numbers": {"steps": 3}}


def _written(folder: Path, **changes: object) -> str:
    path = folder / "recipe.json"
    path.write_text(json.dumps({**SMALLEST, **changes}))
    return str(path)


def test_the_shipped_recipe_states_every_number() -> None:
    plan = read_recipe("kinema")
    assert shipped_recipes() == ["kinema"]
    own = {
        "steps": 16000,
        "encoder_rate": 3e-4,
        "decoder_rate": 1.5e-3,
        "seed": 1005,
        "weight_decay": 1e-3,
        "warm_up_steps": 100,
        "decay_share": 0.47,
        "average": 0.999,
        "finish": FinishLoss(from_share=0.4),
    }
    assert plan.numbers == Recipe(**own, film=FilmModel())
    assert plan.memory is not None
    assert plan.recall is not None
    assert plan.spread is not None
    assert plan.memory.numbers.film == plan.recall.numbers.film == plan.spread.numbers.film == FilmModel()
    assert plan.memory.numbers.motion == MotionSettings()
    assert plan.recall.numbers.motion == MotionSettings(frames=16, objects=0.9, cut_outs=0.5)
    assert plan.recall.numbers.bank == BankSettings(pairs=0.2, strangers=0.1, hints=0.7)
    assert plan.recall.numbers.loss == RecallLoss()
    assert plan.spread.numbers == SpreadRecipe(
        steps=26000,
        rate=1.3e-3,
        seed=31,
        warm_up_steps=60,
        decay_share=0.6,
        average=0.997,
        old_film_share=0.3,
        examples=ExampleSettings(regions=0.3, things=0.35, more_hints=0.45, apart=0.6, inmost=0.5),
    )
    assert plan.start is None
    assert plan.clips is not None
    assert plan.encoder is not None
    assert plan.large_photos is not None
    assert plan.held_out_one_in == 200


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    toml = tmp_path / "recipe.toml"
    toml.write_text('name = "x"\n[small_photos]\nfolder = "f"\ntars = "*.tar"\n[numbers]\nsteps = 3\n')
    assert read_recipe(str(toml)) == read_recipe(_written(tmp_path))


def test_numbers_are_read_into_their_types(tmp_path: Path) -> None:
    numbers = {"minutes": 5, "large_share": [0, 1], "small": {"count": 2, "side_px": 32}}
    found = read_recipe(_written(tmp_path, numbers=numbers)).numbers
    assert found == Recipe(minutes=5.0, large_share=(0.0, 1.0), small=CropSettings(count=2, side_px=32))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": {"stepz": 3}}, "unknown key numbers.stepz"),
        ({"numbers": {}}, "expected minutes or steps"),
        ({"numbers": {"steps": "3"}}, "numbers.steps: expected int, found '3'"),
        ({"numbers": {"steps": True}}, "numbers.steps: expected int, found True"),
        ({"numbers": {"steps": 3, "large_share": [1]}}, "numbers.large_share: expected two numbers"),
        ({"numbers": {"steps": 3, "small": {"count": 2}}}, "no numbers.small.side_px"),
        ({"watch": 3}, "watch.: expected a table"),
        ({"name": None, "more": 1}, "unknown key more"),
        ({"memory": {"numbers": {"steps": 1}}}, "expected a table clips, found none"),
        ({"recall": {"numbers": {"steps": 1}}}, "expected a table clips, found none"),
        ({"spread": {"numbers": {"steps": 1}, "clips": {}}}, "unknown key spread.clips"),
        ({"start": {"file": "x"}}, "no start.sha256"),
    ],
)
def test_what_is_not_a_recipe_is_refused_by_name(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(_written(tmp_path, **changes))
    assert message in str(caught.value)
    assert "recipe.json: " in str(caught.value)


def test_no_such_file() -> None:
    with pytest.raises(RecipeError, match=r"no recipe file nowhere.toml; recipes in the package: kinema"):
        read_recipe("nowhere.toml")


def test_text_that_is_not_toml(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("name = ")
    with pytest.raises(RecipeError, match=r"bad.toml: Invalid value"):
        read_recipe(str(path))


def test_held_out_by_name_alone() -> None:
    names = [f"{index}.jpg" for index in range(3000)]
    assert sum(is_held_out(name, 10) for name in names) == pytest.approx(300, abs=60)
    assert not any(is_held_out(name, 0) for name in names)
