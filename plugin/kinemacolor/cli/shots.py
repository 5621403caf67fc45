"""`kinemacolor shots detect|show|export`: where the shots of a film begin, found or by a list; without a server."""

import argparse
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from kinemacolor.media.frame_numbers import sequence_pattern
from kinemacolor.media.probe import Assume, probe
from kinemacolor.media.reader import open_source
from kinemacolor.media.shot_list import (
    check_shot_list_output,
    film_extent,
    read_shot_list,
    shots_in_film,
    write_shot_list,
)
from kinemacolor.media.shots import Counting, FilmExtent, Shot, ShotList
from kinemacolor.media.timecode import parse_timecode, timecode_of_frame
from kinemacolor.picture.proxy import QUALITY_SHORT_SIDE_PX
from kinemacolor.render import console
from kinemacolor.render.arguments import OneLineParser, checked, parse_rate
from kinemacolor.render.cuts import look_through
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import Quality, ToneUse
from kinemacolor.render.proxies import network_geometry, proxy_maker
from kinemacolor.render.report import plural
from kinemacolor.render.tone import read_tone

_Add = Callable[..., argparse.Action]


def main(arguments: list[str]) -> int:
    """Do what the first word says.

    Raises:
        SourceError: The film cannot be read to its end, or the list cannot be read or does not fit the film.
        OutputError: The list cannot be written.
        UsageError: The arguments make no sense.
    """
    values = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = values.run
    run(values)
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="kinemacolor shots", description="The shots of a film.", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, run: Callable[[argparse.Namespace], None], summary: str) -> _Add:
        added = actions.add_parser(name, help=summary, description=f"{summary}.", allow_abbrev=False)
        added.set_defaults(run=run)
        return added.add_argument

    _add_detect(action("detect", _detect, "find the cuts as a render does, and print the shots"))
    _add_show(action("show", _show, "print what a list of shots says, or means for a film"))
    _add_export(action("export", _export, "find the cuts and write them as a list, to correct it by hand"))
    return parser


def _add_detect(add: _Add) -> None:
    add("file", type=Path, metavar="IN")
    add("--quality", choices=[item.value for item in Quality], default=Quality.STANDARD.value, help="of the render")
    add("--json", action="store_true", help="for a machine")


def _add_show(add: _Add) -> None:
    add("file", type=Path, metavar="FILE", help="an EDL or CSV")
    add("--film", type=Path, metavar="IN", help="the film; without it frames are as the list counts them")
    add("--rate", type=checked(parse_rate), metavar="FPS", help="of an image sequence, or of an EDL without --film")
    add("--shots-start", type=checked(parse_timecode), metavar="TIMECODE", help="of IN's first frame in the EDL")
    add("--json", action="store_true", help="for a machine")


def _add_export(add: _Add) -> None:
    add("file", type=Path, metavar="IN")
    add("--to", type=Path, required=True, metavar="FILE", help="NAME.edl or NAME.csv")
    add("-y", dest="overwrite", action="store_true", help="replace FILE")
    add("--quality", choices=[item.value for item in Quality], default=Quality.STANDARD.value, help="of the render")
    add("--rate", type=checked(parse_rate), metavar="FPS", help="of an image sequence, for an EDL")


# ---- what each does ----


def _detect(values: argparse.Namespace) -> None:
    shots = detect(values.file, QUALITY_SHORT_SIDE_PX[values.quality])
    if values.json:
        console.put_json([{"first": shot.first, "last": shot.last} for shot in shots])
    else:
        console.put("\n".join(f"{shot.first}-{shot.last}" for shot in shots))


def _show(values: argparse.Namespace) -> None:
    if values.film is None:
        if values.shots_start is not None:
            raise UsageError("--shots-start says where --film begins")
        listed = read_shot_list(values.file, values.rate)
        _print_rows(_listed_rows(listed, values.rate), values.json)
        return
    _check_rate(values.film, values.rate)
    found = shots_in_film(values.file, film_extent(values.film, values.rate), values.shots_start)
    if found.start_is_assumed:
        console.say(f"note: {values.file} is taken to begin where {values.film} does")
    _print_rows([(shot.first, shot.last, shot.name) for shot in found.shots], values.json)


def _export(values: argparse.Namespace) -> None:
    check_shot_list_output(values.to, overwrite=values.overwrite)
    _check_rate(values.file, values.rate)
    info = probe(values.file, assume=Assume(frame_rate=values.rate))
    shots = detect(values.file, QUALITY_SHORT_SIDE_PX[values.quality])
    extent = FilmExtent(first=shots[0].first, last=shots[-1].last, frame_rate=info.frame_rate, timecode=info.timecode)
    write_shot_list(values.to, shots, values.file, extent, overwrite=values.overwrite)
    console.say(f"{values.to}: {plural(len(shots), 'shot')}")


def _check_rate(film: Path, rate: Fraction | None) -> None:
    if rate is not None and sequence_pattern(film) is None:
        raise UsageError("--rate is for picture sequences; a film keeps its own frame times")


def detect(path: Path, short_side_px: int) -> list[Shot]:
    """All shots of a film, found on the same proxies that a render sends.

    Raises:
        SourceError: The film cannot be read to its end.
    """
    starts: list[int] = []
    last = -1
    with open_source(path, tracks=False) as source:
        tone = read_tone(path, source.info, ToneUse.REMOVE)
        make_proxy = proxy_maker(source.info, network_geometry(source.info, short_side_px), tone)
        for look in look_through(source, make_proxy):
            if look.begins_shot:
                starts.append(look.number)
            last = look.number
    ends = [start - 1 for start in starts[1:]] + [last]
    return [Shot(first, end) for first, end in zip(starts, ends, strict=True)]


# ---- what is printed ----

_Row = tuple[int | str, int | str | None, str]
"""First frame, last one or None, name."""


def _listed_rows(listed: ShotList, rate: Fraction | None) -> list[_Row]:
    def shown(frame: int) -> int | str:
        if listed.counting is not Counting.TIMECODE or rate is None:
            return frame
        return timecode_of_frame(frame, rate, drop=listed.drop_frame)

    return [(shown(shot.first), None if shot.last is None else shown(shot.last), shot.name) for shot in listed.shots]


def _print_rows(rows: Sequence[_Row], as_json: bool) -> None:
    if as_json:
        console.put_json([{"first": first, "last": last, "name": name} for first, last, name in rows])
        return
    lines = (f"{first if last is None else f'{first}-{last}'}  {name}".rstrip() for first, last, name in rows)
    console.put("\n".join(lines))
