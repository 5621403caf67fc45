"""Picture sequences: numbers kept, exact samples, one whole file at a time."""

import errno
from dataclasses import replace

import numpy as np
import passing
import pytest

from kinemacolor.colour.encoding import Range
from kinemacolor.media import output_file
from kinemacolor.media.errors import DiskFullError, OutputError
from kinemacolor.media.picture_frames import read_planes
from kinemacolor.media.plan import plan_output
from kinemacolor.media.types import EncodeOptions


def write_pictures(info, path, numbers=(7, 8, 1001), options=None):
    plan = plan_output(info, path, options or EncodeOptions())
    frames = [passing.output_frame(plan, number, passing.random_planes(plan, number)) for number in numbers]
    if plan.pixel_format.has_alpha:
        frames = [replace(frame, alpha=frame.planes[0][::-1].copy()) for frame in frames]
    report = passing.write(plan, frames)
    assert report.frames == len(numbers)
    assert report.y_psnr_db is None
    return plan, frames


@pytest.mark.parametrize(
    ("suffix", "form", "bits"),
    [
        (".png", passing.gray(8), 8), (".png", passing.gray(10), 16), (".png", passing.rgb(16), 16),
        (".tif", passing.yuv420(8), 8), (".tiff", passing.gray(12), 16), (".dpx", passing.gray(8), 8),
        (".dpx", passing.gray(10), 10), (".dpx", passing.rgb(12), 12), (".dpx", passing.gray(16), 16),
        (".png", passing.rgb(8, alpha=True), 8), (".tif", passing.rgb(16, alpha=True), 16),
        (".dpx", passing.rgb(8, alpha=True), 8), (".dpx", passing.rgb(10, alpha=True), 16),
    ],
)  # fmt: skip
def test_samples_and_numbers(tmp_path, suffix, form, bits):
    plan, frames = write_pictures(passing.source_info(form=form), tmp_path / f"a.%04d{suffix}")
    assert (plan.container, plan.pixel_format.family.value, plan.pixel_format.bits) == ("sequence", "rgb", bits)
    assert plan.encoding.range is Range.FULL
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{n:04d}{suffix}" for n in (7, 8, 1001)]
    for frame in frames:
        found = passing.decoded(tmp_path / f"a.{frame.number:04d}{suffix}")[0]
        swapped = _native(found, plan)
        for expected, plane in zip(frame.planes, swapped, strict=True):
            np.testing.assert_array_equal(plane, expected)


def _native(frame, plan):
    if frame.format.name.startswith("gbr") and frame.format.is_big_endian:
        green, blue, red = (
            np.frombuffer(plane, ">u2").reshape(plane.height, -1)[: frame.height, : frame.width]
            for plane in frame.planes[:3]
        )
        return red, green, blue
    return read_planes(frame, plan.pixel_format)


def test_existing_pictures_are_kept_unless_they_may_be_replaced(tmp_path):
    old = tmp_path / "a.0008.png"
    old.write_bytes(b"old")
    with pytest.raises(OutputError, match="-y"):
        write_pictures(passing.source_info(), tmp_path / "a.%04d.png")
    assert old.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.0007.png", "a.0008.png"]
    write_pictures(passing.source_info(), tmp_path / "a.%04d.png", options=EncodeOptions(overwrite=True))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_leaves_only_whole_pictures(tmp_path, monkeypatch):
    plan = plan_output(passing.source_info(), tmp_path / "a.%04d.png", EncodeOptions())
    real, room = output_file.os.pwrite, [20_000]

    def pwrite(fd, data, offset):
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, "full")
        part = data[: room[0]]
        room[0] -= len(part)
        return real(fd, part, offset)

    monkeypatch.setattr(output_file.os, "pwrite", pwrite)
    frames = [passing.output_frame(plan, number, passing.random_planes(plan, number)) for number in range(100)]
    with pytest.raises(DiskFullError):
        passing.write_and_fail(plan, frames)
    monkeypatch.undo()
    left = sorted(tmp_path.iterdir())
    assert left
    assert all(passing.decoded(path)[0].width == 64 for path in left)


def test_two_runs_are_equal(tmp_path):
    for suffix in (".png", ".tif", ".dpx"):
        contents = []
        for run in "ab":
            (tmp_path / run).mkdir(exist_ok=True)
            write_pictures(passing.source_info(), tmp_path / run / f"x.%d{suffix}", numbers=(3,))
            contents.append((tmp_path / run / f"x.3{suffix}").read_bytes())
        assert contents[0] == contents[1]
