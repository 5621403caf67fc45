"""Everything that arrives is checked before anything is allocated for it."""

import tracemalloc

import numpy as np
import pytest

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import codec, limits
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.frame import Geometry
from kinemacolor.wire.reasons import ErrorReason


def refused(reason: ErrorReason, match: str | None = None) -> "pytest.RaisesExc[WireError]":
    return pytest.RaisesExc(WireError, match=match, check=lambda error: error.reason is reason)


def test_a_luma_plane_survives_the_wire() -> None:
    plane = np.arange(15, dtype=np.uint16).reshape(3, 5) * 4000
    decoded = codec.decode_luma(codec.encode_luma(plane), Geometry(5, 3))
    assert (decoded == plane).all()
    assert not decoded.flags.writeable


def test_a_plane_with_strides_is_sent_without_its_padding() -> None:
    wide = np.arange(40, dtype=np.uint16).reshape(4, 10)
    assert codec.encode_luma(wide[:, :5]) == np.ascontiguousarray(wide[:, :5]).tobytes()


def test_bytes_are_little_endian() -> None:
    assert codec.encode_luma(np.array([[0x1234]], np.uint16)) == b"\x34\x12"
    assert codec.encode_ab(np.array([[[-2]], [[1]]], np.int16)) == b"\xfe\xff\x01\x00"


@pytest.mark.parametrize("size", [0, 29, 31, 1 << 20])
def test_a_luma_of_another_size_is_refused(size: int) -> None:
    with refused(ErrorReason.PLANE_SIZE, "30 bytes"):
        codec.decode_luma(bytes(size), Geometry(5, 3))


@pytest.mark.parametrize("data", [b"\xff" * 10, b"\x0a\x05abc", b""])
def test_malformed_messages_are_refused_without_the_parsers_text(data: bytes) -> None:
    with refused(ErrorReason.MALFORMED, r"^the message (is no StreamFramesRequest|has no known content)$"):
        codec.parse_request(data)


@pytest.mark.parametrize(
    ("width", "height"), [(0, 4), (4, 0), (-1, 4), (2**31 - 1, 2**31 - 1), (4097, 1), (4096, 4096)]
)
def test_lying_geometries_are_refused(width: int, height: int) -> None:
    with refused(ErrorReason.GEOMETRY):
        codec.check_geometry(pb.PlaneGeometry(width_px=width, height_px=height))


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", "a\0b", "ключ", "a b", "x" * 129, "a\n"])
def test_clip_keys_that_are_no_names_are_refused(key: str) -> None:
    with refused(ErrorReason.BAD_FIELD):
        codec.check_clip_key(key)


def test_a_clip_key_may_be_a_uuid_or_a_hash() -> None:
    assert codec.check_clip_key("sha256:00ff-a.b_c") == "sha256:00ff-a.b_c"


@pytest.mark.parametrize("starts", [(3, 3), (5, 2), (-1, 4)])
def test_edit_lists_must_increase(starts: tuple[int, ...]) -> None:
    message = pb.OpenClip(shot_source=pb.SHOT_SOURCE_EDIT_LIST, edit_list=pb.EditList(shot_starts=starts))
    with refused(ErrorReason.BAD_FIELD):
        codec.check_shot_starts(message)


def test_an_edit_list_without_its_source_is_refused() -> None:
    with refused(ErrorReason.BAD_FIELD):
        codec.check_shot_starts(pb.OpenClip(edit_list=pb.EditList(shot_starts=[0])))


def test_too_many_shots_are_refused() -> None:
    starts = range(limits.MAX_SHOT_STARTS + 1)
    message = pb.OpenClip(shot_source=pb.SHOT_SOURCE_EDIT_LIST, edit_list=pb.EditList(shot_starts=starts))
    with refused(ErrorReason.BAD_FIELD):
        codec.check_shot_starts(message)


def test_a_color_frame_survives_the_wire() -> None:
    ab = np.arange(-6, 6, dtype=np.int16).reshape(2, 2, 3) * 1000
    message = pb.ColorFrame(frame_number=4, ab=codec.encode_ab(ab), shot_start=True, confidence=bytes(range(6)))
    planes = codec.decode_color_frame(message, Geometry(3, 2))
    assert (planes.ab == ab).all()
    assert planes.durable_through is None
    assert planes.confidence is not None
    assert planes.confidence.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("field", ["ab", "confidence"])
def test_planes_of_another_size_from_the_server_are_refused(field: str) -> None:
    message = pb.ColorFrame(ab=bytes(24), confidence=bytes(6))
    setattr(message, field, bytes(5))
    with refused(ErrorReason.PLANE_SIZE):
        codec.decode_color_frame(message, Geometry(3, 2))


def test_a_lying_edit_list_is_refused_before_it_is_unpacked() -> None:
    starts = range(2_000_000)
    message = pb.OpenClip(shot_source=pb.SHOT_SOURCE_EDIT_LIST, edit_list=pb.EditList(shot_starts=starts))
    tracemalloc.start()
    try:
        with refused(ErrorReason.BAD_FIELD, "at most 100000 shots, found 2000000"):
            codec.check_shot_starts(message)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_a_frame_number_has_a_successor_that_fits_the_wire() -> None:
    assert codec.check_frame_number(limits.MAX_FRAME_NUMBER) + 1 == 2**63 - 1
    with refused(ErrorReason.BAD_FIELD, "frame numbers"):
        codec.check_frame_number(limits.MAX_FRAME_NUMBER + 1)
