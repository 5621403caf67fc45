"""What a server says of a model is what it colours with."""

from dataclasses import replace

import pytest

from kinemacolor.models.registry import list_models
from kinemacolor.server import engine as engine_module
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.engine import Engine


def test_a_loaded_model_is_described_as_it_was_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(ServerConfig(device="cpu"))
    loaded = engine.model("tiny").spec
    others = tuple(replace(spec, weights_sha256="ab" * 32) for spec in list_models())
    monkeypatch.setattr(engine_module, "list_models", lambda: others)
    told = {spec.name: spec.weights_sha256 for spec in engine.specs}
    assert told.pop("tiny") == loaded.weights_sha256
    assert set(told.values()) == {"ab" * 32}
