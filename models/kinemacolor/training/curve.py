"""Draw a run's loss as SVG: `python -m kinemacolor.training.curve --log RUN/log.jsonl --out FILE.svg`.

Or another value of its log. Text and lines only, so that the file is small and can be compared; nothing but Python's
own library is needed.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

__all__ = ["HEIGHT", "WIDTH", "Frame", "axes", "draw_curve", "line", "main", "marks"]

WIDTH, HEIGHT = 720, 320
_LEFT, _BOTTOM, _MARGIN = 56, 44, 16
_GRID_LINES = 8
_SMOOTHING = 0.15


_NO_LEVELS: Mapping[str, float] = {}


def draw_curve(
    losses: dict[int, float],
    levels: Mapping[str, float] = _NO_LEVELS,
    name: str = "loss",
    smoothing: float = _SMOOTHING,
) -> str:
    """An SVG of loss over steps: each line of the log thin, its running mean thick.

    Args:
        losses: Loss by step, at least one.
        levels: Losses to compare with, by name: dashed lines.
        name: What is drawn, if it is no loss.
        smoothing: Share of each new value in the running mean, in (0, 1]; 1 follows the values.
    """
    smooth, mean = {}, losses[min(losses)]
    frame = Frame.around(max(losses), [*losses.values(), *levels.values()])
    for step in sorted(losses):
        mean += smoothing * (losses[step] - mean)
        smooth[step] = mean
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            '<g font-family="sans-serif">',
            *axes(frame, name),
            *marks(frame, levels),
            "</g>",
            line(losses, frame, 'stroke="#bbb"'),
            line(smooth, frame, 'stroke="#a33" stroke-width="2"'),
            "</svg>",
            "",
        ]
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """Where steps and losses lie in the picture."""

    last: int
    low: int
    high: int
    """Lowest and highest loss, in grid lines."""
    grid: float
    """Loss from one grid line to the next."""

    @classmethod
    def around(cls, last: int, losses: list[float]) -> "Frame":
        """The smallest that holds steps up to the last and these losses."""
        low, high = min(losses), max(losses)
        grid = _round_step(max(high - low, 1e-3) / _GRID_LINES)
        return cls(last, math.floor(low / grid), max(math.ceil(high / grid), math.floor(low / grid) + 1), grid)

    def x(self, step: int) -> float:
        """Of a step."""
        return _LEFT + (WIDTH - _LEFT - _MARGIN) * step / self.last

    def y(self, loss: float) -> float:
        """Of a loss."""
        share = (loss / self.grid - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _MARGIN)


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def axes(frame: Frame, title: str = "loss") -> list[str]:
    """Grid, numbers and title, as elements of SVG."""
    lines = []
    for index in range(frame.low, frame.high + 1):
        y = frame.y(index * frame.grid)
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _MARGIN}" stroke="#eee"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{index * frame.grid:.3g}</text>')
    for step in range(0, frame.last + 1, _tick(frame.last)):
        place = f'x="{frame.x(step):.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle"'
        lines.append(f"<text {place}>{step}</text>")
    lines.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">step</text>')
    lines.append(f'<text x="{_LEFT}" y="12">{escape(title)}</text>')
    return lines


def marks(frame: Frame, levels: Mapping[str, float]) -> list[str]:
    """A dashed line and its name for each value to compare with."""
    lines = []
    for name, loss in levels.items():
        y = frame.y(loss)
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _MARGIN}" stroke="#36a" stroke-dasharray="6 4"/>')
        place = f'x="{WIDTH - _MARGIN}" y="{y - 4:.1f}" text-anchor="end"'
        lines.append(f'<text {place} fill="#36a">{escape(name)}: {loss:.3g}</text>')
    return lines


def _tick(last: int) -> int:
    return int(max(1, 10 ** (len(str(last)) - 1)))


def line(values: Mapping[int, float], frame: Frame, style: str) -> str:
    """Losses by step as one line, styled by attributes of SVG."""
    points = " ".join(f"{frame.x(step):.1f},{frame.y(values[step]):.1f}" for step in sorted(values))
    return f'<polyline points="{points}" fill="none" {style}/>'


def main() -> int:
    """Read the log, write the file."""
    parser = argparse.ArgumentParser(description="Draw the loss of a run as SVG.")
    parser.add_argument("--log", type=Path, required=True, help="log.jsonl of a run")
    parser.add_argument("--out", type=Path, required=True, help="SVG file to write")
    parser.add_argument("--value", default="loss", help="which value of the log's lines (loss)")
    parser.add_argument("--level", action="append", default=[], help="a value of the last line to compare with")
    parser.add_argument("--from-step", type=int, default=0, help="leave out what was before")
    parser.add_argument(
        "--smoothing", type=float, default=_SMOOTHING, help=f"of the thick line; 1: none ({_SMOOTHING})"
    )
    arguments = parser.parse_args()
    records = [json.loads(line) for line in arguments.log.read_text(encoding="utf-8").splitlines()]
    # A later line of the same step is the one of the resumed run.
    losses = {
        int(record["step"]): float(record[arguments.value])
        for record in records
        if record["step"] >= arguments.from_step
    }
    levels = {name.replace("_", " "): float(records[-1][name]) for name in arguments.level}
    name = arguments.value.replace("_", " ")
    arguments.out.write_text(draw_curve(losses, levels, name, arguments.smoothing), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
