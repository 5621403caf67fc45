"""The bytes of a snapshot: what was saved comes back, and nothing else ever does."""

import pickle
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinemacolor.server.snapshot_file import (
    FORMAT,
    SnapshotContent,
    SnapshotHeader,
    SnapshotRefusedError,
    decode,
    encode,
)

HEADER = SnapshotHeader(
    clip_key="reel 1",
    next_frame=48,  # type: ignore[arg-type]
    shot_start=24,  # type: ignore[arg-type]
    model="tiny",
    weights_sha256="ab" * 32,
    dependency="cd" * 32,
    device_class="cpu|float32",
    width_px=6,
    height_px=4,
    transfer=13,
)
STATE = {"memory": torch.arange(24.0).reshape(2, 3, 4) / 7, "count": torch.tensor(3)}
CONTENT = SnapshotContent(STATE, bytes(range(48)))
DATA = encode(HEADER, CONTENT)


def test_what_was_saved_comes_back_to_the_bit() -> None:
    content = decode(DATA, HEADER)
    assert content.luma == CONTENT.luma
    assert content.tensors.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert content.tensors[name].dtype == tensor.dtype
        assert torch.equal(content.tensors[name], tensor)


def test_a_view_and_another_memory_order_come_back_as_values() -> None:
    views = {"view": torch.arange(100.0)[::2], "turned": torch.arange(12.0).reshape(3, 4).T}
    content = decode(encode(HEADER, SnapshotContent(views, b"x")), HEADER)
    assert all(torch.equal(content.tensors[name], tensor) for name, tensor in views.items())


def test_a_shot_start_has_neither_state_nor_luma() -> None:
    assert decode(encode(HEADER, SnapshotContent({}, b"")), HEADER) == SnapshotContent({}, b"")


def test_every_single_byte_counts() -> None:
    """Also those of names, types, shapes and padding: no other file is taken for this one."""
    for place in range(len(DATA)):
        damaged = bytearray(DATA)
        damaged[place] ^= 0x10
        with pytest.raises(SnapshotRefusedError):
            decode(bytes(damaged), HEADER)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, len(DATA) // 2, len(DATA) - 1])
def test_a_file_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(SnapshotRefusedError, match=f"{length} bytes"):
        decode(DATA[:length], HEADER)


def test_a_file_with_more_behind_it_is_refused() -> None:
    with pytest.raises(SnapshotRefusedError):
        decode(DATA + b"\0", HEADER)


@pytest.mark.parametrize(
    "other",
    [
        {"clip_key": "reel 2"},
        {"next_frame": 47},
        {"shot_start": 0},
        {"model": "kinema"},
        {"weights_sha256": "00" * 32},
        {"dependency": "00" * 32},
        {"device_class": "cuda"},
        {"width_px": 4},
        {"height_px": 6},
        {"transfer": 8},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_another_ones_state_is_refused_and_said_which(other: dict[str, object]) -> None:
    [(name, value)] = other.items()
    with pytest.raises(SnapshotRefusedError, match=f"{name}: expected {value}, found "):
        decode(DATA, replace(HEADER, **other))  # type: ignore[arg-type]


def test_another_format_version_is_refused() -> None:
    other = FORMAT[:-1] + "9"
    with pytest.raises(SnapshotRefusedError, match=f"format: expected {FORMAT}, found {other}"):
        decode(DATA.replace(FORMAT.encode(), other.encode()), HEADER)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a snapshot has run code",)


@pytest.mark.fault(27, "malicious snapshot or weights file")
def test_a_pickle_is_refused_and_not_run() -> None:
    with pytest.raises(SnapshotRefusedError):
        decode(pickle.dumps(Bomb()), HEADER)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(SnapshotRefusedError):
        decode(data, HEADER)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_header_breaks_the_reader(header: bytes) -> None:
    with pytest.raises(SnapshotRefusedError):
        decode(len(header).to_bytes(8, "little") + header, HEADER)
