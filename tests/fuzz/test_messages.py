"""Faults 16 and 17: whatever arrives in place of a message is refused with the contract's words, or is one."""

from collections.abc import Callable
from random import Random

import grpc
import pytest
from drive import drive
from messages import EDIT_LIST, SAMPLES, corpus
from mutate import Mutator
from streams import open_clip

from kinemacolor.server import service
from kinemacolor.server.open_request import check_guide, check_open
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import limits
from kinemacolor.wire.codec import parse_request
from kinemacolor.wire.errors import WireError, status_code

OPENED = check_open(open_clip("reel", guide_count=2, **EDIT_LIST).open_clip)
CODES = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND}
LONGEST_TEXT = 200


def understand(data: bytes) -> str:
    """What the server does with a message before anything of a clip is touched."""
    request = parse_request(data)
    kind = request.WhichOneof("message")
    if kind == "open_clip":
        check_opened(request.open_clip)
    elif kind == "guide":
        guide = check_guide(request, OPENED, None)
        assert guide.luma.size == SAMPLES
        assert len(guide.hints) <= limits.MAX_GUIDE_HINTS
    else:
        event = service._event(request, OPENED.settings.geometry)
        assert 0 <= getattr(event, "number", 0) <= limits.MAX_FRAME_NUMBER
    return f"taken as {kind}"


def check_opened(message: pb.OpenClip) -> None:
    """All that is kept of an OpenClip has a bound."""
    opened = check_open(message)
    assert opened.clip_key.isascii()
    assert 1 <= len(opened.clip_key) <= limits.MAX_CLIP_KEY_CHARS
    assert opened.settings.geometry.samples <= limits.MAX_PLANE_SAMPLES
    assert 0 <= opened.earliest_frame <= opened.first_frame <= limits.MAX_FRAME_NUMBER
    assert len(opened.client_name) <= limits.MAX_CLIENT_NAME_CHARS
    assert opened.client_name.isprintable()
    assert 0 <= opened.guide_count <= limits.MAX_GUIDES
    assert len(opened.settings.shot_starts or ()) <= limits.MAX_SHOT_STARTS


def read(data: bytes) -> str:
    try:
        return understand(data)
    except WireError as error:
        check_refusal(error)
        return error.reason.name


def check_refusal(refusal: WireError) -> None:
    """A status of the contract, and a line that tells nothing of the parser."""
    assert status_code(refusal.reason) in CODES
    assert refusal.message.isprintable()
    assert len(refusal.message) <= LONGEST_TEXT
    assert "Error" not in refusal.message


@pytest.mark.timeout(7200)
@pytest.mark.fault(16, "malformed bytes")
def test_no_bytes_break_the_reading_of_messages(record_property: Callable[[str, object], None]) -> None:
    record_property("figure", f"messages: {drive(Mutator(corpus(), seed=16), read)}")


class FieldMutator(Mutator):
    """Messages that parse, with fields that lie: the damage is done to values, not to bytes."""

    NUMBERS = (0, 1, -1, 47, 4096, 4097, 65536, 2**31 - 1, -(2**31))
    LONG_NUMBERS = (*NUMBERS, 2**63 - 1, 2**63 - 2, -(2**63))
    SIDES = (0, 1, 4096, 4097, 2**16, 2**31 - 1, 2**31, 2**32 - 1)

    def __init__(self, seed: int) -> None:
        super().__init__(corpus(), seed)

    def next(self) -> bytes:
        request = pb.StreamFramesRequest.FromString(self.random.choice(self.corpus))
        kind = request.WhichOneof("message")
        assert kind is not None
        lie(getattr(request, kind), self.random)
        return request.SerializeToString()


def lie(message: object, random: Random) -> None:
    """Change some of a message's fields, whatever they are."""
    for field in message.DESCRIPTOR.fields:  # type: ignore[attr-defined]
        if random.random() < 0.5:
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            change_list(value, random)
        elif field.message_type is not None:
            lie(value, random)
            value.SetInParent()
        else:
            setattr(message, field.name, other(field, value, random))


def change_list(values: object, random: Random) -> None:
    if random.random() < 0.3:
        del values[:]  # type: ignore[attr-defined]
    elif values and random.random() < 0.7:  # type: ignore[truthy-bool]
        values.extend([*values] * random.choice((1, 3)))  # type: ignore[attr-defined,misc]


def other(field: object, value: object, random: Random) -> object:
    """Another value of a field's type, near a bound or beyond it."""
    match field.cpp_type:  # type: ignore[attr-defined]
        case field.CPPTYPE_INT32 | field.CPPTYPE_ENUM:  # type: ignore[attr-defined]
            return random.choice(FieldMutator.NUMBERS)
        case field.CPPTYPE_INT64:  # type: ignore[attr-defined]
            return random.choice(FieldMutator.LONG_NUMBERS)
        case field.CPPTYPE_UINT32:  # type: ignore[attr-defined]
            return random.choice([side for side in FieldMutator.SIDES if side < 2**32])
        case field.CPPTYPE_UINT64:  # type: ignore[attr-defined]
            return random.choice(FieldMutator.SIDES)
        case field.CPPTYPE_FLOAT | field.CPPTYPE_DOUBLE:  # type: ignore[attr-defined]
            return random.choice((0.0, -0.0, 1.0, 1e-30, -1e30, 127.5, float("nan"), float("inf"), float("-inf")))
        case field.CPPTYPE_BOOL:  # type: ignore[attr-defined]
            return not value
    if isinstance(value, bytes):
        return random.choice((b"", value[:-1], value + b"\0", value * 2))
    return random.choice(("", "..", "../../etc/passwd", "/etc/passwd", "a\0b", "CON", "．．／", "é", "x" * 5000, "\n"))


@pytest.mark.timeout(7200)
@pytest.mark.fault(17, "headers that lie")
def test_no_fields_break_the_reading_of_messages(record_property: Callable[[str, object], None]) -> None:
    record_property("figure", f"fields: {drive(FieldMutator(seed=17), read)}")
