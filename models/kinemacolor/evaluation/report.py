"""What an evaluation found, as a table for people and as JSON for machines."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kinemacolor.evaluation.measure import Figures, mean_figures
from kinemacolor.evaluation.outside import LumaCheck

__all__ = ["GREY", "TRUTH", "Report", "Row", "curve_table", "json_text", "rounded", "table"]

GREY, TRUTH = "grey", "truth"
PROTOCOL = 1
"""Counts up whenever a figure would change for the same pictures."""

_HEADS = {
    "psnr_db": "PSNR dB",
    "psnr_ab_db": "PSNR ab dB",
    "ciede2000": "CIEDE2000",
    "colourfulness": "colourfulness",
    "colourfulness_error": "its error",
    "cdc_e3": "CDC e3",
    "warp_error_rgb_e3": "warp RGB e3",
    "warp_error_e3": "warp ab e3",
}
_NOTE = (
    "CDC and warp errors are to be read beside colourfulness only, and against the truth's: grey has no colour that "
    "could flicker, so its are the lowest, and it does not win by that."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to colour, clip by clip."""

    figures: tuple[Figures, ...]
    """In the order of the clips."""
    luma: tuple[LumaCheck, ...] = ()
    """The same, of a command; empty for the built-in rows, whose luma nobody touches."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole table."""

    clips: tuple[str, ...]
    """Names of the clips."""
    frames: int
    """Frames of all clips together."""
    dtype: str
    """Of the frame networks."""
    rows: Mapping[str, Row]
    """By title, `grey` and `truth` among them."""


def table(report: Report) -> str:
    """A Markdown table of the means over clips, with what must be known to read it."""
    lines = [_line("", [*_HEADS.values(), "Y' equal"]), "| --- " * (len(_HEADS) + 2) + "|"]
    lines += [_line(title, _cells(row)) for title, row in report.rows.items()]
    count = f"{len(report.clips)} {'clip' if len(report.clips) == 1 else 'clips'}, {report.frames} frames"
    about = f"{count}, mean over clips; colour shown at the true L*; networks in {report.dtype}."
    return "\n".join([*lines, "", *_against_grey(report), about, _NOTE])


def curve_table(name: str, points: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table: a line for each value of a setting."""
    heads = list(next(iter(points.values())))
    lines = [_line(name, heads), "| --- " * (len(heads) + 1) + "|"]
    lines += [_line(value, [f"{number:.2f}" for number in point.values()]) for value, point in points.items()]
    return "\n".join(lines)


def json_text(report: Report) -> str:
    """Everything: the means and the figures of each clip; an infinite PSNR is null."""
    rows = {title: _row_values(report.clips, row) for title, row in report.rows.items()}
    values = {
        "protocol": PROTOCOL,
        "clips": len(report.clips),
        "frames": report.frames,
        "dtype": report.dtype,
        "rows": rows,
    }
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def rounded(figures: Figures) -> dict[str, float | None]:
    """By name, three decimals; what is infinite is None."""
    return {key: round(value, 3) if math.isfinite(value) else None for key, value in asdict(figures).items()}


def _cells(row: Row) -> list[str]:
    values = asdict(mean_figures(row.figures))
    return [*(f"{values[name]:.2f}" for name in _HEADS), _luma_cell(row.luma)]


def _luma_cell(checks: Sequence[LumaCheck]) -> str:
    if not checks:
        return "-"
    if all(check.largest == 0 for check in checks):
        return "yes"
    return f"{100.0 * _equal_share(checks):.1f} %, off by {max(check.largest for check in checks)}"


def _equal_share(checks: Sequence[LumaCheck]) -> float:
    return sum(check.equal_share for check in checks) / len(checks)


def _line(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | " + " | ".join(cells) + " |"


def _against_grey(report: Report) -> list[str]:
    """Each row in relation to grey and the truth, which is how rows of different pictures may be compared."""
    grey, truth = (mean_figures(report.rows[title].figures) for title in (GREY, TRUTH))
    others = [(title, mean_figures(row.figures)) for title, row in report.rows.items() if title not in (GREY, TRUTH)]
    return [_relation(title, figures, grey, truth) for title, figures in others] + ([""] if others else [])


def _relation(title: str, row: Figures, grey: Figures, truth: Figures) -> str:
    parts = [
        f"PSNR {row.psnr_db - grey.psnr_db:+.2f} dB and CIEDE2000 x {_ratio(row.ciede2000, grey.ciede2000)} of grey",
        f"colourfulness {_ratio(row.colourfulness, truth.colourfulness)} of the truth",
        f"at that a warp error of ab {_ratio(row.warp_error_e3, truth.warp_error_e3)} times the truth's",
    ]
    return f"{title}: {', '.join(parts)}"


def _ratio(value: float, unit: float) -> str:
    return f"{value / unit:.3f}" if unit else "-"


def _row_values(names: Sequence[str], row: Row) -> dict[str, Any]:
    values: dict[str, Any] = {
        "mean": rounded(mean_figures(row.figures)),
        "clips": {name: rounded(figures) for name, figures in zip(names, row.figures, strict=True)},
    }
    if row.luma:
        largest = max(check.largest for check in row.luma)
        values["luma"] = {"equal": largest == 0, "equal_share": _equal_share(row.luma), "largest": largest}
    return values
