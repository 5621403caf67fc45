"""How users name a model: a frame network and, behind a plus sign, a temporal network. Pure."""

from collections.abc import Sequence

from kinemacolor.client.connection import ModelInfo

__all__ = ["find_model", "names_instead", "with_temporal"]

_MARK = "+"


def with_temporal(model: str, temporal: str) -> str:
    """One name for both; each may be empty, which means the server's own choice.

    Raises:
        ValueError: Both name a temporal network.
    """
    if not temporal:
        return model
    if _MARK in model:
        raise ValueError(f"{model} names a temporal network already; found another, {temporal}")
    return f"{model}{_MARK}{temporal}"


def find_model(models: Sequence[ModelInfo], name: str) -> ModelInfo | None:
    """The model that a name means, or None.

    Args:
        models: Those of a server, its default among them.
        name: As a user says it: `kinema`, `eccv16+lai`, `kinema+memory` (which is `kinema`), `+lai` (the default's
            frame network with that temporal network) or empty, the default.
    """
    default = next((model for model in models if model.is_default), None)
    if not name:
        return default
    frame, mark, temporal = name.partition(_MARK)
    if not mark:
        return next((model for model in models if model.name == frame), None)
    frame = frame or (default.frame if default is not None else "")
    return next((model for model in models if (model.frame, model.temporal) == (frame, temporal)), None)


def names_instead(models: Sequence[ModelInfo], name: str) -> str:
    """What a person who asked for a model that is not there may take, in one line.

    Args:
        models: Those of a server.
        name: What was asked for. Without a temporal network each frame network is said once: with every temporal
            network behind it nobody would find it.
    """
    names = [model.name if _MARK in name else model.frame for model in models]
    return ", ".join(dict.fromkeys(names))
