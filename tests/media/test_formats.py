"""Repacking is lossless: every code of every format comes back, wherever FFmpeg keeps it."""

import av
import numpy as np
import pytest
from tests.media import make

from kinemacolor.media.errors import UnsupportedSourceError
from kinemacolor.media.formats import Repacker, planar_format
from kinemacolor.picture.pixel import Family

WIDTH, HEIGHT = 23, 13
"""Odd on purpose: rows have padding, chroma is rounded up, pairs of pixels have a half one at the end."""

# Formats that swscale can make without loss from planar samples of the same depth (it only moves them).
MOVED_BY_SWSCALE = """
    0bgr 0rgb abgr argb ayuv ayuv64be ayuv64le bgr0 bgr24 bgr48be bgr48le bgra bgra64be bgra64le gbrap10be
    gbrap12be gbrap16be gbrp10be gbrp10msble gbrp12be gbrp14be gbrp16be gbrp9be gray10be gray12be gray14be
    gray16be gray9be nv12 nv16 nv20be nv20le nv21 nv24 nv42 p010be p010le p012be p012le p016be p016le p210be
    p210le p212le p216le p410be p410le p412le p416le rgb0 rgb24 rgb48be rgb48le rgba rgba64be rgba64le uyva
    uyvy422 v30xle vuya vuyx vyu444 x2bgr10le x2rgb10le xv30le xv36be xv36le xv48be xv48le y210le y212le y216le
    yuv420p10be yuv420p12be yuv420p14be yuv420p16be yuv420p9be yuv422p10be yuv422p12be yuv422p16be yuv440p10be
    yuv444p10be yuv444p10msble yuv444p12be yuv444p16be yuva420p10be yuva422p12be yuva444p10be yuva444p16be
    yuvj411p yuvj420p yuvj422p yuvj440p yuvj444p yuyv422 yvyu422
""".split()  # noqa: SIM905

PLANAR = """
    gray gray9le gray10le gray12le gray14le gray16le yuv420p yuv422p yuv444p yuv440p yuv411p yuv410p yuv420p9le
    yuv420p10le yuv422p10le yuv444p10le yuv444p12le yuv422p12le yuv420p14le yuv420p16le yuv444p16le gbrp gbrp9le
    gbrp10le gbrp12le gbrp14le gbrp16le gbrap gbrap10le gbrap16le yuva420p yuva444p10le yuva444p16le
""".split()  # noqa: SIM905


def unpacked(frame: av.VideoFrame, name: str, **options: bool) -> list[np.ndarray]:
    planes, alpha = Repacker(name, planar_format(name, **options))(frame)
    return [*planes, alpha] if alpha is not None else list(planes)


@pytest.mark.parametrize("name", MOVED_BY_SWSCALE)
def test_every_code_of_a_packed_format_comes_back(name: str) -> None:
    target = planar_format(name)
    width = WIDTH + (name in ("p010le", "p016le"))  # swscale leaves out their last column of chroma at odd widths
    given = make.picture(target.name, width, HEIGHT, 3, colour=True)
    planar = make.video_frame(target.name, width, HEIGHT, given)
    # One thread: swscale writes whole registers past the end of a row, and threads do so into each other's first row.
    packed = planar.reformat(format=name, src_color_range=2, dst_color_range=2, threads=1)
    assert packed.format.name == name

    expected, found = unpacked(planar, target.name), unpacked(packed, name)

    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == target.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", PLANAR)
def test_planar_samples_are_those_of_the_decoder_and_not_copied(name: str) -> None:
    given = make.picture(name, WIDTH, HEIGHT, 1, colour=True)
    frame = make.video_frame(name, WIDTH, HEIGHT, given)

    found = unpacked(frame, name)

    order = [2, 0, 1, 3][: len(given)] if planar_format(name).family is Family.RGB else range(len(given))
    for plane, at in zip(found, order, strict=True):
        np.testing.assert_array_equal(plane, given[at])
        assert not plane.flags.writeable
        assert np.shares_memory(plane, np.frombuffer(frame.planes[at], np.uint8))


def test_planes_outlive_the_decoded_frame() -> None:
    given = make.picture("yuv420p10le", 64, 48, 1)
    frame = make.video_frame("yuv420p10le", 64, 48, given)
    planes = unpacked(frame, "yuv420p10le")
    del frame
    for _ in range(8):
        make.video_frame("yuv420p10le", 64, 48, make.picture("yuv420p10le", 64, 48, 2))
    np.testing.assert_array_equal(planes[0], given[0])


@pytest.mark.parametrize(("name", "white"), [("monow", 0), ("monob", 1)])
def test_one_bit_becomes_black_and_white(name: str, white: int) -> None:
    frame = make.video_frame(name, 11, 2, (np.array([[0b10110000, 0b01000000], [0, 0b11100000]], np.uint8),))
    bits = np.array([[1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0], [0] * 8 + [1, 1, 1]])
    (luma,) = unpacked(frame, name)
    np.testing.assert_array_equal(luma, np.where(bits == white, 255, 0))


@pytest.mark.parametrize("name", ["ya8", "ya16le", "ya16be"])
def test_gray_with_alpha(name: str) -> None:
    dtype = np.uint8 if name == "ya8" else (">u2" if name.endswith("be") else "<u2")
    pairs = np.random.default_rng(5).integers(0, 256 if name == "ya8" else 65536, (HEIGHT, WIDTH, 2)).astype(dtype)
    frame = make.video_frame(name, WIDTH, HEIGHT, (pairs.reshape(HEIGHT, -1),))
    luma, alpha = unpacked(frame, name)
    np.testing.assert_array_equal(luma, pairs[:, :, 0])
    np.testing.assert_array_equal(alpha, pairs[:, :, 1])


@pytest.mark.parametrize("with_alpha", [False, True])
def test_a_palette_becomes_rgb(with_alpha: bool) -> None:
    random = np.random.default_rng(6)
    indices = random.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    rgba = random.integers(0, 256, (256, 4), dtype=np.uint8)
    words = np.zeros(256, np.uint32)
    for at, low in enumerate((16, 8, 0, 24)):
        words |= rgba[:, at].astype(np.uint32) << np.uint32(low)
    frame = make.video_frame("pal8", WIDTH, HEIGHT, (indices, words[None, :]))
    found = unpacked(frame, "pal8", palette_alpha=with_alpha)
    assert len(found) == 3 + with_alpha
    for at, plane in enumerate(found):
        np.testing.assert_array_equal(plane, rgba[indices, at])


def test_big_endian_pairs_of_ten_bits() -> None:
    codes = np.random.default_rng(7).integers(0, 1024, (HEIGHT, 2 * (WIDTH + 1)))
    frame = make.video_frame("y210be", WIDTH, HEIGHT, ((codes << 6).astype(">u2"),))
    luma, cb, cr = unpacked(frame, "y210be")
    np.testing.assert_array_equal(luma, codes[:, 0::2][:, :WIDTH])
    np.testing.assert_array_equal(cb, codes[:, 1::4])
    np.testing.assert_array_equal(cr, codes[:, 3::4])


def test_full_range_is_no_pixel_format() -> None:
    assert planar_format("yuvj422p").name == "yuv422p"


def test_names_are_native_and_planar() -> None:
    assert planar_format("rgb48be").name == "gbrp16le"
    assert planar_format("p010be").name == "yuv420p10le"
    assert planar_format("vuya").name == "yuva444p"


@pytest.mark.parametrize("name", ["gbrpf32le", "grayf32le", "bayer_rggb8", "xyz12le", "rgb565le", "gray32le", "vaapi"])
def test_what_cannot_be_moved_without_arithmetic_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedSourceError, match=name):
        planar_format(name)
