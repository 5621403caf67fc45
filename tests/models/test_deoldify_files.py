"""The authors' files of DeOldify: fastai's layout, nothing executed, swapped files named, no hash to go by."""

import functools
import os
import re
import sys
import threading
import types
from collections import OrderedDict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from tests.parity.seeded import RUNS, weights

from kinemacolor.models import official
from kinemacolor.models.command import main
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.load import load_network
from kinemacolor.models.library import import_weights
from kinemacolor.models.networks.deoldify import WIDE, Deoldify, DeoldifySettings
from kinemacolor.models.registry import describe_model, list_models, load_families, load_model
from kinemacolor.models.selftest import sample_lightness

NAMES = ("deoldify-video", "deoldify-stable", "deoldify-artistic")
KIND = {"deoldify-video": "wide", "deoldify-stable": "wide", "deoldify-artistic": "deep"}
FORMS = [pytest.param(True, id="zip"), pytest.param(False, id="former")]


@pytest.fixture(autouse=True)
def reduced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same layouts at an eighth of the width, in a folder of the test's own."""

    def make(settings: DeoldifySettings) -> torch.nn.Module:
        return Deoldify(settings) if settings.width < WIDE.width else RUNS[f"deoldify-{settings.kind}"][0]()

    monkeypatch.setattr(official, "Deoldify", make)
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path / "models"))


def state(name: str) -> OrderedDict[str, torch.Tensor]:
    return OrderedDict(weights(RUNS[f"deoldify-{KIND[name]}"][0]().state_dict()))


def saved(path: Path, what: object, is_zip: bool = True) -> Path:
    torch.save(what, path, _use_new_zipfile_serialization=is_zip)
    return path


@pytest.fixture
def fastai_optimiser(monkeypatch: pytest.MonkeyPatch) -> object:
    """What `Learner.save` keeps beside the model: partials and objects of classes that are not to be had here."""
    module = types.ModuleType("fastai.callback")

    class OptimWrapper:
        def __init__(self) -> None:
            self.opt_func = functools.partial(torch.optim.Adam, betas=(0.0, 0.9))
            self.momentum = torch.full((5, 7), 0.5)

    OptimWrapper.__module__, OptimWrapper.__qualname__ = module.__name__, "OptimWrapper"
    module.OptimWrapper = OptimWrapper  # type: ignore[attr-defined]
    for name in ("fastai", module.__name__):
        monkeypatch.setitem(sys.modules, name, module)
    return {"opt_state": {"step": 3}, "opt_func": OptimWrapper().opt_func, "wrapper": OptimWrapper(), "cut": slice(1)}


@pytest.mark.parametrize("is_zip", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_authors_layouts_load(
    tmp_path: Path, fastai_optimiser: object, monkeypatch: pytest.MonkeyPatch, name: str, is_zip: bool
) -> None:
    expected = state(name)
    bare = saved(tmp_path / "bare.pth", expected, is_zip)
    whole = saved(tmp_path / "whole.pth", {"model": expected, "opt": fastai_optimiser}, is_zip)
    monkeypatch.delitem(sys.modules, "fastai")
    monkeypatch.delitem(sys.modules, "fastai.callback")
    for path in (bare, whole):
        network = load_network(name, path)
        assert not network.training
        assert all(torch.equal(value, expected[key]) for key, value in network.state_dict().items())
    assert "fastai" not in sys.modules


class Attack:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.fault(27, "malicious snapshot or weights file")
@pytest.mark.parametrize("is_zip", FORMS)
@pytest.mark.parametrize("where", ["opt", "model", "a partial"])
def test_a_file_that_would_run_code_runs_none(tmp_path: Path, where: str, is_zip: bool) -> None:
    trace = tmp_path / "trace"
    model: OrderedDict[str, object] = OrderedDict(state("deoldify-artistic"))
    opt: object = {"step": 1}
    if where == "model":
        model["layers.1.bias"] = Attack(trace)
    else:
        opt = Attack(trace) if where == "opt" else functools.partial(print, Attack(trace))
    path = saved(tmp_path / "bad.pth", {"model": model, "opt": opt}, is_zip)
    with pytest.raises(CheckpointError, match=r"^bad\.pth: expected a file of weights, found one that would run"):
        load_network("deoldify-artistic", path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("asked", "given", "said"),
    [
        ("deoldify-stable", "deoldify-artistic", "found those of deoldify-artistic"),
        ("deoldify-video", "deoldify-artistic", "found those of deoldify-artistic"),
        ("deoldify-artistic", "deoldify-stable", "found those of deoldify-video or deoldify-stable"),
    ],
)
def test_swapped_files_are_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, given: str, said: str
) -> None:
    path = saved(tmp_path / "gen.pth", {"model": state(given), "opt": {}})
    assert main(["import", asked, "--from", str(path)]) == 1
    error = capsys.readouterr().err
    assert error == f"kinemacolor: gen.pth: expected the weights of {asked}, {said}\n"


def test_parts_of_a_training_are_no_generator(tmp_path: Path) -> None:
    critic = saved(tmp_path / "crit.pth", {"model": {"0.0.weight_orig": torch.zeros(8, 3, 4, 4)}})
    with pytest.raises(CheckpointError, match=r"deoldify-video, found \d+ missing .*; 1 unknown \(0\.0\.weight_orig\)"):
        load_network("deoldify-video", critic)
    without = state("deoldify-video")
    del without["layers.4.conv.0.weight_u"]
    with pytest.raises(CheckpointError, match=r"1 missing \(layers\.4\.conv\.0\.weight_u\)"):
        load_network("deoldify-video", saved(tmp_path / "u.pth", without))


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_whose_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert describe_model(name).weights_sha256 == ""
    assert main(["licence", name]) == 0
    assert "MIT" in capsys.readouterr().out
    path = saved(tmp_path / "gen.pth", {"model": state(name), "opt": {}})
    assert main(["import", name, "--from", str(path)]) == 0
    assert "whose it is cannot be told: no hash of the authors' file is known" in capsys.readouterr().out
    assert main(["verify", name]) == 0
    assert f"{name}: as it was imported, SHA-256" in capsys.readouterr().out
    assert len(describe_model(name).weights_sha256) == 64
    assert {f"{name}{with_}" for with_ in ("", "+memory", "+lai")} <= {spec.name for spec in list_models()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("temporal", ["", "+memory", "+lai"])
def test_each_colours_a_shot_with_each_temporal_network(tmp_path: Path, name: str, temporal: str) -> None:
    import_weights(name, saved(tmp_path / "gen.pth", {"model": state(name), "opt": {}}))
    model = load_model(f"{name}{temporal}")
    assert (model.spec.frame, model.spec.multiple_of) == (name, 16)
    runs = []
    for _ in range(2):
        found, colours = model.init_state(), []
        for proposal in model.propose(sample_lightness(3, 32, 48)):
            found, ab = (result := model.step(found, proposal)).state, result.ab
            colours.append(ab)
        runs.append(torch.stack(colours))
    assert torch.equal(*runs)
    assert runs[0].shape == (3, 2, 32, 48)
    assert torch.isfinite(runs[0]).all()
    assert float(runs[0].abs().max()) > 1


def test_combinations_share_the_frame_network(tmp_path: Path) -> None:
    """As the comparison runs them: a proposal of one is gone on from by all; the first frame of a shot is its own."""
    import_weights("deoldify-video", saved(tmp_path / "gen.pth", state("deoldify-video")))
    names = ["deoldify-video", "deoldify-video+memory", "deoldify-video+lai"]
    ((alone, *steadied),) = load_families(names)
    (proposal,) = alone.propose(sample_lightness(1, 32, 48))
    for model in steadied:
        assert torch.equal(model.step(model.init_state(), proposal).ab, proposal.ab)


# ---- fetching without a hash ----


class Shop(BaseHTTPRequestHandler):
    data = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/s/ColorizeStable_gen.pth?dl=1"
    server.shutdown()
    server.server_close()


def get(address: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(Shop, "data", data)
    return main(["get", "deoldify-stable", "--url", address])


def test_a_file_without_a_published_hash_is_fetched_and_said_so(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = saved(tmp_path / "gen.pth", {"model": state("deoldify-stable"), "opt": {}}).read_bytes()
    assert get(address, data, monkeypatch) == 0
    assert "no hash of the authors' file is known; it is checked by the names and shapes" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        "deoldify-stable.json",
        "deoldify-stable.safetensors",
    ]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("page", r"expected a file of weights, found a web page$"),
        ("artistic", r"^kinemacolor: ColorizeStable_gen.pth: .*found those of deoldify-artistic$"),
    ],
)
def test_what_is_not_the_file_is_named_and_not_kept(
    tmp_path: Path,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    said: str,
) -> None:
    data = b"<!DOCTYPE html><html>This link has died</html>"
    if what == "artistic":
        data = saved(tmp_path / "gen.pth", {"model": state("deoldify-artistic")}).read_bytes()
    assert get(address, data, monkeypatch) == 1
    error = capsys.readouterr().err
    assert re.search(said, error.strip())
    assert error.count("\n") == 1
    assert list((tmp_path / "models").iterdir()) == []
