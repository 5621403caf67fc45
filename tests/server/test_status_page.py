"""The page of a real server in a real browser, while frames are coloured."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_client import ask, http_address
from streams import END, HEIGHT, WIDTH, Stream, connect, frame, luma, open_clip, wait_until

from browser import Browser
from kinemacolor.colour.encoding import Transfer
from kinemacolor.colour.lightness import lightness_table
from kinemacolor.server.hub import Answer
from kinemacolor.server.web.thumbnail import WIDTH_PX, before_and_after
from kinemacolor.wire.frame import FrameNumber, Geometry

TEXT = "document.body.innerText"
PICTURE = "document.querySelector('canvas').toDataURL()"
CAPTION = "document.querySelector('figcaption')?.textContent"
NAUGHTY = "<img src=x onerror=alert(1)><script>document.title='owned'</script>&amp;"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def server(start_server: Callable[..., Any]) -> Any:
    return start_server("--http", "127.0.0.1:0")


@pytest.fixture
def page(server: Any, browser: Browser) -> Browser:
    browser.open(f"http://{http_address(server)}/", 1200, 800)
    browser.wait_for(f"{TEXT}.includes('Ready')")
    return browser


def test_a_clip_is_seen_while_it_is_coloured(server: Any, page: Browser) -> None:
    assert page.value(f"{TEXT}.includes('No clips.')")
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip("reel-7", client_name="suite 2", priority=2))
        stream.color(frame(0))
        page.wait_for(f"{CAPTION} === 'frame 0, before and after'")
        first = page.value(PICTURE)
        assert page.value("document.querySelector('canvas').width") == 2 * WIDTH
        text = page.value(TEXT)
        assert "suite 2, a person waits" in text
        assert "1 of 32" in text
        stream.color(frame(1, seed=3))
        page.wait_for(f"{CAPTION} === 'frame 1, before and after'")
        assert page.value(PICTURE) != first
        stream.send(END)
        stream.half_close()
        stream.take("clip_ended")
    page.wait_for(f"{TEXT}.includes('No clips.')")
    assert page.complaints == []
    host = http_address(server)
    assert {address.partition("?")[0].split("/")[2] for address in page.requests} == {host}


def test_names_of_clients_are_text(server: Any, page: Browser) -> None:
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip("reel-7", client_name=NAUGHTY))
        page.wait_for("document.querySelector('h3') !== null")
        assert page.value("document.querySelector('.who').textContent") == f"{NAUGHTY} · tiny, {WIDTH} × {HEIGHT}"
        assert page.value("document.images.length") == 0
        assert page.value("document.title") == "1 clip - Kinemacolor"
    assert page.complaints == []


def test_a_drain_and_the_end_are_said(server: Any, page: Browser) -> None:
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip())
        stream.color(frame(0))
        server.process.send_signal(signal.SIGTERM)
        page.wait_for(f"{TEXT}.includes('Draining: no new clips. The server ends with the last one it has.')")
    assert server.process.wait(60) == 0
    page.wait_for(f"{TEXT}.includes('The server does not answer')")
    assert page.value("document.querySelector('#state').classList.contains('alert')")
    assert page.value("document.querySelector('h3').textContent") == "clip"  # what was known last


def test_a_lost_clip_says_so_on_a_narrow_screen_too(server: Any, browser: Browser) -> None:
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip("x" * 128))
        stream.color(frame(0))
        stream.call.cancel()
        wait_until(lambda: "stream lost" in server.log)
    browser.open(f"http://{http_address(server)}/", 320, 800, "dark")
    browser.wait_for(f"{TEXT}.includes('no stream')")
    assert browser.value("document.documentElement.scrollWidth") == 320


def test_a_browser_shows_the_page_to_who_has_the_token(
    start_server: Callable[..., Any], browser: Browser, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("correct-horse-battery\n")
    server = start_server("--http", "127.0.0.1:0", "--token-file", str(tokens))
    address = http_address(server)
    for path in ("/", "/page.js", "/status.json", "/picture/reel-7.png"):
        assert ask(address, path).status == 401
    browser.send_header("Authorization", "Basic eDpjb3JyZWN0LWhvcnNlLWJhdHRlcnk=")
    browser.open(f"http://{address}/", 800, 600)
    browser.wait_for(f"{TEXT}.includes('Ready')")


# ---- without a browser ----


def test_the_status_is_that_of_the_command(server: Any) -> None:
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip("reel-7"))
        before = ask(http_address(server), "/status.json")
        assert before.headers["Content-Type"] == "application/json; charset=utf-8"
        assert before.json["clips"][0]["picture"] is None
        stream.color(frame(0))
        [clip] = ask(http_address(server), "/status.json").json["clips"]
        assert (clip["clip_key"], clip["next_frame"], clip["state_tier"]) == ("reel-7", 1, "device")
        picture = ask(http_address(server), "/" + clip["picture"]["address"])
        assert (picture.status, picture.headers["Content-Type"]) == (200, "image/png")
        assert (picture.headers["X-Frame-Number"], clip["picture"]["frame"]) == ("0", 0)
        assert ask(http_address(server), "/picture/reel-8.png").status == 404


def png(answer: Answer, geometry: Geometry) -> np.ndarray:
    import cv2

    data = before_and_after(answer, geometry, lightness_table(Transfer.SRGB))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]


def test_a_thumbnail_is_the_frame_before_and_after() -> None:
    geometry, ab = Geometry(WIDTH, HEIGHT), np.zeros((2, HEIGHT, WIDTH), "<i2")
    ab[0, :, WIDTH // 2 :] = 40 * 256
    made = png(Answer(FrameNumber(0), luma(1, 0), ab.tobytes()), geometry)
    codes = np.round(np.frombuffer(luma(1, 0), "<u2").reshape(HEIGHT, WIDTH) / 257)
    assert made.shape == (HEIGHT, 2 * WIDTH, 3)
    for channel in range(3):  # a grey of sRGB is its own luma
        assert np.abs(made[:, :WIDTH, channel] - codes).max() <= 1
    after = made[:, WIDTH:].astype(int)
    assert np.abs(after[:, : WIDTH // 2] - made[:, : WIDTH // 2]).max() <= 1
    assert (after[:, WIDTH // 2 :, 0] - after[:, WIDTH // 2 :, 1]).min() > 20


@pytest.mark.parametrize(("width", "height", "rows"), [(448, 256, 91), (161, 7, 7), (2000, 3, 1)])
def test_a_large_frame_is_reduced_by_the_mean(width: int, height: int, rows: int) -> None:
    level = np.full((height, width), 30_000, "<u2")
    made = png(Answer(FrameNumber(0), level.tobytes(), bytes(4 * width * height)), Geometry(width, height))
    assert made.shape == (rows, 2 * WIDTH_PX, 3)
    assert np.unique(made).tolist() == [round(30_000 / 257)]
