"""What goes into a lossless sink comes out of the file, sample by sample and at its time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import passing
import pytest

from kinemacolor.colour.encoding import Range
from kinemacolor.media.picture_frames import read_planes
from kinemacolor.media.plan import plan_output
from kinemacolor.media.types import EncodeOptions
from kinemacolor.picture.pixel import Family, PixelFormat

YUV422_10 = PixelFormat(name="yuv422p10le", family=Family.YUV, bits=10, log2_chroma_w=1)
SOURCES = {
    "yuv420p": passing.yuv420(8),
    "yuv422p10le": YUV422_10,
    "yuv444p12le": passing.yuv444(12),
    "yuv444p16le": passing.yuv444(16),
    "gray": passing.gray(8),
    "gray10le": passing.gray(10),
    "gray12le": passing.gray(12),
    "gray16le": passing.gray(16),
    "gbrp": passing.rgb(8),
    "gbrp10le": passing.rgb(10),
    "gbrp16le": passing.rgb(16),
}


def round_trip(info, path: Path, options: EncodeOptions) -> None:
    plan = plan_output(info, path, options)
    assert plan.lossless
    given = [passing.random_planes(plan, seed) for seed in range(5)]
    passing.write(plan, [passing.output_frame(plan, i, planes) for i, planes in enumerate(given)])
    frames = passing.decoded(path)
    assert len(frames) == len(given)
    for planes, frame in zip(given, frames, strict=True):
        assert frame.format.components[0].bits == plan.pixel_format.bits
        for expected, found in zip(planes, read_planes(frame, plan.pixel_format), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("size", [(64, 48), (35, 29)])
@pytest.mark.parametrize("range_", [Range.LIMITED, Range.FULL])
def test_ffv1_returns_every_sample(tmp_path, name, size, range_):
    info = passing.source_info(form=SOURCES[name], width=size[0], height=size[1])
    info = replace(info, encoding=replace(info.encoding, range=range_))
    round_trip(info, tmp_path / "o.mkv", EncodeOptions(codec="ffv1"))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("extension", [".mkv", ".mp4"])
def test_lossless_default_returns_every_sample(tmp_path, name, extension):
    info = passing.source_info(form=SOURCES[name])
    round_trip(info, tmp_path / f"o{extension}", EncodeOptions(lossless=True))


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gray", "gray10le", "gbrp"])
def test_lossless_mov_is_h264_and_exact(tmp_path, name):
    round_trip(passing.source_info(form=SOURCES[name]), tmp_path / "o.mov", EncodeOptions(lossless=True))


@pytest.mark.parametrize("extension", [".webm", ".avi", ".mxf"])
def test_lossless_is_exact_in_other_containers(tmp_path, extension):
    round_trip(passing.source_info(), tmp_path / f"o{extension}", EncodeOptions(lossless=True))


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 7)])
@pytest.mark.parametrize("extension", [".mkv", ".mp4", ".webm"])
def test_tiny_pictures_are_exact(tmp_path, size, extension):
    info = passing.source_info(form=passing.gray(8), width=size[0], height=size[1])
    round_trip(info, tmp_path / f"o{extension}", EncodeOptions(lossless=True))


@pytest.mark.parametrize(("extension", "codec"), [(".mov", "prores_ks"), (".mkv", "ffv1"), (".mov", "png")])
def test_alpha_is_kept(tmp_path, extension, codec):
    info = passing.source_info(form=passing.rgb(8, alpha=True))
    plan = plan_output(info, tmp_path / f"o{extension}", EncodeOptions(codec=codec))
    assert plan.pixel_format.has_alpha
    alpha = np.tile(np.linspace(0, plan.pixel_format.max_code, 64), (48, 1)).astype(plan.pixel_format.dtype)
    frame = replace(passing.output_frame(plan, 0, passing.soft_planes(plan, 0)), alpha=alpha)
    passing.write(plan, [frame])
    decoded = passing.decoded(tmp_path / f"o{extension}")[0]
    position = next(i for i, c in enumerate(decoded.format.components) if c.is_alpha)
    found = read_alpha(decoded, position)
    more_bits = decoded.format.components[0].bits - plan.pixel_format.bits
    np.testing.assert_array_equal(found >> more_bits, alpha)


def read_alpha(frame, position):
    planar = len(frame.planes) > 1
    plane = frame.planes[position if planar else 0]
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.dtype("<u2")
    samples = np.frombuffer(plane, dtype=dtype).reshape(plane.height, -1)
    if planar:
        return samples[: frame.height, : frame.width]
    return samples.reshape(plane.height, -1, 4)[: frame.height, : frame.width, 3]
