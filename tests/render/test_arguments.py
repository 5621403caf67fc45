import re
from fractions import Fraction
from pathlib import Path

import pytest

from kinemacolor.colour.encoding import Transfer
from kinemacolor.render.arguments import parse
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import FrameRange, ProgressStyle, Quality, TimeRange


def test_defaults():
    options = parse(["in.mov", "out.mov"])
    assert (options.source, options.output) == (Path("in.mov"), Path("out.mov"))
    assert (options.quality, options.amount, options.model) == (Quality.STANDARD, 1.0, "")
    assert (options.range, options.transfer, options.server.address) == (None, None, None)
    flags = [options.encode.overwrite, options.encode.lossless, options.bob, options.keep_going, options.dry_run]
    assert not any(flags)


def test_help_names_every_temporal_network(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "steadies the colours: none, lai, memory, refine (of favc)" in said


@pytest.mark.parametrize(
    "words",
    [["a", "b"], ["-i", "a", "-o", "b"], ["-o", "b", "-i", "a"], ["a", "b", "-y"], ["-y", "a", "b"]],
)
def test_input_and_output_by_place_or_by_name(words):
    options = parse(words)
    assert (options.source, options.output) == (Path("a"), Path("b"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--frames", "25-34"], FrameRange(25, 34)),
        (["--frames", "7"], FrameRange(7, 7)),
        (["-ss", "1:02.5"], TimeRange(Fraction(125, 2), None)),
        (["-to", "90"], TimeRange(None, Fraction(90))),
        (["-ss", "1", "-to", "00:00:02"], TimeRange(Fraction(1), Fraction(2))),
    ],
)
def test_ranges(words, expected):
    assert parse(["a", "b", *words]).range == expected


def test_encoder_options_are_kept_in_order():
    options = parse(["a", "b", "-c", "libx264", "-e", "crf=10", "-e", "x264-params=a=b:c=d", "--pix-fmt", "yuv444p"])
    assert options.encode.codec_options == (("crf", "10"), ("x264-params", "a=b:c=d"))
    assert (options.encode.codec, options.encode.pixel_format) == ("libx264", "yuv444p")


def test_the_rest():
    words = (
        "--server unix:/s --transfer pq --rate 24000/1001 --progress json -q --quality high --field bob --keep-going"
    )
    options = parse(["a", "b", *words.split()])
    assert str(options.server.address) == "unix:/s"
    assert (options.transfer, options.sequence_rate) == (Transfer.PQ, Fraction(24000, 1001))
    assert (options.progress, options.quiet, options.quality) == (ProgressStyle.JSON, True, Quality.HIGH)
    assert options.bob
    assert options.keep_going


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--amount", "much"], "expected a number, found 'much'"),
        (["--threads", "2.5"], "expected a whole number, found '2.5'"),
        (["--disk-full-wait", "long"], "expected a number, found 'long'"),
    ],
)
def test_what_is_no_number_is_said_in_plain_words(words, expected):
    with pytest.raises(UsageError, match=re.escape(expected)):
        parse(["a", "b", *words])


def test_options_may_not_be_abbreviated():
    with pytest.raises(UsageError, match="--loss"):
        parse(["a", "b", "--loss"])


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "x"])
def test_waiting_times_are_finite(text):
    with pytest.raises(UsageError):
        parse(["a", "b", f"--disk-full-wait={text}"])


@pytest.mark.parametrize("text", ["nan", "2.1", "-0.1"])
def test_amounts_are_bounded(text):
    with pytest.raises(UsageError, match="0 to 2"):
        parse(["a", "b", f"--amount={text}"])


def test_a_list_of_shots_may_say_where_the_film_begins():
    options = parse(["a", "b", "--shots", "cuts.edl", "--shots-start", "1:00:00;00"])
    assert (options.shots, options.shots_start) == (Path("cuts.edl"), "01:00:00;00")
    assert (parse(["a", "b"]).shots, parse(["a", "b"]).shots_start) == (None, None)
