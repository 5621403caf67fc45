"""Chroma as bytes: without loss, and never more room than the planes say."""

import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kinemacolor.store.errors import StoreError
from kinemacolor.store.packing import pack, unpack

SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None, derandomize=True)
@given(SIDES.flatmap(lambda side: arrays.arrays(np.int16, (2, *side))), st.booleans())
def test_any_planes_come_back(ab, has_confidence):
    confidence = (ab[0] & 0xFF).astype(np.uint8) if has_confidence else None
    found, found_confidence = unpack(pack(ab, confidence))
    assert found.dtype == np.int16
    assert np.array_equal(found, ab)
    assert (found_confidence is None) == (confidence is None)
    if confidence is not None:
        assert np.array_equal(found_confidence, confidence)


def test_smooth_planes_take_a_fraction():
    y, x = np.mgrid[0:256, 0:448]
    ab = np.stack((30 * x - 20 * y, 5 * y + (x * y >> 6))).astype(np.int16)
    assert len(pack(ab)) < ab.nbytes / 20
    assert np.array_equal(unpack(pack(ab))[0], ab)


def test_a_smooth_confidence_takes_a_fraction_too():
    y, x = np.mgrid[0:256, 0:448]
    confidence = (128 + 100 * np.sin(x / 50) * np.cos(y / 40)).astype(np.uint8)
    ab = np.zeros((2, 256, 448), np.int16)
    assert len(pack(ab, confidence)) - len(pack(ab)) < confidence.nbytes / 5
    assert np.array_equal(unpack(pack(ab, confidence))[1], confidence)


def test_they_are_read_only():
    planes, confidence = unpack(pack(np.zeros((2, 3, 4), np.int16), np.zeros((3, 4), np.uint8)))
    assert not planes.flags.writeable
    assert not confidence.flags.writeable


GOOD = pack(np.arange(24, dtype=np.int16).reshape(2, 3, 4))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:4],
        GOOD[:20],
        b"\x09" + GOOD[1:],
        GOOD[:4] + b"\x01" + GOOD[5:],
        GOOD[:5] + b"not zstd at all",
        struct.pack("<HHB", 3, 4, 0) + zstandard.compress(bytes(1 << 20)),
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(StoreError):
        unpack(data)
