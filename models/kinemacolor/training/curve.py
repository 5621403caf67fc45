"""Draw a run's loss as SVG: `python -m kinemacolor.training.curve --log RUN/log.jsonl --out FILE.svg`.

Text and lines only, so that the file is small and can be compared; nothing but the standard library is needed.
"""

import argparse
import json
import sys
from pathlib import Path

__all__ = ["draw_curve", "main"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _MARGIN = 720, 320, 56, 44, 16
_LOW, _HIGH = 3.8, 5.6  # nats; 5.56 is a network that knows nothing of 261 bins
_SMOOTHING = 0.15  # of each new value, in the thick line


def draw_curve(losses: dict[int, float]) -> str:
    """An SVG of loss over steps: each line of the log thin, its running mean thick.

    Args:
        losses: Loss in nats by step, at least one.
    """
    last = max(losses)
    smooth, mean = {}, losses[min(losses)]
    for step in sorted(losses):
        mean += _SMOOTHING * (losses[step] - mean)
        smooth[step] = mean
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            '<g font-family="sans-serif">',
            *_axes(last),
            "</g>",
            _line(losses, last, 'stroke="#bbb"'),
            _line(smooth, last, 'stroke="#a33" stroke-width="2"'),
            "</svg>",
            "",
        ]
    )


def _axes(last: int) -> list[str]:
    lines = []
    for tenth in range(38, 57, 2):
        y = _y(tenth / 10)
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _MARGIN}" stroke="#eee"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for step in range(0, last + 1, _tick(last)):
        x = _x(step, last)
        lines.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{step}</text>')
    lines.append(f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">step</text>')
    lines.append(f'<text x="{_LEFT}" y="12">loss, nats</text>')
    return lines


def _tick(last: int) -> int:
    return int(max(1, 10 ** (len(str(last)) - 1)))


def _line(values: dict[int, float], last: int, style: str) -> str:
    points = " ".join(f"{_x(step, last):.1f},{_y(values[step]):.1f}" for step in sorted(values))
    return f'<polyline points="{points}" fill="none" {style}/>'


def _x(step: int, last: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _MARGIN) * step / last


def _y(loss: float) -> float:
    share = (min(_HIGH, max(_LOW, loss)) - _LOW) / (_HIGH - _LOW)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _MARGIN)


def main() -> int:
    """Read the log, write the file."""
    parser = argparse.ArgumentParser(description="Draw the loss of a run as SVG.")
    parser.add_argument("--log", type=Path, required=True, help="log.jsonl of a run")
    parser.add_argument("--out", type=Path, required=True, help="SVG file to write")
    arguments = parser.parse_args()
    records = [json.loads(line) for line in arguments.log.read_text(encoding="utf-8").splitlines()]
    # A later line of the same step is the one of the resumed run.
    losses = {int(record["step"]): float(record["loss"]) for record in records}
    arguments.out.write_text(draw_curve(losses), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
