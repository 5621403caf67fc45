"""A network of reduced size in a render of its own server: its variants, its missing file, and what the film says."""

import av
import films
import make
import numpy as np
import pytest
from safetensors.torch import save_file
from tests.parity.seeded import with_seeded_weights

from kinemacolor.models.library import import_weights
from kinemacolor.models.networks.favc import FavcColour, FavcPainter, FavcRefine
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS, MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder

NETWORKS = {
    "favc-reduced": lambda: FavcPainter(MobileTrunk(MobileNetV2Encoder()), FavcColour(TRUNK_CHANNELS, 4)),
    "favc-refine-reduced": lambda: FavcRefine(4),
}


@pytest.fixture
def bring(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Imports narrow weights by name into a folder that the private server looks into."""
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))

    def network(name):
        state = with_seeded_weights(NETWORKS[name]()).state_dict()
        save_file({key: value.contiguous() for key, value in state.items()}, tmp_path / f"{name}.safetensors")
        import_weights(name, tmp_path / f"{name}.safetensors")

    return network


@pytest.fixture
def source(tmp_path):
    return make.film(tmp_path / "in.mkv", codec="ffv1", width=96, height=64, frames=3)


def test_favc_is_refined_has_variants_and_says_what_it_is(tmp_path, run, bring, source):
    for name in NETWORKS:
        bring(name)
    found = {}
    for model, variant in (("favc-reduced", 1), ("favc-reduced", 3), ("favc-reduced+none", 1)):
        out = tmp_path / f"{model}{variant}.mkv"
        done = run("render", source.path, out, "-c", "ffv1", "--model", model, "--variant", variant, "-q")
        assert done.code == 0, done.err
        found[model, variant] = films.planes_of(out)
        assert films.has_colour(out)
        with av.open(str(out)) as container:
            comment = container.metadata.get("COMMENT") or container.metadata["comment"]
        assert "made by training here and not by the authors" in comment
    for planes in found.values():
        assert all(np.array_equal(one[0], other[0]) for one, other in zip(planes, source.planes, strict=True))
    own, third, alone = found.values()
    assert not np.array_equal(own[0][1], third[0][1])
    assert np.array_equal(own[0][1], alone[0][1]), "the first frame of a shot is taken as it is"
    assert not np.array_equal(own[2][1], alone[2][1])


def test_a_missing_file_ends_the_render_with_its_name(tmp_path, run, bring, source):
    bring("favc-reduced")
    done = run("render", source.path, tmp_path / "out.mkv", "--model", "favc-reduced", "-q")
    assert done.code != 0
    assert "favc-reduced needs favc-refine-reduced, not installed" in done.message
    assert not (tmp_path / "out.mkv").exists()
