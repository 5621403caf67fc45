"""The real command on clips that are made here, and its page in a real browser."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from made_clips import grey_of, moving, write_film, write_frames

from browser import Browser
from kinemacolor.models.library import import_weights
from kinemacolor.models.networks.eccv16 import Eccv16

MAIN = "import sys; from kinemacolor.cli.main import main; sys.exit(main())"
TITLES = ["kinema+none", "kinema+memory", "eccv16+none", "eccv16+memory", "tiny"]
CLIPS = ["blobs", "more blobs", "old film"]
LOADED = """
(async () => {
  const media = [...document.images].map(i => i.decode());
  for (const v of document.querySelectorAll("video"))
    media.push(v.readyState >= 2 ? 0 : new Promise((ok, no) => { v.onloadeddata = ok; v.onerror = no; }));
  await Promise.all(media);
  return {
    images: [...document.images].map(i => [i.naturalWidth, i.naturalHeight]),
    videos: [...document.querySelectorAll("video")].map(v => [v.videoWidth, v.videoHeight, v.duration]),
    plots: [...document.querySelectorAll("svg")].map(s => s.getBoundingClientRect().width),
    scripts: document.scripts.length,
    best: document.querySelectorAll("td.best").length,
    title: document.title,
    headings: [...document.querySelectorAll("h1, h2, h3")].map(h => h.textContent),
  };
})()
"""


def compare(*arguments: object, models: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KINEMACOLOR_MODELS": str(models), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MAIN, "compare", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made weights of eccv16."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    torch.save(Eccv16().state_dict(), folder / "made.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINEMACOLOR_MODELS", str(folder))
        import_weights("eccv16", folder / "made.pth")
    return folder


@pytest.fixture(scope="module")
def compared(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison: five combinations on two colour clips and one without colours."""
    folder = tmp_path_factory.mktemp("compared")
    write_frames(folder / "in" / "clips" / CLIPS[0], moving(1))
    write_frames(folder / "in" / "clips" / CLIPS[1], moving(2))
    write_frames(folder / "in" / "clips" / CLIPS[2], grey_of(moving(3)))
    done = compare(
        folder / "in", "--models", "kinema,eccv16,tiny", "--temporal", "none,memory", "--out", folder / "out",
        "--threads", 1, models=models,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 clips with known colours, 10 frames" in done.stdout
    assert "1 clip with no known colours, 5 frames" in done.stdout
    assert [line for line in done.stderr.splitlines() if line[0] != " "][:3] == [
        f"{number}/3 {name}" for number, name in enumerate(CLIPS, start=1)
    ]
    return folder / "out"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def test_the_page_in_a_browser(compared: Path, browser: Browser):
    browser.open(compared / "index.html", 1280, 2000)
    found = browser.value(LOADED)
    assert browser.requests == [(compared / "index.html").as_uri()]
    assert browser.complaints == []
    assert found["scripts"] == 0
    assert (len(found["images"]), len(found["videos"]), len(found["plots"])) == (3, 3, 4)
    assert all(side > 100 for each in found["images"] for side in each)
    assert all(width > 300 and height > 100 and seconds > 0.1 for width, height, seconds in found["videos"])
    assert all(width > 600 for width in found["plots"])
    assert found["best"] >= 8
    assert found["title"] == f"Colorization compared: {', '.join(TITLES)}"
    assert {"Results", *CLIPS, "What the figures mean", "Models", "Settings"} < set(found["headings"])
    screen = browser.screenshot()
    assert len(np.unique(screen.reshape(-1, 3), axis=0)) > 500
    assert screen.mean() > 128


def test_the_page_in_the_dark_and_on_a_phone(compared: Path, browser: Browser):
    browser.open(compared / "index.html", 390, 844, scheme="dark")
    browser.value(LOADED)
    assert browser.complaints == []
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert browser.screenshot().mean() < 100
    ink, paper = (
        np.array([int(part) for part in text.strip("rgb()").split(",")])
        for text in browser.value(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
    )
    assert (ink - paper).min() > 150


def test_figures_are_the_same_in_both_files(compared: Path):
    found = json.loads((compared / "metrics.json").read_text())
    assert list(found["models"]) == TITLES
    assert list(found["clips"]) == CLIPS
    assert list(found["mean"]) == ["grey", *TITLES, "truth"]
    assert found["clips"]["old film"]["has_truth"] is False
    assert found["mean_without_truth"]["kinema+none"].keys() == {"colourfulness", "warp_error_e3", "jumps_percent"}
    blobs = found["clips"]["blobs"]["results"]["kinema+memory"]
    assert len(blobs["ciede2000_by_frame"]) == 5
    assert len(blobs["warp_error_e3_by_pair"]) == 4
    assert np.mean(blobs["ciede2000_by_frame"]) == pytest.approx(blobs["figures"]["ciede2000"], abs=1e-3)
    assert np.mean(blobs["warp_error_e3_by_pair"]) == pytest.approx(blobs["figures"]["warp_error_e3"], abs=1e-3)
    assert found["models"]["kinema+memory"]["name"].startswith("kinema")
    assert len(found["models"]["eccv16+memory"]["weights_sha256"]) == 64
    rows = list(csv.DictReader((compared / "metrics.csv").read_text().splitlines()))
    mean = next(row for row in rows if row["clip"] == "mean" and row["result"] == "eccv16+none")
    assert float(mean["ciede2000"]) == pytest.approx(found["mean"]["eccv16+none"]["ciede2000"], abs=1e-4)
    assert len(rows) == 3 * 7 - 1 + 7 + 6


def test_videos_show_every_result_below_its_label(compared: Path):
    with av.open(str(compared / "videos" / "blobs.mp4")) as film:
        stream = film.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 24
    assert len(frames) == 5
    height, width = frames[0].shape[:2]
    assert height % 2 == width % 2 == 0
    assert 1.0 < width / height < 2.8
    label = frames[0][:32, :190].astype(int)
    assert label.min() < 40  # light text on dark ground
    assert label.max() > 200
    assert np.abs(frames[0][32:] - frames[4][32:].astype(int)).mean() > 2  # it moves


def test_sheets_and_plots_are_pictures(compared: Path):
    sheet = cv2.imread(str(compared / "sheets" / "blobs.png"))
    assert sheet.shape[0] > 7 * 100
    plot = (compared / "plots" / "blobs.svg").read_text()
    for text in ("CIEDE2000 of each frame", "warp error of a*b*", "frame", *TITLES, "grey", "truth"):
        assert f">{text}" in plot
    assert ">kinema+memory" in (compared / "means.svg").read_text()
    assert "CIEDE2000" not in (compared / "plots" / "old film.svg").read_text()


def test_a_film_is_compared_shot_by_shot(models: Path, tmp_path: Path):
    shots = [moving(seed, 6, height=90, width=160) for seed in (5, 6)]
    film = write_film(tmp_path / "film.mp4", np.concatenate(shots))
    out = tmp_path / "out"
    done = compare(film, "--models", "tiny", "--frames", 4, "--size", 60, "--json", "--out", out, models=models)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == json.loads((out / "metrics.json").read_text())
    assert [(name, clip["frames"], clip["width_px"]) for name, clip in found["clips"].items()] == [
        ("film shot 1", 4, 106),
        ("film shot 2", 4, 106),
    ]
    assert all(clip["frames_per_second"] == 25 and clip["has_truth"] for clip in found["clips"].values())
    assert (out / "index.html").is_file()
