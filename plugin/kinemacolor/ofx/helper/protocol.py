"""The messages between shim and helper: their bytes, both ways. Pure. `docs/ofx-bridge.md` says when each is sent.

A message is a header and a payload. All numbers are little endian, doubles are IEEE 754, a text is its length in bytes
(u32) and UTF-8 without an end mark. The numbers below are also the shim's: `shim/wire.h` is generated from them.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from kinemacolor.ofx.parameters import VALUED, Kind, Value, Values

__all__ = [
    "HEADER_BYTES",
    "MAX_PAYLOAD_BYTES",
    "PROTOCOL_VERSION",
    "Abort",
    "Analyse",
    "Changed",
    "ClipFacts",
    "Components",
    "Depth",
    "Done",
    "Envelope",
    "Fetch",
    "Fetched",
    "FromHelper",
    "FromShim",
    "Gone",
    "Header",
    "Heartbeat",
    "Hello",
    "MessageType",
    "Premultiplication",
    "Progress",
    "ProtocolError",
    "Purpose",
    "Render",
    "Status",
    "Welcome",
    "decode",
    "decode_header",
    "encode",
]

PROTOCOL_VERSION = 1
MAGIC = 0x584F434B  # "KCOX"
MEMORY_MAGIC = 0x504F434B  # "KCOP"
MAX_PAYLOAD_BYTES = 65536
"""Room for every text parameter at its limit, twice."""
PICTURE_LIMIT_BYTES = 1 << 30
"""8192 x 8192 RGBA float; a larger picture is refused."""
MEMORY_HEAD_BYTES = 4096
"""A page in front of the first slot, so that slots are page aligned."""
_HEADER = struct.Struct("<IIIIQ")
HEADER_BYTES = _HEADER.size
_E = TypeVar("_E", bound=IntEnum)


class ProtocolError(Exception):
    """Bytes that are no message of this protocol. The text is one clear line."""


class MessageType(IntEnum):
    """What a payload is. Numbers below 16 go to the helper."""

    HELLO = 1
    RENDER = 2
    FETCHED = 3
    ABORT = 4
    ANALYSE = 5
    CHANGED = 6
    GONE = 7
    WELCOME = 16
    DONE = 17
    FETCH = 18
    HEARTBEAT = 19
    PROGRESS = 20


class Purpose(IntEnum):
    """What the frame is for. Only final frames may touch the state of the final stream."""

    FINAL = 0
    PREVIEW = 1
    """Interactive, draft or scaled."""
    THUMBNAIL = 2


class Depth(IntEnum):
    """The samples of a picture."""

    BYTE = 1
    SHORT = 2
    """16 bits, 65535 is white."""
    HALF = 3
    FLOAT = 4


class Components(IntEnum):
    """How many samples a pixel has."""

    RGB = 3
    RGBA = 4


class Premultiplication(IntEnum):
    """What the host says about alpha."""

    UNKNOWN = 0
    OPAQUE = 1
    PREMULTIPLIED = 2
    UNPREMULTIPLIED = 3


class Status(IntEnum):
    """How a request ended."""

    OK = 0
    PROVISIONAL = 1
    FAILED = 2
    ABORTED = 3


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before each payload."""

    type: MessageType
    length: int
    """Bytes of the payload."""
    generation: int
    """Counts the helpers that a host has started; both sides refuse another one's."""
    serial: int
    """Of the request; answers carry that of what they answer."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The shim's first message."""

    protocol_version: int
    table_hash: int
    host_name: str
    host_label: str
    host_version: str
    fails_count_as_success: bool
    """Whether this host takes a failed render for success, so that only a picture can tell."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The helper's answer to Hello. A helper that cannot work answers Done (failed) instead."""

    protocol_version: int
    table_hash: int
    package_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """What the host says about the source clip; nothing of it can be relied on."""

    frame_rate: float = 0.0
    """Frames a second; 0 if unknown."""
    first_frame: float = math.nan
    last_frame: float = math.nan
    """The clip's range in the effect's time; NaN if unknown."""
    pixel_aspect: float = 1.0
    premultiplication: Premultiplication = Premultiplication.UNKNOWN
    colourspace: str = ""
    """Name by the host's colour management (OFX 1.5); empty: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """Colour the picture in slot 0, in place."""

    instance: int
    """Of the effect, unique in its host process."""
    purpose: Purpose
    time: float
    """In frames; relative to what the host likes, and fractional in a retimed clip."""
    scale_x: float = 1.0
    scale_y: float = 1.0
    bounds: tuple[int, int, int, int]
    """x1, y1, x2, y2 of the picture in pixels, y upwards; it is x2 - x1 wide and y2 - y1 high."""
    definition: tuple[int, int, int, int]
    """The region in which the clip is defined, in the same pixels."""
    depth: Depth
    components: Components
    has_temporal_access: bool = False
    """Whether `Fetch` may be asked."""
    says_sequential: bool = False
    """The host's word, which is no promise."""
    field: str = ""
    """The host's name of the field to render; "OfxFieldNone" or empty for frames."""
    unique_id: str = ""
    """The host's name of the source picture; missing or constant in some hosts."""
    clip: ClipFacts
    values: Values


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to Fetch: the picture is in slot 1, or it is not to be had."""

    present: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Abort:
    """The host does not want the answer any more; Done comes all the same, and soon."""


@dataclass(frozen=True, slots=True)
class Analyse:
    """Colour the whole media file."""

    instance: int
    time: float
    clip: ClipFacts
    values: Values


@dataclass(frozen=True, slots=True)
class Changed:
    """The user changed a parameter that the network's work depends on."""

    instance: int
    time: float
    name: str
    clip: ClipFacts
    values: Values


@dataclass(frozen=True, slots=True)
class Gone:
    """An instance of the effect was deleted. Nothing is answered."""

    instance: int


@dataclass(frozen=True, slots=True)
class Done:
    """A request ended."""

    status: Status
    text: str = ""
    """For the user: the status line, or why it failed."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Asks for the source picture at another time, in the size and depth of the one in slot 0."""

    time: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """I am alive and at work."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is."""

    fraction: float
    text: str = ""


FromShim = Hello | Render | Fetched | Abort | Analyse | Changed | Gone
FromHelper = Welcome | Done | Fetch | Heartbeat | Progress


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it came: whose, and in answer to what."""

    generation: int
    serial: int
    message: FromShim | FromHelper


# ---- bytes to messages ----


def decode_header(data: bytes) -> Header:
    """The header in the first `HEADER_BYTES` bytes.

    Raises:
        ProtocolError: It is none, or its payload is longer than the bound.
    """
    magic, number, length, generation, serial = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ProtocolError(f"a message begins with {magic:#010x}, expected {MAGIC:#010x}")
    if length > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"a message has {length} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")
    try:
        return Header(MessageType(number), length, generation, serial)
    except ValueError:
        raise ProtocolError(f"message type {number} is unknown") from None


def decode(header: Header, payload: bytes) -> Envelope:
    """The message of a header and its payload.

    Raises:
        ProtocolError: The payload is not what the header says.
    """
    reader = _Reader(payload)
    message = _read(header.type, reader)
    reader.end()
    return Envelope(header.generation, header.serial, message)


class _Reader:
    """Takes numbers and texts off the front of a payload."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: str) -> tuple[int | float, ...]:
        shape = struct.Struct("<" + form)
        if self._at + shape.size > len(self._data):
            raise ProtocolError(f"a message of {len(self._data)} bytes ends too early")
        values = shape.unpack_from(self._data, self._at)
        self._at += shape.size
        return values

    def whole(self, form: str = "I") -> int:
        return int(self.take(form)[0])

    def double(self) -> float:
        return float(self.take("d")[0])

    def flag(self) -> bool:
        return self.whole() != 0

    def text(self) -> str:
        length = self.whole()
        if self._at + length > len(self._data):
            raise ProtocolError(f"a text of {length} bytes reaches over the end of its message")
        raw = self._data[self._at : self._at + length]
        self._at += length
        # A path of a host need not be UTF-8; it comes back to the same bytes through os.fsencode.
        return raw.decode("utf-8", "surrogateescape")

    def end(self) -> None:
        if self._at != len(self._data):
            raise ProtocolError(f"a message has {len(self._data) - self._at} bytes too many")


def _read(kind: MessageType, reader: _Reader) -> FromShim | FromHelper:
    match kind:
        case MessageType.HELLO:
            return _read_hello(reader)
        case MessageType.RENDER:
            return _read_render(reader)
        case MessageType.FETCHED:
            return Fetched(reader.flag(), reader.text())
        case MessageType.ABORT:
            return Abort()
        case MessageType.ANALYSE:
            return Analyse(reader.whole("Q"), reader.double(), _read_clip(reader), _read_values(reader))
        case MessageType.CHANGED:
            return Changed(reader.whole("Q"), reader.double(), reader.text(), _read_clip(reader), _read_values(reader))
        case MessageType.GONE:
            return Gone(reader.whole("Q"))
        case MessageType.WELCOME:
            return Welcome(reader.whole(), reader.whole("Q"), reader.text())
        case MessageType.DONE:
            return Done(_enum(Status, reader.whole()), reader.text())
        case MessageType.FETCH:
            return Fetch(reader.double())
        case MessageType.HEARTBEAT:
            return Heartbeat()
        case MessageType.PROGRESS:
            return Progress(reader.double(), reader.text())


def _read_hello(reader: _Reader) -> Hello:
    version, table = reader.whole(), reader.whole("Q")
    if version != PROTOCOL_VERSION:
        # What follows may be anything; these two never move.
        reader.take(f"{len(reader._data) - reader._at}x")
        return Hello(version, table, "", "", "", False)
    return Hello(version, table, reader.text(), reader.text(), reader.text(), reader.flag())


def _read_render(reader: _Reader) -> Render:
    instance, purpose = reader.whole("Q"), _enum(Purpose, reader.whole())
    time, scale_x, scale_y = (reader.double() for _ in range(3))
    bounds, definition = _read_rectangle(reader), _read_rectangle(reader)
    depth, components = _enum(Depth, reader.whole()), _enum(Components, reader.whole())
    if bounds[2] <= bounds[0] or bounds[3] <= bounds[1]:
        raise ProtocolError(f"a picture with the bounds {bounds} is empty")
    return Render(
        instance=instance,
        purpose=purpose,
        time=time,
        scale_x=scale_x,
        scale_y=scale_y,
        bounds=bounds,
        definition=definition,
        depth=depth,
        components=components,
        has_temporal_access=reader.flag(),
        says_sequential=reader.flag(),
        field=reader.text(),
        unique_id=reader.text(),
        clip=_read_clip(reader),
        values=_read_values(reader),
    )


def _read_rectangle(reader: _Reader) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = (reader.whole("i") for _ in range(4))
    return x1, y1, x2, y2


def _read_clip(reader: _Reader) -> ClipFacts:
    rate, first, last, aspect = (reader.double() for _ in range(4))
    return ClipFacts(
        frame_rate=rate,
        first_frame=first,
        last_frame=last,
        pixel_aspect=aspect,
        premultiplication=_enum(Premultiplication, reader.whole()),
        colourspace=reader.text(),
    )


def _read_values(reader: _Reader) -> Values:
    return Values({each.name: each.value_of(_read_value(each.kind, reader)) for each in VALUED})


def _read_value(kind: Kind, reader: _Reader) -> Value:
    if kind.is_text:
        return reader.text()
    if kind is Kind.DOUBLE:
        return reader.double()
    if kind in _NUMBERS:
        return tuple(reader.double() for _ in range(_NUMBERS[kind]))
    return reader.whole("i")


_NUMBERS = {Kind.POINT: 2, Kind.COLOUR: 3}


def _enum(kind: type[_E], number: int) -> _E:
    try:
        return kind(number)
    except ValueError:
        raise ProtocolError(f"{number} is no {kind.__name__}") from None


# ---- messages to bytes ----


def encode(envelope: Envelope) -> bytes:
    """Header and payload.

    Raises:
        ProtocolError: The payload is longer than the bound.
    """
    writer = _Writer()
    kind = _write(envelope.message, writer)
    payload = writer.bytes()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"a message has {len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")
    return _HEADER.pack(MAGIC, kind, len(payload), envelope.generation, envelope.serial) + payload


class _Writer:
    """Appends numbers and texts."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def put(self, form: str, *values: float) -> None:
        self._parts.append(struct.pack("<" + form, *values))

    def text(self, text: str) -> None:
        raw = text.encode("utf-8", "surrogateescape")
        self.put("I", len(raw))
        self._parts.append(raw)

    def bytes(self) -> bytes:
        return b"".join(self._parts)


def _write(message: FromShim | FromHelper, writer: _Writer) -> MessageType:
    match message:
        case Hello():
            _write_hello(message, writer)
            return MessageType.HELLO
        case Render():
            _write_render(message, writer)
            return MessageType.RENDER
        case Fetched(present, reason):
            writer.put("I", present)
            writer.text(reason)
            return MessageType.FETCHED
        case Abort():
            return MessageType.ABORT
        case Analyse(instance, time, clip, values):
            writer.put("Qd", instance, time)
            _write_clip(clip, writer)
            _write_values(values, writer)
            return MessageType.ANALYSE
        case Changed(instance, time, name, clip, values):
            writer.put("Qd", instance, time)
            writer.text(name)
            _write_clip(clip, writer)
            _write_values(values, writer)
            return MessageType.CHANGED
        case Gone(instance):
            writer.put("Q", instance)
            return MessageType.GONE
        case Welcome(version, table, package):
            writer.put("IQ", version, table)
            writer.text(package)
            return MessageType.WELCOME
        case Done(status, text):
            writer.put("I", status)
            writer.text(text)
            return MessageType.DONE
        case Fetch(time):
            writer.put("d", time)
            return MessageType.FETCH
        case Heartbeat():
            return MessageType.HEARTBEAT
        case Progress(fraction, text):
            writer.put("d", fraction)
            writer.text(text)
            return MessageType.PROGRESS


def _write_hello(message: Hello, writer: _Writer) -> None:
    writer.put("IQ", message.protocol_version, message.table_hash)
    for text in (message.host_name, message.host_label, message.host_version):
        writer.text(text)
    writer.put("I", message.fails_count_as_success)


def _write_render(message: Render, writer: _Writer) -> None:
    writer.put("QI", message.instance, message.purpose)
    writer.put("3d", message.time, message.scale_x, message.scale_y)
    writer.put("8i", *message.bounds, *message.definition)
    writer.put("II", message.depth, message.components)
    writer.put("II", message.has_temporal_access, message.says_sequential)
    writer.text(message.field)
    writer.text(message.unique_id)
    _write_clip(message.clip, writer)
    _write_values(message.values, writer)


def _write_clip(clip: ClipFacts, writer: _Writer) -> None:
    writer.put("4d", clip.frame_rate, clip.first_frame, clip.last_frame, clip.pixel_aspect)
    writer.put("I", clip.premultiplication)
    writer.text(clip.colourspace)


def _write_values(values: Values, writer: _Writer) -> None:
    for each in VALUED:
        if each.kind is Kind.CHOICE:
            writer.put("i", [choice.name for choice in each.choices].index(values.choice(each.name)))
        elif each.kind is Kind.DOUBLE:
            writer.put("d", values.number(each.name))
        elif each.kind.is_text:
            writer.text(values.text(each.name))
        elif each.kind in _NUMBERS:
            _write_numbers(values.numbers(each.name), writer)
        else:
            writer.put("i", values.whole(each.name))


def _write_numbers(numbers: Sequence[float], writer: _Writer) -> None:
    writer.put(f"{len(numbers)}d", *numbers)
