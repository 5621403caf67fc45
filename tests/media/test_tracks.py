"""Everything beside the picture: copied packet for packet, at the same times, or refused before frame 1."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import make
import passing
import pytest

from kinemacolor.media.errors import UnsupportedTrackError
from kinemacolor.media.plan import plan_output
from kinemacolor.media.probe import probe
from kinemacolor.media.types import EncodeOptions

TEXT = make.Subtitle(codec="subrip", lines=((Fraction(1, 25), Fraction(1, 5), "Ein Wort"),), language="deu")
MOV_TEXT = make.Subtitle(codec="mov_text", lines=((Fraction(1, 25), Fraction(1, 5), "Ein Wort"),), language="deu")


def packets(path: Path, kind: str) -> list[list[tuple[bytes, Fraction, Fraction]]]:
    """Per track of a kind: (payload, pts, duration) in seconds."""
    with av.open(str(path)) as film:
        wanted = [
            s.index
            for s in film.streams
            if s.type == kind
            and s.discard != av.stream.Discard.all
            and not s.disposition & av.stream.Disposition.attached_pic
        ]
    return [_packets_of(path, index) for index in wanted]


def _packets_of(path: Path, index: int) -> list[tuple[bytes, Fraction, Fraction]]:
    with av.open(str(path)) as film:
        stream = film.streams[index]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        return [(bytes(p), (p.pts or 0) * base, (p.duration or 0) * base) for p in film.demux(stream) if p.size]


def assert_same_packets(source: Path, target: Path, kind: str, tick: Fraction = Fraction(0)) -> None:
    before, after = packets(source, kind), packets(target, kind)
    assert len(before) == len(after) > 0
    for track_before, track_after in zip(before, after, strict=True):
        assert [p[0] for p in track_before] == [p[0] for p in track_after]
        for old, new in zip(track_before, track_after, strict=True):
            assert abs(old[1] - new[1]) <= tick / 2
            if not tick:  # Matroska stores no durations, FFmpeg guesses them while reading
                assert old[2] == new[2]


def assert_same_times(source: Path, target: Path, tick: Fraction = Fraction(0)) -> None:
    before, after = passing.times(source), passing.times(target)
    assert len(before) == len(after) > 0
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= tick / 2


MS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("source", "target", "codecs", "tick"),
    [
        ("a.mov", "o.mov", ("aac", "pcm_s16le"), 0),
        ("a.mov", "o.mov", ("ac3", "pcm_s24le"), 0),
        ("a.mp4", "o.mp4", ("aac", "ac3"), 0),
        ("a.mp4", "o.mov", ("aac",), 0),
        ("a.mov", "o.mp4", ("aac", "ac3"), 0),
        ("a.mov", "o.mkv", ("aac", "pcm_s16le", "ac3"), MS),
        ("a.mkv", "o.mkv", ("aac", "ac3", "flac"), 0),
        ("a.mkv", "o.mov", ("aac", "ac3"), Fraction(1, 44100)),
        ("a.mkv", "o.mp4", ("aac", "ac3"), Fraction(1, 44100)),
    ],
)
def test_audio_packets_and_times(tmp_path, source, target, codecs, tick):
    audio = tuple(make.Audio(codec=codec, language="fra", title=f"Ton {i}") for i, codec in enumerate(codecs))
    codec = "libx264" if source != "a.mkv" else "ffv1"
    film = make.film(tmp_path / source, codec=codec, frames=12, rate=Fraction(24000, 1001), audio=audio)
    passing.carry(film.path, tmp_path / target)
    assert_same_packets(film.path, tmp_path / target, "audio", tick)
    assert_same_times(film.path, tmp_path / target, MS if target.endswith("mkv") else 0)
    with av.open(str(tmp_path / target)) as out:
        assert [s.codec_context.name for s in out.streams.audio] == [
            {"aac": "aac", "ac3": "ac3"}.get(c, c) for c in codecs
        ]
        assert [s.metadata.get("language") for s in out.streams.audio] == ["fra"] * len(codecs)


def test_pcm_samples_from_mkv_to_mov(tmp_path):
    film = make.film(tmp_path / "a.mkv", audio=(make.Audio(codec="pcm_s24le", start=Fraction(1, 10)),))
    passing.carry(film.path, tmp_path / "o.mov")
    # .mov does not store where packets of PCM begin: the samples and their start are what can be kept
    before, after = packets(film.path, "audio")[0], packets(tmp_path / "o.mov", "audio")[0]
    assert b"".join(p[0] for p in before) == b"".join(p[0] for p in after)
    assert before[0][1] == after[0][1] == Fraction(1, 10)


@pytest.mark.parametrize("target", ["o.mov", "o.mp4", "o.mkv"])
@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_late_audio_keeps_its_distance(tmp_path, target, codec):
    audio = (make.Audio(codec=codec, start=Fraction(123, 1000)), make.Audio(codec="ac3", rate=44100))
    film = make.film(tmp_path / "a.mov", codec="libx264", frames=20, rate=Fraction(30000, 1001), audio=audio)
    passing.carry(film.path, tmp_path / target)
    tick = MS if target == "o.mkv" else Fraction(0)
    # Matroska keeps an encoder's priming in nanoseconds apart from the block times; reading adds both, each rounded.
    assert_same_packets(film.path, tmp_path / target, "audio", 2 * tick)
    assert_same_times(film.path, tmp_path / target, tick)


@pytest.mark.parametrize("target", ["o.mov", "o.mp4", "o.mkv"])
def test_a_film_that_starts_late_keeps_its_start(tmp_path, target):
    film = make.film(
        tmp_path / "a.mov",
        codec="libx264",
        time_base=Fraction(1, 24000),
        pts=[7007 + 1001 * i for i in range(8)],
        rate=Fraction(24000, 1001),
        audio=(make.Audio(codec="ac3"),),
    )
    passing.carry(film.path, tmp_path / target)
    tick = MS if target == "o.mkv" else Fraction(0)
    assert_same_times(film.path, tmp_path / target, tick)
    assert_same_packets(film.path, tmp_path / target, "audio", tick)


@pytest.mark.parametrize(
    ("source", "target", "subtitle"),
    [
        ("a.mkv", "o.mkv", TEXT),
        ("a.mov", "o.mov", MOV_TEXT),
        ("a.mp4", "o.mp4", MOV_TEXT),
        ("a.mp4", "o.mov", MOV_TEXT),
    ],
)
def test_subtitles(tmp_path, source, target, subtitle):
    codec = "ffv1" if source == "a.mkv" else "libx264"
    film = make.film(tmp_path / source, codec=codec, subtitles=(subtitle,), audio=(make.Audio(),))
    passing.carry(film.path, tmp_path / target)
    words = [p for p in packets(tmp_path / target, "subtitle")[0] if b"Ein Wort" in p[0]]
    assert words == [p for p in packets(film.path, "subtitle")[0] if b"Ein Wort" in p[0]]
    assert len(words) == 1
    with av.open(str(film.path)) as before, av.open(str(tmp_path / target)) as after:
        language = before.streams.subtitles[0].metadata.get("language")
        assert after.streams.subtitles[0].metadata.get("language") in (language, "ger")


@pytest.mark.parametrize("target", ["o.mov", "o.mp4", "o.mkv"])
def test_chapters(tmp_path, target):
    chapters = ((Fraction(0), Fraction(1, 5), "Eins"), (Fraction(1, 5), Fraction(2, 5), "Zwei"))
    film = make.film(tmp_path / "a.mkv", frames=12, chapters=chapters)
    passing.carry(film.path, tmp_path / target)
    with av.open(str(tmp_path / target)) as out:
        found = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"]) for c in out.chapters()
        ]
    assert found == list(chapters)


def test_chapters_of_a_mov_are_not_doubled(tmp_path):
    film = make.film(tmp_path / "a.mov", codec="libx264", chapters=((Fraction(0), Fraction(1, 5), "Eins"),))
    passing.carry(film.path, tmp_path / "o.mov")
    with av.open(str(film.path)) as before, av.open(str(tmp_path / "o.mov")) as after:
        assert [s.type for s in after.streams] == [s.type for s in before.streams]
        assert [c["metadata"] for c in after.chapters()] == [c["metadata"] for c in before.chapters()]


@pytest.mark.parametrize("target", ["o.mov", "o.mp4", "o.mkv", "o.mxf"])
@pytest.mark.parametrize(
    ("timecode", "rate"),
    [("01:00:00:00", Fraction(24)), ("00:59:59;28", Fraction(30000, 1001)), ("10:11:12:13", Fraction(24000, 1001))],
)
def test_timecode_with_its_drop_flag(tmp_path, target, timecode, rate):
    film = make.film(
        tmp_path / "a.mov", codec="libx264", rate=rate, timecode=timecode, width=256, height=144,
    )  # fmt: skip
    passing.carry(film.path, tmp_path / target)
    assert probe(tmp_path / target).timecode == timecode
    with av.open(str(tmp_path / target)) as out:
        assert sum(s.type == "data" for s in out.streams) <= 1


@pytest.mark.parametrize(("given", "stored"), [("deu", "ger"), ("fra", "fra"), ("swe", "sve"), ("xho", None)])
def test_languages_in_mov(tmp_path, given, stored):
    film = make.film(tmp_path / "a.mkv", audio=(make.Audio(language=given),))
    done = passing.carry(film.path, tmp_path / "o.mov")
    with av.open(str(tmp_path / "o.mov")) as out:
        assert out.streams.audio[0].metadata.get("language") == stored
    assert any(given in note for note in done.plan.notes) == (stored is None)


def test_attachments_and_cover(tmp_path):
    font, cover = b"font bytes" * 40, make.still(tmp_path / "c.png", "rgb24", _red(), 8, 8).read_bytes()
    film = make.film(
        tmp_path / "a.mkv",
        attachments=(("Film.ttf", "application/x-truetype-font", font), ("cover.png", "image/png", cover)),
    )
    passing.carry(film.path, tmp_path / "o.mkv")
    with av.open(str(film.path)) as before, av.open(str(tmp_path / "o.mkv")) as after:
        assert [s.type for s in before.streams] == [s.type for s in after.streams]
        assert [s.data for s in after.streams if s.type == "attachment"] == [font]
        assert [s.metadata["filename"] for s in after.streams if s.type != "video" or s.index] == [
            s.metadata["filename"] for s in before.streams if s.type != "video" or s.index
        ]
    assert make.packets_of(tmp_path / "o.mkv", 2)[0][0] == cover


def test_cover_in_mp4(tmp_path):
    film = make.film(tmp_path / "a.mp4", codec="libx264", cover=True, audio=(make.Audio(),))
    passing.carry(film.path, tmp_path / "o.mp4")
    with av.open(str(tmp_path / "o.mp4")) as out:
        cover = [s for s in out.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        assert [s.index for s in cover] == [2]
    assert make.packets_of(tmp_path / "o.mp4", 2)[0][0] == make.packets_of(film.path, 2)[0][0]


def test_second_picture_track_is_copied(tmp_path):
    film = make.film(tmp_path / "a.mov", codec="libx264", second_video=True)
    passing.carry(film.path, tmp_path / "o.mov")
    assert packets(tmp_path / "o.mov", "video")[1] == packets(film.path, "video")[1]


def _red():
    import numpy as np

    return (np.tile(np.array([200, 0, 0], np.uint8), (8, 8)),)


@pytest.mark.parametrize(
    ("target", "named", "way_out"),
    [("o.mp4", "subtitle track 2 (subrip, deu)", ".mkv can"), ("o.webm", "audio track 1 (aac)", ".mkv can")],
)
def test_a_track_that_does_not_fit_is_refused_with_the_way_out(tmp_path, target, named, way_out):
    film = make.film(tmp_path / "a.mkv", audio=(make.Audio(),), subtitles=(TEXT,))
    with pytest.raises(UnsupportedTrackError) as refusal:
        plan_output(probe(film.path), tmp_path / target, EncodeOptions())
    assert named in str(refusal.value)
    assert way_out in str(refusal.value)
    assert "--drop-unsupported" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / target).exists()


def test_attachments_are_refused_by_mp4(tmp_path):
    film = make.film(tmp_path / "a.mkv", attachments=(("a.ttf", "application/x-truetype-font", b"x" * 9),))
    with pytest.raises(UnsupportedTrackError, match="attachment track 1"):
        plan_output(probe(film.path), tmp_path / "o.mp4", EncodeOptions())


def test_mov_text_in_mkv_names_a_container_that_holds_it(tmp_path):
    film = make.film(tmp_path / "a.mov", codec="libx264", subtitles=(MOV_TEXT,), audio=(make.Audio(),))
    with pytest.raises(UnsupportedTrackError, match=r"\.mov can"):
        plan_output(probe(film.path), tmp_path / "o.mkv", EncodeOptions())


def test_dropping_goes_on_and_lists(tmp_path):
    film = make.film(tmp_path / "a.mkv", audio=(make.Audio(),), subtitles=(TEXT,))
    done = passing.carry(film.path, tmp_path / "o.mp4", EncodeOptions(drop_unsupported=True))
    assert [t.codec for t in done.plan.copied_tracks] == ["aac"]
    assert [t.codec for t in done.plan.dropped_tracks] == ["subrip"]
    assert any("subrip" in note for note in done.plan.notes)
    assert_same_packets(film.path, tmp_path / "o.mp4", "audio", Fraction(1, 44100))


def test_a_picture_sequence_refuses_sound(tmp_path):
    film = make.film(tmp_path / "a.mkv", audio=(make.Audio(),))
    with pytest.raises(UnsupportedTrackError, match=r"audio track 1 \(aac\)"):
        plan_output(probe(film.path), tmp_path / "o.%04d.png", EncodeOptions())


def test_titles_and_container_tags_are_kept(tmp_path):
    film = make.film(
        tmp_path / "a.mkv",
        audio=(make.Audio(title="Orchester"),),
        metadata={"title": "Der Film", "artist": "Wer", "creation_time": "2001-02-03T04:05:06.000000Z"},
    )
    for target in ("o.mkv", "o.mp4", "o.mov"):
        passing.carry(film.path, tmp_path / target)
        with av.open(str(tmp_path / target)) as out:
            tags = {key.lower(): value for key, value in out.metadata.items()}
            assert tags["title"] == "Der Film"
            assert tags["creation_time"].startswith("2001-02-03")
        if target == "o.mkv":
            assert probe(tmp_path / target).tracks[0].title == "Orchester"


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "avi", "webm"])
@pytest.mark.parametrize("own", ["", "Von Hand restauriert", "Reel 1\n\nScanned 1998\n\nby A\nby A"])
def test_whose_colours_they_are_stands_behind_the_films_own_comment(tmp_path, suffix, own):
    metadata = {"comment": own} if own else {}
    target = tmp_path / f"o.{suffix}"
    film = make.film(tmp_path / "a.mkv", metadata=metadata)
    passing.carry(film.path, target, note="Colour by somebody")
    passing.carry(target, tmp_path / f"again.{suffix}", note="Colour by somebody")
    for path in (target, tmp_path / f"again.{suffix}"):
        with av.open(str(path)) as out:
            (comment,) = [value for key, value in out.metadata.items() if key.lower().startswith("comment")]
        assert comment == f"{own}\nColour by somebody".lstrip()


def test_mxf_says_whose_colours_they_are_in_a_comment_of_its_own(tmp_path):
    film = make.film(tmp_path / "a.mkv", metadata={"comment": "MXF has no place for this"})
    passing.carry(film.path, tmp_path / "o.mxf", note="Colour by somebody")
    with av.open(str(tmp_path / "o.mxf")) as out:
        assert out.metadata["comment_colour"] == "Colour by somebody"


@pytest.mark.parametrize("flag", ["default", "forced", "hearing_impaired"])
def test_dispositions_are_kept(tmp_path, flag):
    film = make.film(tmp_path / "a.mkv", subtitles=(TEXT,), audio=(make.Audio(),))
    marked = tmp_path / "b.mkv"
    _copy_with_disposition(film.path, marked, av.stream.Disposition[flag])
    passing.carry(marked, tmp_path / "o.mkv")
    with av.open(str(marked)) as before, av.open(str(tmp_path / "o.mkv")) as after:
        assert [s.disposition for s in after.streams] == [s.disposition for s in before.streams]


def _copy_with_disposition(source: Path, target: Path, disposition: int) -> None:
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in film.streams}
        streams[2].disposition = disposition
        for packet in film.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)


@pytest.mark.parametrize(("target", "codec"), [("o.mxf", "pcm_s16le"), ("o.avi", "pcm_s16le"), ("o.avi", "ac3")])
@pytest.mark.parametrize("start_frames", [0, 5])
def test_sound_in_containers_that_count_frames(tmp_path, target, codec, start_frames):
    film = make.film(
        tmp_path / "a.mov", codec="libx264", width=256, height=144, frames=20,
        pts=[start_frames + i for i in range(20)], audio=(make.Audio(codec=codec, start=Fraction(start_frames, 25)),),
    )  # fmt: skip
    passing.carry(film.path, tmp_path / target)
    before, after = packets(film.path, "audio")[0], packets(tmp_path / target, "audio")[0]
    length = len(b"".join(p[0] for p in after))
    assert b"".join(p[0] for p in before)[:length] == b"".join(p[0] for p in after)
    picture_bytes = 20 * 1920 * 4 if codec == "pcm_s16le" else 0
    assert length == len(b"".join(p[0] for p in before)) if target == "o.avi" else length == picture_bytes
    # the first frame is at 0 there, and everything else keeps its distance to it
    assert passing.times(tmp_path / target) == [Fraction(i, 25) for i in range(20)]
    assert abs(after[0][1] - (before[0][1] - Fraction(start_frames, 25))) <= Fraction(1, 25)


@pytest.mark.parametrize("target", ["o.mxf", "o.avi"])
def test_late_sound_is_refused_where_it_would_lose_its_place(tmp_path, target):
    late = make.Audio(codec="pcm_s16le", start=Fraction(123, 1000))
    film = make.film(
        tmp_path / "a.mov",
        codec="libx264",
        width=256,
        height=144,
        frames=20,
        audio=(make.Audio(codec="pcm_s16le"), late),
    )
    with pytest.raises(UnsupportedTrackError, match=r"audio track 2 .*\+0\.123 s.*\.mov can"):
        plan_output(probe(film.path), tmp_path / target, EncodeOptions())


@pytest.mark.parametrize("target", ["o.mp4", "o.mkv", "o.mov"])
def test_a_transport_stream_keeps_its_distances(tmp_path, target):
    film = make.film(tmp_path / "a.ts", codec="libx264", frames=25, audio=(make.Audio(), make.Audio(codec="ac3")))
    passing.carry(film.path, tmp_path / target)
    tick = MS if target == "o.mkv" else Fraction(1, 44100)
    assert_same_times(film.path, tmp_path / target, MS if target == "o.mkv" else Fraction(0))
    for before, after in zip(packets(film.path, "audio"), packets(tmp_path / target, "audio"), strict=True):
        assert len(before) == len(after)
        assert all(new[0] in old[0] for old, new in zip(before, after, strict=True))  # without the ADTS headers
        assert max(abs(old[1] - new[1]) for old, new in zip(before, after, strict=True)) <= tick


def test_a_data_track_is_refused_by_name(tmp_path):
    film = make.film(tmp_path / "a.ts", codec="libx264", frames=25, data=(b"klv one", b"klv two"))
    with pytest.raises(UnsupportedTrackError, match="data track 1"):
        plan_output(probe(film.path), tmp_path / "o.mp4", EncodeOptions())


@pytest.mark.parametrize(
    ("target", "timecode", "way_out"),
    [("o.mov", "00:00:00;02", ".mkv can"), ("o.mp4", "01:00:00:99", ".mkv can"), ("o.avi", "01:00:00:00", ".mov can")],
)
def test_a_timecode_that_cannot_be_held_is_refused_or_dropped(tmp_path, target, timecode, way_out):
    film = make.film(tmp_path / "a.mov", codec="libx264", width=256, height=144, audio=(make.Audio(codec="pcm_s16le"),))
    info = replace(probe(film.path), timecode=timecode)
    with pytest.raises(UnsupportedTrackError, match=timecode) as refusal:
        plan_output(info, tmp_path / target, EncodeOptions())
    assert way_out in str(refusal.value)
    plan = plan_output(info, tmp_path / target, EncodeOptions(drop_unsupported=True))
    assert [track.codec for track in plan.copied_tracks] == ["pcm_s16le"]
    assert any(timecode in note for note in plan.notes)
    passing.write(plan, [passing.output_frame(plan, 0, passing.soft_planes(plan, 0))])
    assert probe(tmp_path / target).timecode is None


def test_pcm_without_named_channels_is_refused_before_frame_1_where_it_cannot_be(tmp_path):
    sound = (make.Audio("pcm_s16le"),)
    film = make.film(tmp_path / "in.mxf", codec="mpeg2video", audio=sound, frames=3)
    with pytest.raises(UnsupportedTrackError, match=r"\.mp4 cannot hold audio track 1 .*; \.mov can"):
        plan_output(probe(film.path), tmp_path / "out.mp4", EncodeOptions())
    named = make.film(tmp_path / "in.mov", codec="mpeg2video", audio=sound, frames=3)
    assert plan_output(probe(named.path), tmp_path / "out.mp4", EncodeOptions()).copied_tracks
