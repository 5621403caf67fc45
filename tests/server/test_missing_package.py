"""A server without a package that a model needs: the clip is refused at once, with the reason."""

import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from streams import Stream, connect, open_clip


@pytest.fixture
def without_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For processes that are started from now on."""
    (tmp_path / "cv2.py").write_text("raise ModuleNotFoundError(\"No module named 'cv2'\", name='cv2')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def favc_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cards of imported weights: the package is asked for before the weights are read."""
    fields = ("sha256", "imported_from", "imported_sha256", "source", "licence", "terms")
    for name in ("favc-reduced", "favc-refine-reduced"):
        card = {**dict.fromkeys(fields, "x"), "name": name, "is_official": False}
        (tmp_path / f"{name}.json").write_text(json.dumps(card))
    monkeypatch.setenv("KINEMACOLOR_MODELS", str(tmp_path))


@pytest.mark.usefixtures("without_opencv", "favc_cards")
def test_a_clip_that_needs_opencv_is_refused_with_what_to_install(start_server: Callable[..., object]) -> None:
    server = start_server()
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.send(open_clip("k", model="favc-reduced"))
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(stream.call))
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert dict(caught.value.trailing_metadata())["kinemacolor-reason"] == "UNSUPPORTED"
    assert "needs OpenCV: pip install 'kinemacolor[favc]'" in caught.value.details()
