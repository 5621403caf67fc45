"""`kinemacolor cache list|size|purge|verify`: the colours that renders with --store keep."""

import argparse
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from kinemacolor.render import console
from kinemacolor.render.arguments import OneLineParser, checked
from kinemacolor.render.errors import RenderError, UsageError
from kinemacolor.render.report import plural
from kinemacolor.store.clip_file import ClipFile, Contents
from kinemacolor.store.errors import StoreError
from kinemacolor.store.folder import Entry, StoreFolder, default_folder
from kinemacolor.store.sizes import parse_bytes, written_bytes

_DAY_SECONDS = 86_400.0
_KEY = re.compile(r"[0-9a-f]{4,32}", re.ASCII)
_FEW_DAMAGES = 20


def main(arguments: list[str]) -> int:
    """Do what the first word says.

    Raises:
        UsageError: The arguments make no sense, or name a clip that is not there.
        StoreError: The folder cannot be read or changed.
        RenderError: Something is damaged, or in use and therefore still there.
    """
    values = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace, StoreFolder], None] = values.run
    run(values, StoreFolder(values.store_dir))
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="kinemacolor cache", description="The store of finished colours.", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(
        name: str, run: Callable[[argparse.Namespace, StoreFolder], None], summary: str
    ) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=summary, description=f"{summary}.", allow_abbrev=False)
        added.set_defaults(run=run)
        added.add_argument(
            "--store-dir", type=Path, default=default_folder(), metavar="FOLDER", help="of the store (%(default)s)"
        )
        return added

    for name, run, summary in (
        ("list", _list, "the clips, the one that goes first at the top"),
        ("size", _size, "bytes of all clips"),
        ("verify", _verify, "read everything and compare it with its hashes"),
    ):
        action(name, run, summary).add_argument("--json", action="store_true", help="for a machine")
    _add_purge(action("purge", _purge, "remove clips; those that are in use stay"))
    return parser


def _add_purge(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("clips", nargs="*", type=checked(_key), metavar="CLIP", help="as `list` names it; its beginning is enough")
    add("--all", action="store_true", help="everything")
    add("--unused-for", type=checked(_days), metavar="DAYS", help="clips that nobody used for that long")
    add("--to", type=checked(parse_bytes), metavar="SIZE", help="until no more is left (20G), the oldest first")


# ---- what each does ----


def _list(values: argparse.Namespace, folder: StoreFolder) -> None:
    rows = [(entry, _contents(entry)) for entry in folder.entries()]
    if values.json:
        console.put_json([_values(entry, contents) for entry, contents in rows])
    else:
        for entry, contents in rows:
            console.put(_line(entry, contents))


def _size(values: argparse.Namespace, folder: StoreFolder) -> None:
    entries = folder.entries()
    total = sum(entry.bytes for entry in entries)
    if values.json:
        console.put_json({"folder": str(folder.path), "clips": len(entries), "bytes": total})
    else:
        console.put(f"{written_bytes(total)} in {plural(len(entries), 'clip')} in {folder.path}")


def _verify(values: argparse.Namespace, folder: StoreFolder) -> None:
    entries = [entry for entry in folder.entries() if not entry.is_refused]
    damages = {entry: _damages(entry) for entry in entries}
    damaged = [entry for entry in entries if damages[entry]]
    if values.json:
        console.put_json([{"clip": entry.key, "damages": damages[entry]} for entry in entries])
    else:
        for entry in entries:
            found = damages[entry]
            shown = [
                *found[:_FEW_DAMAGES],
                *([f"and {len(found) - _FEW_DAMAGES} more"] if found[_FEW_DAMAGES:] else []),
            ]
            console.put("\n".join(f"{entry.key}  {line}" for line in shown or ["good"]))
    if damaged:
        clips = plural(len(damaged), "clip")
        raise RenderError(f"{clips} of {len(entries)} damaged; a render leaves damaged colours out, `cache purge` all")


def _purge(values: argparse.Namespace, folder: StoreFolder) -> None:
    ways = [bool(values.clips), values.all, values.unused_for is not None, values.to is not None]
    if sum(ways) != 1:
        raise UsageError("expected CLIP..., --all, --unused-for DAYS or --to SIZE, one of them")
    removed, in_use = 0, 0
    left = sum(entry.bytes for entry in folder.entries())
    for entry in _chosen(values, folder.entries()):
        if values.to is not None and left <= values.to:
            break
        if folder.remove(entry):
            removed, left = removed + entry.bytes, left - entry.bytes
        else:
            in_use += 1
    console.say(f"{folder.path}: {written_bytes(removed)} removed, {written_bytes(left)} left")
    if in_use and (values.to is None or left > values.to):
        raise RenderError(f"{plural(in_use, 'clip')} in use by another process and not removed")


def _chosen(values: argparse.Namespace, entries: list[Entry]) -> list[Entry]:
    if values.unused_for is not None:
        before = time.time() - values.unused_for * _DAY_SECONDS
        return [entry for entry in entries if entry.used < before]
    if not values.clips:
        return entries
    return [entry for clip in values.clips for entry in _named(clip, entries)]


def _named(clip: str, entries: list[Entry]) -> list[Entry]:
    found = [entry for entry in entries if entry.key.startswith(clip)]
    if len({entry.key for entry in found}) != 1:
        raise UsageError(
            f"{clip} names {plural(len({entry.key for entry in found}), 'clip')} of the store, expected one"
        )
    return found


# ---- what is known of a file ----


def _contents(entry: Entry) -> Contents | None:
    """None if it cannot be read, or was moved aside because of that."""
    if entry.is_refused:
        return None
    try:
        with ClipFile(entry.path, read_only=True) as file:
            return file.contents()
    except StoreError:
        return None


def _damages(entry: Entry) -> list[str]:
    try:
        with ClipFile(entry.path, read_only=True) as file:
            return list(file.check())
    except StoreError as error:
        return [str(error)]


def _values(entry: Entry, contents: Contents | None) -> dict[str, object]:
    used = datetime.fromtimestamp(entry.used, UTC).isoformat(timespec="seconds")
    values: dict[str, object] = {"clip": entry.key, "bytes": entry.bytes, "used": used, "refused": entry.is_refused}
    if contents is None:
        return values | {"readable": False, "label": None, "frames": None, "shots": None, "settings": None}
    return values | {
        "readable": True,
        "label": contents.label,
        "frames": contents.frames,
        "shots": contents.shots,
        "settings": contents.settings,
    }


def _line(entry: Entry, contents: Contents | None) -> str:
    used = f"{datetime.fromtimestamp(entry.used).astimezone():%Y-%m-%d %H:%M}"
    head = f"{entry.key}  {written_bytes(entry.bytes):>8}  {used}"
    if contents is None:
        return f"{head}  {'moved aside, never read' if entry.is_refused else 'cannot be read'}"
    return f"{head}  {plural(contents.frames, 'frame')}  {contents.label}"


# ---- words to values ----


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(f"expected 4 to 32 hexadecimal digits, found {text!r}")
    return text


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        raise ValueError(f"expected days, found {text!r}") from None
    if not 0.0 <= days <= 36_500.0:
        raise ValueError(f"days are 0 to 36500, found {text}")
    return days
