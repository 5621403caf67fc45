"""Timecode: the label `HH:MM:SS:FF` of a frame, and which frame a label means (SMPTE 12M, drop frame included)."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

__all__ = [
    "find_timecode", "frame_of_timecode", "normalise_timecode", "parse_timecode", "timecode_of_frame", "with_mode",
]  # fmt: skip

_LABEL = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def normalise_timecode(text: str) -> str | None:
    """`HH:MM:SS:FF`, with `;` before FF for drop frame; None if the text is no timecode."""
    match = _LABEL.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, mark, frames = match.groups()
    return f"{int(hours):02d}:{minutes}:{seconds}{':' if mark == ':' else ';'}{frames}"


def parse_timecode(text: str) -> str:
    """As `normalise_timecode`, for text that must be one.

    Raises:
        ValueError: It is no timecode.
    """
    label = normalise_timecode(text)
    if label is None:
        raise ValueError(f"{text!r} is no timecode; expected HH:MM:SS:FF")
    return label


def with_mode(label: str, drop: bool) -> str:
    """The label in drop frame or not, whatever its own mark says.

    Raises:
        ValueError: It is no timecode.
    """
    normal = parse_timecode(label)
    return f"{normal[:8]}{';' if drop else ':'}{normal[9:]}"


def find_timecode(tags: Iterable[Mapping[str, str]]) -> str | None:
    """The first timecode in a list of metadata dictionaries, best source first; key names differ in case."""
    for entries in tags:
        for key, value in entries.items():
            if key.lower() == "timecode":
                found = normalise_timecode(value)
                if found is not None:
                    return found
    return None


def frame_of_timecode(label: str, rate: Fraction) -> int:
    """Frames between 00:00:00:00 and `label` at `rate` frames a second.

    Raises:
        ValueError: no timecode, a frame number that the rate does not have, or a label that drop frame leaves out.
    """
    normal = parse_timecode(label)
    per_second = round(rate)
    hours, minutes, seconds, frames = (int(part) for part in re.split("[:;]", normal))
    if frames >= per_second or minutes > 59 or seconds > 59:
        raise ValueError(f"timecode {label} does not exist at {per_second} frames a second")
    count = ((hours * 60 + minutes) * 60 + seconds) * per_second + frames
    if ";" not in normal:
        return count
    dropped = _dropped_per_minute(per_second, label)
    if minutes % 10 and seconds == 0 and frames < dropped:
        raise ValueError(f"timecode {label} does not exist in drop frame")
    total_minutes = 60 * hours + minutes
    return count - dropped * (total_minutes - total_minutes // 10)


def timecode_of_frame(frame: int, rate: Fraction, *, drop: bool) -> str:
    """The label of a frame counted from 00:00:00:00; wraps after 24 hours."""
    per_second = round(rate)
    mark = ":"
    if drop:
        dropped = _dropped_per_minute(per_second, "drop frame")
        minute = 60 * per_second - dropped
        ten_minutes = 10 * minute + dropped
        tens, rest = divmod(frame, ten_minutes)
        frame += 9 * dropped * tens + dropped * max(0, (rest - dropped) // minute)
        mark = ";"
    seconds, frames = divmod(frame, per_second)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{frames:02d}"


def _dropped_per_minute(per_second: int, label: str) -> int:
    if per_second % 30:
        raise ValueError(f"{label}: drop frame exists at 30000/1001 and 60000/1001 frames a second only")
    return per_second // 15
