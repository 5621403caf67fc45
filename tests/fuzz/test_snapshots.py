"""Fault 27: a damaged snapshot is refused; one that is taken says what the whole one says."""

import json
from collections.abc import Callable

import pytest
import torch
from drive import drive
from mutate import Mutator

from kinemacolor.server.snapshot_file import SnapshotContent, SnapshotHeader, SnapshotRefusedError, decode, encode

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
STATE = {"memory": torch.arange(24.0).reshape(2, 3, 4) / 7, "half": torch.ones(5).half(), "count": torch.tensor(3)}
CONTENT = SnapshotContent(STATE, bytes(range(48)))
START = SnapshotContent({}, b"")


def is_same(content: SnapshotContent, other: SnapshotContent) -> bool:
    return (
        content.luma == other.luma
        and content.tensors.keys() == other.tensors.keys()
        and all(
            tensor.dtype == other.tensors[name].dtype and torch.equal(tensor, other.tensors[name])
            for name, tensor in content.tensors.items()
        )
    )


def read(data: bytes) -> str:
    try:
        content = decode(data, HEADER)
    except SnapshotRefusedError:
        return "refused"
    assert is_same(content, CONTENT) or is_same(content, START), "a wrong state was taken for a right one"
    return "taken, whole in meaning"


def in_other_words() -> list[bytes]:
    """The same header with other spaces and another order of its entries."""
    data = encode(HEADER, CONTENT)
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    texts = (json.dumps(header), json.dumps(dict(reversed(header.items()))))
    padded = [text.encode() + b" " * (-len(text) % 8) for text in texts]
    return [len(text).to_bytes(8, "little") + text + body for text in padded]


@pytest.mark.timeout(7200)
@pytest.mark.fault(27, "malicious snapshot or weights file")
def test_no_bytes_break_the_reader_of_snapshots(record_property: Callable[[str, object], None]) -> None:
    corpus = [encode(HEADER, CONTENT), encode(HEADER, START), *in_other_words()]
    record_property("figure", f"snapshots: {drive(Mutator(corpus, seed=27), read)}")
