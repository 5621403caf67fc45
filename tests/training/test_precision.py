"""What training computes in: bfloat16 only where the device does so by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from kinemacolor.models.native_dtype import has_native_bf16
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training import precision
from kinemacolor.training.eccv16_trainer import Eccv16Recipe, Eccv16Trainer
from kinemacolor.training.photos import CropSettings
from kinemacolor.training.precision import mixed_precision

CPU = torch.device("cpu")


@pytest.fixture(params=[True, False])
def is_native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(precision, "has_native_bf16", lambda _: request.param)
    return bool(request.param)


def test_the_answer_of_the_processor_decides(is_native: bool) -> None:
    layer = nn.Conv2d(3, 4, 3)
    with mixed_precision(CPU):
        found = layer(torch.zeros(1, 3, 8, 8))
    assert found.dtype is (torch.bfloat16 if is_native else torch.float32)


def test_a_processor_without_such_instructions_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert not has_native_bf16(CPU)
    assert not has_native_bf16(torch.device("meta"))


def test_both_learn(is_native: bool, tmp_path: Path) -> None:
    recipe = Eccv16Recipe(steps=2, width=4, warm_up_steps=1, crops=CropSettings(count=2, side_px=32), seed=7)
    photo = np.random.default_rng(3).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    trainer = Eccv16Trainer(tmp_path, recipe, [photo], [photo])
    before = [parameter.clone() for parameter in trainer.net.parameters()]
    trainer.run(log_every=1)
    after = list(trainer.net.parameters())
    assert all(parameter.dtype is torch.float32 for parameter in after)
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_the_trunk_learns_in_both(is_native: bool) -> None:
    """Depthwise convolutions of stride 2 have a way of their own in bfloat16."""
    torch.manual_seed(5)
    net = MobileNetV2Encoder().train()
    with mixed_precision(CPU):
        answer = net(torch.rand(1, 3, 64, 64))
    taps = answer if isinstance(answer, list | tuple) else [answer]
    sum(tap.float().square().mean() for tap in taps).backward()
    gradients = [parameter.grad for parameter in net.parameters()]
    assert all(gradient is not None and bool(torch.isfinite(gradient).all()) for gradient in gradients)
