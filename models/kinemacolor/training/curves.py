"""Draw several runs beside each other as SVG: `python -m kinemacolor.training.curves --run NAME=FOLDER --value LOSS`.

A panel for each value of the log's lines, one below the other, and in each a line for each run.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from kinemacolor.training.curve import HEIGHT, WIDTH, Frame, axes, line, marks

__all__ = ["Panel", "draw_curves", "main"]

_COLOURS = ("#a33", "#36a", "#393", "#c80", "#639", "#088", "#d4a", "#555", "#84a800", "#000", "#7bd", "#b96")
_LINE_PX, _COLUMNS = 18, 3

Losses = Mapping[int, float]
"""By step."""
_NO_LEVELS: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Panel:
    """One value of several runs."""

    title: str
    runs: Mapping[str, Losses]
    """By the name of the run; none of them empty."""
    levels: Mapping[str, float]
    """Values to compare with, by name."""
    top: float | None = None
    """What is higher is drawn at this height; None: nothing is."""


def draw_curves(panels: Sequence[Panel]) -> str:
    """An SVG of all panels; a run has the same colour in each, by its place among the names of the first."""
    names = list(panels[0].runs)
    legend = _LINE_PX * -(-len(names) // _COLUMNS)
    height = HEIGHT * len(panels) + legend
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="12">',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            '<g font-family="sans-serif">',
            *(_entry(place, name) for place, name in enumerate(names)),
            *(text for place, panel in enumerate(panels) for text in _panel(panel, names, legend + place * HEIGHT)),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _entry(place: int, name: str) -> str:
    x, y = 16 + place % _COLUMNS * (WIDTH // _COLUMNS), _LINE_PX * (place // _COLUMNS + 1) - 4
    return f'<text x="{x}" y="{y}" fill="{_colour(place)}">{escape(name)}</text>'


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _panel(panel: Panel, names: Sequence[str], down: int) -> list[str]:
    top = float("inf") if panel.top is None else panel.top
    runs = {name: {step: min(loss, top) for step, loss in losses.items()} for name, losses in panel.runs.items()}
    last = max(step for losses in runs.values() for step in losses)
    values = [loss for losses in runs.values() for loss in losses.values()]
    frame = Frame.around(last, [*values, *panel.levels.values()])
    return [
        f'<g transform="translate(0 {down})">',
        *axes(frame, panel.title),
        *marks(frame, panel.levels),
        *(line(runs[name], frame, f'stroke="{_colour(names.index(name))}" stroke-width="2"') for name in runs),
        "</g>",
    ]


def main() -> int:
    """Read the logs, write the file."""
    parser = argparse.ArgumentParser(description="Draw several runs as SVG.")
    parser.add_argument("--run", action="append", required=True, metavar="NAME=FOLDER", help="a run and its folder")
    parser.add_argument(
        "--value",
        action="append",
        required=True,
        metavar="NAME[:LEVEL[:TOP]]",
        help="which value of the log's lines; a value of the first run's last line to compare with; the highest drawn",
    )
    parser.add_argument("--out", type=Path, required=True, help="SVG file to write")
    arguments = parser.parse_args()
    logs = {name: _records(Path(folder)) for name, _, folder in (run.partition("=") for run in arguments.run)}
    arguments.out.write_text(draw_curves([_asked(value, logs) for value in arguments.value]), encoding="utf-8")
    return 0


def _records(folder: Path) -> list[dict[str, float]]:
    return [json.loads(text) for text in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def _asked(value: str, logs: Mapping[str, list[dict[str, float]]]) -> Panel:
    name, level, top = [*value.split(":"), "", ""][:3]
    runs = {
        run: {int(record["step"]): float(record[name]) for record in log if name in record} for run, log in logs.items()
    }
    last = next(iter(logs.values()))[-1]
    levels = {level.replace("_", " "): float(last[level])} if level else _NO_LEVELS
    return Panel(name.replace("_", " "), runs, levels, float(top) if top else None)


if __name__ == "__main__":
    sys.exit(main())
