"""Tracks, times and tags of a film: what goes in comes out."""

import json
from fractions import Fraction

import av
import films
import make
import pytest

LATE = make.Audio("aac", start=Fraction(1, 5))


@pytest.mark.parametrize(
    ("suffix", "codec", "tracks"),
    [
        ("mov", "libx264", {"audio": (make.Audio("aac"), make.Audio("pcm_s16le", language="fra"))}),
        ("mp4", "libx264", {"audio": (make.Audio("ac3"), LATE), "subtitles": (make.Subtitle("mov_text"),)}),
        ("mkv", "ffv1", {"audio": (make.Audio("aac"), make.Audio("ac3")), "subtitles": (make.Subtitle(),)}),
    ],
)
def test_every_packet_of_every_track_is_copied(tmp_path, render, suffix, codec, tracks):
    source = make.film(tmp_path / f"in.{suffix}", codec=codec, frames=20, **tracks)
    out = tmp_path / f"out.{suffix}"
    assert render(source.path, out).code == 0
    with av.open(str(source.path)) as container:
        kinds = [stream.type for stream in container.streams]
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == kinds
    for index, kind in enumerate(kinds):
        if kind != "video":
            before, after = make.packets_of(source.path, index), make.packets_of(out, index)
            assert [packet[0] for packet in after] == [packet[0] for packet in before]
            assert [packet[1] for packet in after] == [packet[1] for packet in before]
    assert films.times_of(out) == films.times_of(source.path)


def test_chapters_attachments_and_metadata_stay(tmp_path, render):
    chapters = [(Fraction(0), Fraction(1, 5), "One"), (Fraction(1, 5), Fraction(2, 5), "Two")]
    font = ("font.ttf", "application/x-truetype-font", b"not really a font")
    source = make.film(
        tmp_path / "in.mkv", frames=10, chapters=chapters, attachments=[font], metadata={"title": "A film"}
    )
    assert render(source.path, tmp_path / "out.mkv").code == 0
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One", "Two"]
        assert container.metadata["title"] == "A film"
        (attachment,) = [stream for stream in container.streams if stream.type == "attachment"]
        assert bytes(attachment.data) == font[2]


def test_the_output_says_whose_colours_it_has_and_under_which_terms(tmp_path, run, render, tiny_server):
    source = make.film(tmp_path / "in.mkv", frames=6, metadata={"comment": "From reel 3"})
    assert render(source.path, tmp_path / "out.mkv", "--model", "tiny").code == 0
    with av.open(str(tmp_path / "out.mkv")) as container:
        own, note = next(value for key, value in container.metadata.items() if key.lower() == "comment").splitlines()
    assert own == "From reel 3"
    assert "model tiny, weights SHA-256 " in note
    assert note.endswith("licence of the weights: Apache-2.0")
    started = run("render", source.path, tmp_path / "b.mkv", "--server", tiny_server, "--progress", "json")
    events = [json.loads(line) for line in started.out.splitlines()]
    assert [event["licence"] for event in events if event["event"] == "started"] == ["Apache-2.0"]


def test_a_temporal_network_that_the_model_does_not_go_with_is_refused(tmp_path, render):
    source = make.film(tmp_path / "in.mkv", frames=3)
    refused = render(source.path, tmp_path / "out.mkv", "--temporal", "lai")
    assert refused.code == 2
    assert "no model named '+lai'; the server has: kinema, kinema+none" in refused.err
    assert not (tmp_path / "out.mkv").exists()
    twice = render(source.path, tmp_path / "out.mkv", "--model", "kinema+none", "--temporal", "none")
    assert twice.code == 2
    assert "kinema+none names a temporal network already" in twice.err


@pytest.mark.parametrize("timecode", ["01:02:03:04", "01:02:03;04"])
def test_timecode_and_its_drop_flag_stay(tmp_path, render, timecode):
    rate = Fraction(30000, 1001)
    source = make.film(tmp_path / "in.mov", codec="libx264", rate=rate, frames=6, timecode=timecode)
    assert render(source.path, tmp_path / "out.mov").code == 0
    with av.open(str(tmp_path / "out.mov")) as container:
        found = {stream.metadata.get("timecode") for stream in container.streams} - {None}
    assert found == {timecode}


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)])
def test_rates_are_exact(tmp_path, render, rate):
    source = make.film(tmp_path / "in.mov", codec="libx264", rate=rate, frames=12)
    assert render(source.path, tmp_path / "out.mov").code == 0
    assert films.times_of(tmp_path / "out.mov") == [number / rate for number in range(12)]


def test_a_variable_rate_keeps_every_time(tmp_path, render):
    pts = [0, 3, 4, 10, 11, 12, 40]
    source = make.film(tmp_path / "in.mov", codec="libx264", pts=pts, time_base=Fraction(1, 600))
    assert render(source.path, tmp_path / "out.mov").code == 0
    assert films.times_of(tmp_path / "out.mov") == [Fraction(tick, 600) for tick in pts]


def test_a_rounded_clock_is_said_once_and_at_most_half_a_tick_off(tmp_path, run, tiny_server):
    rate = Fraction(24000, 1001)
    source = make.film(tmp_path / "in.mov", codec="libx264", rate=rate, frames=12)
    done = run("render", source.path, tmp_path / "out.mkv", "--server", tiny_server)
    assert done.code == 0
    assert done.err.count("times are rounded") == 1
    differences = [abs(after - number / rate) for number, after in enumerate(films.times_of(tmp_path / "out.mkv"))]
    assert max(differences) <= Fraction(1, 2000)


def test_shape_and_tags_stay(tmp_path, render):
    source = make.film(
        tmp_path / "in.mov", codec="libx264", frames=2, rotation=90, sample_aspect_ratio=Fraction(16, 15),
        matrix=6, color_range=1, transfer=6, primaries=6,
    )  # fmt: skip
    assert render(source.path, tmp_path / "out.mov").code == 0
    before, after = films.frames_of(source.path)[0], films.frames_of(tmp_path / "out.mov")[0]
    assert after.rotation == before.rotation == 90
    tags = ["width", "height", "color_range", "colorspace", "color_primaries", "color_trc"]
    assert [getattr(after, tag) for tag in tags] == [getattr(before, tag) for tag in tags]
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


def test_a_track_that_does_not_fit_is_refused_or_listed(tmp_path, run, tiny_server):
    font = ("font.ttf", "application/x-truetype-font", b"not really a font")
    source = make.film(tmp_path / "in.mkv", frames=2, attachments=[font])
    out = tmp_path / "out.mp4"
    refused = run("render", source.path, out, "--server", tiny_server)
    assert refused.code == 1
    assert ".mkv can" in refused.message
    assert not out.exists()
    dropped = run("render", source.path, out, "--server", tiny_server, "--drop-unsupported")
    assert dropped.code == 0
    assert dropped.err.count("left out") == 1


def test_sequences_keep_their_numbers(tmp_path, render):
    for number in range(1001, 1004):
        planes = make.picture("gray", 40, 30, number)
        make.still(tmp_path / f"scan.{number}.png", "gray", planes, 40, 30)
    (tmp_path / "out").mkdir()
    done = render(tmp_path / "scan.%04d.png", tmp_path / "out" / "colour.%04d.png", "--rate", "24")
    assert done.code == 0, done.err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["colour.1001.png", "colour.1002.png", "colour.1003.png"]


def test_a_sequence_becomes_a_film(tmp_path, render):
    for number in range(3):
        make.still(tmp_path / f"s{number:03d}.tif", "gray16le", make.picture("gray16le", 40, 30, number), 40, 30)
    assert render(tmp_path / "s%03d.tif", tmp_path / "out.mkv", "--rate", "20", "--lossless").code == 0
    assert films.times_of(tmp_path / "out.mkv") == [number * Fraction(1, 20) for number in range(3)]
