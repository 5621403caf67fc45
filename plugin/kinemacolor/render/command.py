"""`kinemacolor render`."""

from kinemacolor.render import console
from kinemacolor.render.arguments import parse
from kinemacolor.render.job import render
from kinemacolor.render.options import ProgressStyle
from kinemacolor.render.prepare import dry_run, prepare
from kinemacolor.render.progress import open_display


def main(arguments: list[str]) -> int:
    """Run the command; 0 or an exception of ours.

    Raises:
        Exception: See `kinemacolor.cli.exit_codes` for which class means which exit code.
    """
    options = parse(arguments)
    prepared = prepare(options)
    if options.dry_run:
        lines, values = dry_run(prepared)
        if options.progress is ProgressStyle.JSON:
            console.put_json_line(values)
        else:
            console.put("\n".join(lines))
        return 0
    display = open_display(options.progress, options.quiet)
    try:
        report = render(prepared, display)
    finally:
        display.close()
    display.event({"event": "done"} | report.values())
    for line in report.lines(prepared.plan):
        if options.progress is not ProgressStyle.JSON:
            display.note(line)
    return 0
