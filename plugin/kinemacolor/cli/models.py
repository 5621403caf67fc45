"""`kinemacolor models`: `list` asks a server what it can run; the other actions are about weights on this machine."""

from importlib import import_module

from kinemacolor.cli.parser import add_server, command_parser, server_options
from kinemacolor.client.connection import ModelInfo
from kinemacolor.render import console
from kinemacolor.render.server_choice import open_server

_LOCAL_ACTIONS = ("get", "import", "verify", "licence")


def main(arguments: list[str]) -> int:
    """Carry out one action.

    Raises:
        ClientError: No server answers.
    """
    if arguments and arguments[0] in _LOCAL_ACTIONS:
        # By name: this side of the project does not load torch.
        code: int = import_module("kinemacolor.models.command").main(arguments)
        return code
    parser = command_parser(
        "models", "List the models of a server; get, import, verify and licence are about weights of others."
    )
    parser.add_argument("action", choices=["list", *_LOCAL_ACTIONS])
    add_server(parser)
    values = parser.parse_args(arguments)
    with open_server(server_options(values), model="") as session:
        models = session.client.list_models()
    if values.json:
        console.put_json([model_values(model) for model in models])
    else:
        console.put("\n".join(model_lines(models)))
    return 0


def model_values(model: ModelInfo) -> dict[str, object]:
    """For a machine."""
    return {
        "name": model.name,
        "description": model.description,
        "frame": model.frame,
        "temporal": model.temporal,
        "licence": model.licence,
        "terms": model.terms or None,
        "weights_sha256": model.weights_sha256 or None,
        "is_installed": bool(model.weights_sha256),
        "is_default": model.is_default,
        "takes_references": model.takes_references,
        "takes_hints": model.takes_hints,
        "has_confidence": model.has_confidence,
        "variants": model.variants,
    }


def model_lines(models: tuple[ModelInfo, ...]) -> list[str]:
    """For a person."""
    width = max((len(model.name) for model in models), default=0)
    lines = [
        f"{'*' if model.is_default else ' '} {model.name:<{width}}  {_state(model)}  "
        f"{model.description}{_abilities(model)} [{model.licence}]"
        for model in models
    ]
    terms = {model.terms: model.licence for model in models if model.terms}
    return lines + [f"{licence}: {sentence}" for sentence, licence in terms.items()]


def _abilities(model: ModelInfo) -> str:
    takes = {"references": model.takes_references, "hints": model.takes_hints}
    words = [f"takes {' and '.join(name for name, does in takes.items() if does)}"] if any(takes.values()) else []
    words += [f"{model.variants} variants"] if model.variants > 1 else []
    words += ["says how sure it is"] if model.has_confidence else []
    return f" ({', '.join(words)})" if words else ""


def _state(model: ModelInfo) -> str:
    return model.weights_sha256[:12] if model.weights_sha256 else "not installed"
