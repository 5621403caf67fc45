"""Which effect the helper serves: `$KINEMACOLOR_OFX_EFFECT`, a name or FILE.py:CLASS; "colour" if it is not set."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from kinemacolor.ofx.helper.effect import Effect, EffectError, MakeEffect
from kinemacolor.ofx.helper.protocol import Hello

__all__ = ["EFFECT_VARIABLE", "chosen_effect"]

EFFECT_VARIABLE = "KINEMACOLOR_OFX_EFFECT"
DEFAULT = "colour"
_EFFECTS = {
    "colour": "kinemacolor.ofx.session.effect:ColourEffect",
    "passthrough": "kinemacolor.ofx.helper.passthrough:PassThrough",
}


def chosen_effect(choice: str) -> MakeEffect:
    """What makes the chosen effect. Its modules are loaded when it is made, so that a failure has somewhere to go."""

    def make(host: Hello) -> Effect:
        module, name = _find(choice or DEFAULT)
        effect: Effect = getattr(module, name)(host)
        return effect

    return make


def _find(choice: str) -> tuple[ModuleType, str]:
    """A module and the name of the effect's maker in it.

    Raises:
        EffectError: There is no such effect.
    """
    file, _, name = choice.rpartition(":")
    if file.endswith(".py"):
        return _load(Path(file)), name
    if choice not in _EFFECTS:
        raise EffectError(f"there is no effect called {choice!r}")
    module, _, name = _EFFECTS[choice].partition(":")
    return importlib.import_module(module), name


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise EffectError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
