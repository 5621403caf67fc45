"""Edit decision lists of CMX 3600, as far as they say where the shots of a film begin. Text to values and back; pure.

An event line is `NUMBER REEL CHANNELS EDIT [LENGTH] SOURCE-IN SOURCE-OUT RECORD-IN RECORD-OUT`; outs are not included.
The film is what was recorded, so its shots are the record times; source times, speeds (M2) and sounds say nothing here.

Rules
  * C, a cut: a shot begins at record in.
  * D nnn and Wnnn nnn, a dissolve or wipe: both pictures are seen for nnn frames from record in on; the shot begins in
    the middle of them. To or from black (reel BL, a gap, the list's beginning) only one picture is seen: a fade in
    belongs to the shot that comes, a fade out to the shot that goes.
  * K B is the background of a key and begins a shot; K and K O lie over it and do not.
  * An event of no length only names the picture that a transition comes from.
  * Events may stand in any order (lists are sorted by reel, too); their record times must not overlap.
  * The first FCM line above the events says how record times count, and so does a `;` in a label; they must not
    contradict each other. A later FCM line speaks of a source. Frames per second are the film's: no list carries them.
  * A line that begins with a number or holds four timecodes is an event and must be a whole one. Of the others only FCM
    and the clip names are read.

Our own reader, because a list of shots needs three columns of the format: OpenTimelineIO makes a timeline of clips of
it and needs a compiled library and an adapter; what is left to do after it is most of this file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest

from kinemacolor.media.shots import Counting, ListedShot, Shot, ShotList
from kinemacolor.media.timecode import frame_of_timecode, timecode_of_frame, with_mode

__all__ = ["read_edl", "write_edl"]

_LABEL = r"\d{1,2}[:;]\d{2}[:;]\d{2}[:;.,]\d{2,3}"
_EVENT = re.compile(
    r"\d+\s+(?P<reel>\S(?:.*?\S)?)\s+(?P<channels>NONE|B|[AV][AV\d/]*)\s+"
    r"(?:(?P<cut>C)|(?P<mix>D|W\d{1,3})\s+(?P<length>\d{1,4})|(?P<key>K(?:\s*[BO])?))(?:\s+\d{1,4})?"
    rf"\s+{_LABEL}\s+{_LABEL}\s+(?P<record_in>{_LABEL})\s+(?P<record_out>{_LABEL})",
    re.IGNORECASE | re.ASCII,
)
_LABELS = re.compile(_LABEL, re.ASCII)
_CLIP_NAME = re.compile(r"\*\s*(FROM|TO) CLIP NAME\s*:\s*(.*)", re.IGNORECASE)
_FCM = re.compile(r"FCM\s*:\s*(?P<non>NON[ -]?)?DROP[ -]FRAME", re.IGNORECASE)
_BLACK = frozenset({"BL", "BLK", "BLACK"})
_EVENT_LABELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One event that records a picture."""

    line: int
    reel: str
    mixed_frames: int
    """Length of its dissolve or wipe; 0 for a cut."""
    is_mix: bool
    record_in: str
    record_out: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Span:
    """An event in frames: recorded from `begin` to before `end`, its shot from `first` on."""

    event: _Event
    begin: int
    end: int
    first: int


def read_edl(text: str, rate: Fraction) -> ShotList:
    """The shots of a list.

    Args:
        text: The list.
        rate: Frames a second of the film.

    Raises:
        ValueError: One line that names the line at fault.
    """
    drop, events = _parse(text)
    shots = tuple(_shots(_spans(events, rate, drop)))
    if not shots:
        raise ValueError("it has no event that records a picture")
    return ShotList(shots=shots, counting=Counting.TIMECODE, drop_frame=drop)


def write_edl(shots: Sequence[Shot], *, title: str, clip: str, rate: Fraction, start: int, drop: bool) -> str:
    """A list of cuts in which the film is both source and record.

    Args:
        shots: At least one; the first begins with the film.
        title: Of the list.
        clip: The film's file name.
        rate: Frames a second.
        start: Frames since 00:00:00:00 at the film's first frame.
        drop: Whether labels are drop frame.

    Raises:
        ValueError: The film passes midnight, where timecode begins again.
    """
    to_label = start - shots[0].first
    last_of_day = frame_of_timecode(with_mode(f"23:59:59:{round(rate) - 1:02d}", drop), rate)
    if shots[-1].last + to_label >= last_of_day:
        raise ValueError("its timecode passes midnight, which an EDL cannot say")
    lines = [f"TITLE: {_one_line(title)}", f"FCM: {'' if drop else 'NON-'}DROP FRAME", ""]
    for number, shot in enumerate(shots, start=1):
        frames = (shot.first + to_label, shot.last + 1 + to_label)
        times = " ".join(timecode_of_frame(frame, rate, drop=drop) for frame in frames)
        lines += [f"{number:03d}  AX       V     C        {times} {times}", f"* FROM CLIP NAME: {_one_line(clip)}"]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ---- lines to events ----


def _parse(text: str) -> tuple[bool, list[_Event]]:
    """Whether the list is drop frame, and its events in the order of the file."""
    drop: bool | None = None
    events: list[_Event] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.upper().startswith("FCM"):
            mode = _drop_frame(line, number)
            drop = mode if drop is None and not events else drop
        elif name := _CLIP_NAME.match(line):
            if events:
                events[-1] = _named(events[-1], *name.groups())
        elif not line.startswith("*") and (line[:1].isdecimal() or len(_LABELS.findall(line)) >= _EVENT_LABELS):
            events += _pictures(line, number)
    marked = next((event for event in events if ";" in event.record_in), None)
    if marked is not None and drop is False:
        raise ValueError(f"line {marked.line}: {marked.record_in} is drop frame, but FCM says NON-DROP FRAME")
    return bool(drop) or marked is not None, events


def _drop_frame(line: str, number: int) -> bool:
    found = _FCM.fullmatch(line)
    if found is None:
        raise ValueError(f"line {number}: expected FCM: DROP FRAME or FCM: NON-DROP FRAME, found {line!r}")
    return found["non"] is None


def _pictures(line: str, number: int) -> Iterator[_Event]:
    """The event of a line, unless it records only sound, or only what lies over a picture."""
    found = _EVENT.fullmatch(line)
    if found is None:
        raise ValueError(f"line {number}: expected an event (number, reel, channels, edit, four timecodes): {line!r}")
    channels = found["channels"].upper()
    if re.search(r"V[2-9]|V1\d", channels):
        raise ValueError(f"line {number}: expected a list of one picture track, found {channels}")
    is_over = found["key"] is not None and not found["key"].upper().endswith("B")
    if ("V" in channels or channels == "B") and not is_over:
        yield _Event(
            line=number,
            reel=found["reel"],
            mixed_frames=int(found["length"] or 0),
            is_mix=found["mix"] is not None,
            record_in=_colons(found["record_in"]),
            record_out=_colons(found["record_out"]),
        )


def _colons(label: str) -> str:
    """`01;00;00;00`, as some programs write drop frame, with one mark only."""
    return label.replace(";", ":", 2) if label.count(";") > 1 else label


def _named(event: _Event, which: str, name: str) -> _Event:
    """A transition comes from one clip and goes to another, which is its own."""
    is_own = event.is_mix == (which.upper() == "TO")
    return replace(event, name=name.strip()) if is_own else event


# ---- events to shots ----


def _spans(events: Sequence[_Event], rate: Fraction, drop: bool) -> list[_Span]:
    """The events that have a length, in the order of their record times."""
    timed = sorted((_timed(event, rate, drop) for event in events), key=lambda span: (span.begin, span.end))
    spans: list[_Span] = []
    before: _Span | None = None
    for span in timed:
        if before is not None and span.begin < before.end:
            raise ValueError(f"line {span.event.line}: is recorded over the event of line {before.event.line}")
        from_black = before is None or before.event.reel.upper() in _BLACK or before.end != span.begin
        before = replace(span, first=span.begin + _shown_late(span.event, from_black))
        spans += [before] if before.begin < before.end else []
    return spans


def _timed(event: _Event, rate: Fraction, drop: bool) -> _Span:
    try:
        begin, end = (frame_of_timecode(with_mode(label, drop), rate) for label in (event.record_in, event.record_out))
    except ValueError as error:
        raise ValueError(f"line {event.line}: {error}") from error
    if end < begin:
        raise ValueError(f"line {event.line}: record out {event.record_out} lies before record in {event.record_in}")
    if event.mixed_frames > end - begin:
        raise ValueError(f"line {event.line}: a transition of {event.mixed_frames} frames in an event of {end - begin}")
    return _Span(event, begin, end, begin)


def _shown_late(event: _Event, from_black: bool) -> int:
    """Frames between record in and the shot's first frame."""
    if event.reel.upper() in _BLACK:
        return event.mixed_frames
    return 0 if from_black else event.mixed_frames // 2


def _shots(spans: Sequence[_Span]) -> Iterator[ListedShot]:
    """One shot each; where the next event follows at once, a shot lasts until that one's begins."""
    for span, behind in zip_longest(spans, spans[1:]):
        end = behind.first if behind is not None and behind.begin == span.end else span.end
        event = span.event
        # A fade out that is as long as its event leaves no frame to the black behind it.
        if span.first < end:
            name = event.name or event.reel
            yield ListedShot(line=event.line, label=event.record_in, first=span.first, last=end - 1, name=name)
