"""The sink: whole file or none, the same bytes every time, segments that stand alone, exact times, a full disk."""

import errno
import math
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import make
import passing
import pytest

from kinemacolor.media import output_file
from kinemacolor.media.encoder import SegmentEncoder
from kinemacolor.media.errors import DiskFullError, OutputError
from kinemacolor.media.muxer import needs_global_header
from kinemacolor.media.output_file import DiskFullPolicy
from kinemacolor.media.plan import plan_output
from kinemacolor.media.probe import probe
from kinemacolor.media.segment_file import SegmentReader
from kinemacolor.media.types import EncodeOptions
from kinemacolor.media.writer import open_sink

OUTPUTS = [
    ("o.mp4", None), ("o.mov", None), ("o.mov", "prores_ks"), ("o.mkv", "libx264"), ("o.webm", None),
    ("o.mxf", "dnxhd"), ("o.mkv", "ffv1"), ("o.avi", None),
]  # fmt: skip


def soft_film(plan, count, pts=None):
    times = pts or list(range(count))
    return [passing.output_frame(plan, i, passing.soft_planes(plan, i), times[i]) for i in range(count)]


def plan_for(path: Path, *, options: EncodeOptions | None = None, **changes):
    return plan_output(passing.source_info(**changes), path, options or EncodeOptions())


@pytest.mark.parametrize(("name", "codec"), OUTPUTS)
def test_two_runs_give_the_same_file(tmp_path, name, codec):
    files = []
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        path = tmp_path / run / name
        options = EncodeOptions(codec=codec, segment_frames=12, threads=3)
        plan = plan_for(path, options=options, width=256, height=144)
        passing.write(plan, soft_film(plan, 30))
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_h264_does_not_depend_on_what_memory_held_before(tmp_path):
    # fails within a few runs on a CPU with AVX-512 if x264 may use it (see encoder._without_avx512)
    film = make.film(tmp_path / "a.mov", codec="libx264", audio=(make.Audio(),), frames=30, width=192, height=96)
    options = EncodeOptions(overwrite=True)
    contents = {passing.carry(film.path, tmp_path / "o.mov", options).path.read_bytes() for _ in range(12)}
    assert len(contents) == 1


def test_two_runs_with_tracks_give_the_same_file(tmp_path):
    film = make.film(tmp_path / "a.mov", codec="libx264", audio=(make.Audio(), make.Audio(codec="ac3")), frames=40)
    for target in ("o.mov", "o.mp4", "o.mkv"):
        first = passing.carry(film.path, tmp_path / target).path.read_bytes()
        passing.carry(film.path, tmp_path / target, EncodeOptions(overwrite=True))
        assert (tmp_path / target).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "codec"), [("o.mp4", "libx264"), ("o.mov", "prores_ks"), ("o.mkv", "ffv1"), ("o.webm", "libvpx-vp9")]
)
def test_a_segment_alone_has_the_bytes_it_has_in_the_film(tmp_path, name, codec):
    options = EncodeOptions(codec=codec, segment_frames=24, threads=2)
    plan = plan_for(tmp_path / name, options=options)
    frames = soft_film(plan, 60)
    with open_sink(plan, tmp_path) as sink:
        parts = [part for frame in frames if (part := sink.write_frame(frame)) is not None]
    with SegmentReader(tmp_path / parts[1].name) as segment:
        inside = list(segment.packets())
    ticks = Fraction(1, 25) / plan.time_base
    alone = SegmentEncoder(plan, global_header=needs_global_header(plan.container))
    packets = []
    for frame in frames[24:48]:
        packets += alone.encode(frame, round(frame.pts * ticks), round(ticks))
    packets += alone.flush()
    assert [bytes(p) for p in packets] == [bytes(p) for p in inside]
    assert [(p.pts, p.duration, p.is_keyframe) for p in packets] == [(p.pts, p.duration, p.is_keyframe) for p in inside]


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv"])
def test_every_segment_starts_with_a_key_frame_and_decodes_alone(tmp_path, name):
    plan = plan_for(tmp_path / name, options=EncodeOptions(codec="libx264", segment_frames=10))
    passing.write(plan, soft_film(plan, 25))
    with av.open(str(tmp_path / name)) as film:
        packets = [p for p in film.demux(film.streams.video[0]) if p.size]
        dts = [p.dts for p in packets if p.dts is not None]  # Matroska stores none, FFmpeg guesses most
        assert [i for i in (0, 10, 20) if not packets[i].is_keyframe] == []
        assert sorted(p.pts for p in packets[:10]) < sorted(p.pts for p in packets[10:])
    assert dts == sorted(set(dts))
    assert len(passing.decoded(tmp_path / name)) == 25


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv"])
@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(18)])
def test_constant_rates(tmp_path, name, rate):
    plan = plan_for(tmp_path / name, frame_rate=rate, time_base=1 / rate, options=EncodeOptions(segment_frames=16))
    passing.write(plan, soft_film(plan, 40))
    expected = [i / rate for i in range(40)]
    tick = Fraction(0) if name != "o.mkv" else Fraction(1, 1000)
    found = passing.times(tmp_path / name)
    assert max(abs(a - b) for a, b in zip(expected, found, strict=True)) <= tick / 2
    assert plan.time_exact == (name != "o.mkv" or (1000 / rate).denominator == 1)
    if name != "o.mkv":
        with av.open(str(tmp_path / name)) as film:
            assert film.streams.video[0].average_rate == rate
    assert sum("nearest" in note for note in plan.notes) == (not plan.time_exact)


VARIABLE = [0, 7, 9, 30, 31, 32, 60, 100, 140, 141, 300, 333, 334, 335, 400, 410, 420, 430, 440, 500]


@pytest.mark.parametrize("name", ["o.mp4", "o.mov", "o.mkv"])
@pytest.mark.parametrize("codec", ["libx264", None])
def test_variable_rate(tmp_path, name, codec):
    base = Fraction(1, 600)
    plan = plan_for(
        tmp_path / name, time_base=base, options=EncodeOptions(codec=codec, segment_frames=6), form=passing.gray(8)
    )
    frames = [replace(frame, time_base=base, duration=None) for frame in soft_film(plan, len(VARIABLE), VARIABLE)]
    passing.write(plan, frames)
    tick = Fraction(0) if name != "o.mkv" else Fraction(1, 1000)
    found = passing.times(tmp_path / name)
    assert max(abs(a * base - b) for a, b in zip(VARIABLE, found, strict=True)) <= tick / 2


def test_variable_rate_film_from_a_file(tmp_path):
    film = make.film(
        tmp_path / "a.mov", codec="libx264", time_base=Fraction(1, 600), pts=VARIABLE, audio=(make.Audio(),)
    )
    for target in ("o.mov", "o.mp4", "o.mkv"):
        passing.carry(film.path, tmp_path / target)
        tick = Fraction(0) if target != "o.mkv" else Fraction(1, 1000)
        found = passing.times(tmp_path / target)
        assert max(abs(a - b) for a, b in zip(film.times, found, strict=True)) <= tick / 2


@pytest.mark.parametrize("name", ["o.avi", "o.mxf"])
def test_variable_rate_is_refused_before_frame_1_where_it_cannot_be(tmp_path, name):
    film = make.film(tmp_path / "a.mov", codec="libx264", time_base=Fraction(1, 600), pts=VARIABLE)
    with pytest.raises(OutputError, match="constant frame rate"):
        plan_output(probe(film.path), tmp_path / name, EncodeOptions())


def test_frames_without_times_are_counted(tmp_path):
    plan = plan_for(tmp_path / "o.mov")
    passing.write(plan, [replace(frame, pts=None) for frame in soft_film(plan, 5)])
    assert passing.times(tmp_path / "o.mov") == [Fraction(i, 25) for i in range(5)]


def test_times_that_do_not_grow_are_refused(tmp_path):
    plan = plan_for(tmp_path / "o.mov")
    with pytest.raises(OutputError, match="at or before"):
        passing.write(plan, soft_film(plan, 3, [0, 1, 1]))
    assert list(tmp_path.iterdir()) == []


class CastError(Exception):
    """Something outside the sink went wrong."""


def fail():
    raise CastError


def test_an_exception_leaves_nothing(tmp_path):
    plan = plan_for(tmp_path / "o.mov")
    seen = []

    def look_and_fail() -> None:
        seen.append((tmp_path / "o.mov").exists())
        raise CastError

    with pytest.raises(CastError):
        passing.write_and_fail(plan, soft_film(plan, 50), before_finish=look_and_fail)
    assert seen == [False]
    assert list(tmp_path.iterdir()) == []


def test_leaving_without_finish_leaves_nothing(tmp_path):
    plan = plan_for(tmp_path / "o.mkv")
    with passing.open_sink(plan, plan.source.path) as sink:
        sink.write_frame(soft_film(plan, 1)[0])
    assert list(tmp_path.iterdir()) == []


def test_no_frames_is_an_error_and_leaves_nothing(tmp_path):
    plan = plan_for(tmp_path / "o.mp4")
    with pytest.raises(OutputError, match="no frame"):
        passing.write(plan, [])
    assert list(tmp_path.iterdir()) == []


def test_use_after_finish_is_an_error(tmp_path):
    plan = plan_for(tmp_path / "o.mp4")
    frame = soft_film(plan, 1)[0]
    with passing.open_sink(plan, plan.source.path) as sink:
        sink.write_frame(frame)
        sink.finish()
        with pytest.raises(ValueError, match="not open"):
            sink.write_frame(frame)
    assert (tmp_path / "o.mp4").exists()


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "o.mov"
    path.write_bytes(b"old")
    plan = plan_for(path, options=EncodeOptions(overwrite=True))
    with pytest.raises(CastError):
        passing.write_and_fail(plan, soft_film(plan, 1), before_finish=fail)
    assert path.read_bytes() == b"old"
    passing.write(plan, soft_film(plan, 3))
    assert len(passing.decoded(path)) == 3


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "o.mov"
    plan = plan_for(path)
    with pytest.raises(OutputError, match="-y"):
        passing.write_and_fail(plan, soft_film(plan, 1), before_finish=lambda: path.write_bytes(b"somebody else's"))
    assert path.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [path]


def test_kill_leaves_whole_segments_and_hidden_files(tmp_path):
    program = textwrap.dedent(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import itertools, pathlib, passing
        from kinemacolor.media.plan import plan_output
        from kinemacolor.media.types import EncodeOptions
        from kinemacolor.media.writer import open_sink
        folder = pathlib.Path({str(tmp_path)!r})
        plan = plan_output(passing.source_info(), folder / "o.mov", EncodeOptions(segment_frames=30))
        with open_sink(plan, folder) as sink:
            for i in itertools.count():
                sink.write_frame(passing.output_frame(plan, i, passing.random_planes(plan, i)))
                if i == 100:
                    print("running", flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline().strip() == "running"
        process.send_signal(signal.SIGKILL)
    segments = sorted(tmp_path.glob("*.segment"))
    assert len(segments) >= 3
    for segment in segments:
        with SegmentReader(segment) as reader:
            assert len(list(reader.packets())) == 30
    others = {path.name for path in tmp_path.iterdir()} - {path.name for path in segments}
    assert all(name.startswith(".") and name.endswith(".part") for name in others)


class FullDisk:
    """Stands for os.pwrite on a disk with `room` bytes; `free` makes more."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        self.room = room
        self.number = number
        self.real = os.pwrite

    def __call__(self, fd, data, offset):
        if self.room <= 0:
            raise OSError(self.number, os.strerror(self.number))
        part = data[: self.room]  # a disk that fills takes the first part
        self.room -= len(part)
        return self.real(fd, part, offset)


@pytest.mark.parametrize("name", ["o.mov", "o.mkv", "o.mxf"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_with_one_clear_error(tmp_path, monkeypatch, name, number):
    plan = plan_for(tmp_path / name, options=EncodeOptions(codec="libx264"))
    monkeypatch.setattr(output_file.os, "pwrite", FullDisk(20_000, number))
    with pytest.raises(DiskFullError, match="no room"):
        passing.write(plan, [passing.output_frame(plan, i, passing.random_planes(plan, i)) for i in range(400)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["o.mov", "o.mkv", "o.mp4"])
def test_a_disk_with_room_again_gives_the_same_file(tmp_path, monkeypatch, name):
    plan = plan_for(tmp_path / name)
    frames = [passing.output_frame(plan, i, passing.random_planes(plan, i)) for i in range(60)]
    passing.write(plan, frames)
    expected = (tmp_path / name).read_bytes()
    disk = FullDisk(30_000)
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) % 3 == 0:
            disk.room += 50_000

    monkeypatch.setattr(output_file.os, "pwrite", disk)
    policy = DiskFullPolicy(wait_seconds=60, poll_seconds=2, sleep=sleep)
    with passing.open_sink(replace(plan, overwrite=True), plan.source.path, policy) as sink:
        for frame in frames:
            sink.write_frame(frame)
        sink.finish()
    assert len(waits) >= 3
    assert (tmp_path / name).read_bytes() == expected


def test_waiting_for_room_ends_after_its_time_and_when_told(tmp_path, monkeypatch):
    plan = plan_for(tmp_path / "o.mov")
    monkeypatch.setattr(output_file.os, "pwrite", FullDisk(1000))
    slept: list[float] = []
    policies = (
        DiskFullPolicy(wait_seconds=10, poll_seconds=4, sleep=slept.append),
        DiskFullPolicy(wait_seconds=1e9, poll_seconds=1, sleep=slept.append, on_wait=lambda waited: waited < 3),
    )
    for policy, expected in zip(policies, ([4, 4, 2], [1, 1, 1]), strict=True):
        slept.clear()
        with pytest.raises(DiskFullError):
            passing.write_and_fail(plan, soft_film(plan, 100), disk_full=policy)
        assert slept == expected
    assert list(tmp_path.iterdir()) == []


def test_a_failing_disk_is_not_a_full_one(tmp_path, monkeypatch):
    plan = plan_for(tmp_path / "o.mov")
    monkeypatch.setattr(output_file.os, "pwrite", FullDisk(1000, errno.EIO))
    with pytest.raises(OutputError) as failure:
        passing.write(plan, soft_film(plan, 100))
    assert not isinstance(failure.value, DiskFullError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("o.mp4", None, passing.yuv420(8)),
        ("o.mov", "prores_ks", passing.yuv420(10)),
        ("o.mov", "prores_ks", passing.yuv444(12)),
        ("o.webm", None, passing.yuv420(8)),
        ("o.mkv", "libx264rgb", passing.rgb(8)),
    ],
)
def test_psnr_of_a_lossy_file_is_that_of_its_pictures(tmp_path, name, codec, form):
    options = EncodeOptions(codec=codec, segment_frames=10)
    plan = plan_for(tmp_path / name, form=form, options=options)
    given = [passing.random_planes(plan, i) for i in range(20)]
    report = passing.write(plan, [passing.output_frame(plan, i, planes) for i, planes in enumerate(given)])
    assert report.y_psnr_db is not None
    assert report.y_psnr_db == pytest.approx(true_psnr(plan, given, passing.decoded(tmp_path / name)), abs=1.0)
    assert report.y_psnr_frames in (10, 20)  # one segment of long-GOP codecs, every frame of intra ones


def true_psnr(plan, given, frames) -> float:
    from kinemacolor.colour.matrix import luma_weights
    from kinemacolor.media.picture_frames import read_planes
    from kinemacolor.picture.pixel import Family

    weights = luma_weights(plan.encoding.matrix) if plan.pixel_format.family is Family.RGB else (1.0, 0.0, 0.0)
    total = samples = 0.0
    for planes, frame in zip(given, frames, strict=True):
        scale = 2.0 ** (frame.format.components[0].bits - plan.pixel_format.bits)
        found = read_planes(frame, plan.pixel_format)
        error = sum(w * (a[: 48, : 64].astype(float) - b[:48, :64] / scale)
                    for w, a, b in zip(weights, planes, found, strict=True) if w)  # fmt: skip
        total += float((error**2).sum())
        samples += error.size
    return 10 * math.log10(plan.pixel_format.max_code**2 / (total / samples))


def test_a_lossless_file_has_no_psnr(tmp_path):
    plan = plan_for(tmp_path / "o.mkv", options=EncodeOptions(lossless=True))
    assert passing.write(plan, soft_film(plan, 3)).y_psnr_db is None


def test_planes_that_do_not_fit_are_refused(tmp_path):
    plan = plan_for(tmp_path / "o.mov")
    frame = soft_film(plan, 1)[0]
    with passing.open_sink(plan, plan.source.path) as sink:
        with pytest.raises(ValueError, match="expected"):
            sink.write_frame(replace(frame, planes=(frame.planes[0][:, :-1], *frame.planes[1:])))
        with pytest.raises(ValueError, match="expected"):
            sink.write_frame(replace(frame, planes=tuple(p.astype("uint16") for p in frame.planes)))


def test_names_that_a_shell_would_mangle(tmp_path):
    for name in ("a b.mov", "a'b\"c.mkv", "$(x);&.mp4", "größe 映画.mov", "%s-%d.mkv", "http:x.mkv"):
        plan = plan_for(tmp_path / name)
        passing.write(plan, soft_film(plan, 2))
        assert (tmp_path / name).exists()


def test_ctrl_c_while_waiting_for_room_ends_the_sink(tmp_path, monkeypatch):
    plan = plan_for(tmp_path / "o.mov")
    monkeypatch.setattr(output_file.os, "pwrite", FullDisk(1000))

    def interrupted(waited: float) -> bool:
        raise KeyboardInterrupt

    policy = DiskFullPolicy(wait_seconds=60, on_wait=interrupted)
    with pytest.raises(KeyboardInterrupt):
        passing.write_and_fail(plan, soft_film(plan, 100), disk_full=policy)
    assert list(tmp_path.iterdir()) == []
