"""`kinemacolor analyse`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from kinemacolor.render.analysis import analyse, read_footage
from kinemacolor.render.arguments import (
    OneLineParser,
    add_model,
    add_progress,
    add_reading,
    add_review,
    add_server,
    add_store_size,
    add_tone,
    colour_fields,
)
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import ColourOptions, ProgressStyle, ToneUse
from kinemacolor.render.progress import open_display
from kinemacolor.render.server_choice import open_server
from kinemacolor.store.folder import default_folder

_EPILOG = """exit codes: 0 done, 1 error or output, 2 usage, 3 server, 4 input, 5 out of memory, 130 interrupted.

--progress json writes one object per line on stdout, as render does; the last one is
  done      frames, frames_from_store, breaks, fps, elapsed_seconds,
            review, review_places, review_left_out, review_unknown_frames
What was coloured before a failure is stored; the same command again goes on from there."""


@dataclass(frozen=True, slots=True)
class _Options:
    colour: ColourOptions
    progress: ProgressStyle
    quiet: bool


def main(arguments: list[str]) -> int:
    """Run the command; 0 or an exception of ours.

    Raises:
        Exception: See `kinemacolor.cli.exit_codes` for which class means which exit code.
    """
    options = _parse(arguments)
    footage = read_footage(options.colour)
    server = options.colour.server
    display = open_display(options.progress, options.quiet)
    try:
        report = analyse(
            footage,
            lambda: open_server(server, options.colour.model),
            display,
            private=server.address is None,
        )
    finally:
        display.close()
    display.event({"event": "done"} | report.values())
    if options.progress is not ProgressStyle.JSON:
        listed = report.review.lines() if report.review is not None else []
        for line in (report.line(str(options.colour.source)), *listed):
            display.note(line)
    return 0


def _parse(arguments: list[str]) -> _Options:
    parser = OneLineParser(
        prog="kinemacolor analyse",
        description="Colour a film into the store, for editors that ask for its frames in any order.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", type=Path, metavar="IN", help="film or image sequence (scan.%%04d.png)")
    add_reading(parser.add_argument_group("film").add_argument)
    add = parser.add_argument_group("colour").add_argument
    add_model(add)
    add_review(add)
    add("-y", dest="overwrite", action="store_true", help="replace --review's list")
    add_tone(add, (ToneUse.REMOVE, ToneUse.IGNORE))
    add = parser.add_argument_group("running").add_argument
    add_server(add)
    add("--store", type=Path, default=default_folder(), metavar="FOLDER", help="of the colours (the user's cache)")
    add_store_size(add)
    add_progress(add)
    values = parser.parse_args(arguments)
    if values.overwrite and values.review is None:
        raise UsageError("-y is for the list of --review")
    colour = ColourOptions(**colour_fields(values.source, values))
    return _Options(colour, ProgressStyle(values.progress), values.quiet)
