"""What an evaluation found, as a table for people and as JSON for machines."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kinemacolor.evaluation.confidence import Sample, agreement, calibration, joined
from kinemacolor.evaluation.measure import Measures, mean_figures
from kinemacolor.evaluation.outside import LumaCheck
from kinemacolor.evaluation.targets import Verdict, judge, verdict_lines

__all__ = [
    "CLIP",
    "GREY",
    "PHOTO",
    "PROTOCOL",
    "TRUTH",
    "Report",
    "Row",
    "Section",
    "card_values",
    "curve_table",
    "json_text",
    "table",
    "verdict_values",
]

GREY, TRUTH = "grey", "truth"
CLIP, PHOTO = "clip", "photo"
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
    "jumps_percent": "jumps %",
}
_ABOUT_CLIPS = (
    "CDC, warp errors and jumps are to be read beside colourfulness only, and against the truth's: grey has no colour "
    "that could flicker, so its are the lowest, and it does not win by that."
)
_ABOUT_TRUTHLESS = "Nobody knows the true colours: whether these are right is for the eye (--sheets)."
_ABOUT_CALM = "Warp error and jumps are to be read beside colourfulness only: the paler, the calmer."


@dataclass(frozen=True, slots=True)
class Row:
    """One way to colour, clip by clip or photo by photo."""

    figures: tuple[Measures, ...]
    """In the order of the names, all of one class."""
    luma: tuple[LumaCheck, ...] = ()
    """The same, of a command; empty for the built-in rows, whose luma nobody touches."""
    confidence: tuple[Sample, ...] = ()
    """The same, of a model that says how sure it is, where the truth is known; else empty."""

    @property
    def mean(self) -> dict[str, float]:
        """Mean figures by name."""
        return asdict(mean_figures(self.figures))

    @property
    def agreement(self) -> float | None:
        """Rank correlation of confidence and accuracy over the pixels of all; None if nothing was said."""
        return agreement(joined(self.confidence)) if self.confidence else None


@dataclass(frozen=True, slots=True)
class Section:
    """One table: the same clips, or photos, coloured in several ways."""

    kind: str
    """What one is called: CLIP or PHOTO."""
    names: tuple[str, ...] = ()
    """Of the clips or photos."""
    frames: int = 0
    """Frames of all together."""
    rows: Mapping[str, Row] = field(default_factory=dict)
    """By title, `grey` among them, and `truth` where it is known; none if there was nothing to measure."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found."""

    dtype: str
    """Of the frame networks."""
    clips: Section
    photos: Section
    models: tuple[str, ...] = ()
    """Titles of the rows that the targets are for."""
    archive: tuple[Section, ...] = ()
    """Black-and-white clips and photos that were looked at besides, or none."""

    @property
    def verdicts(self) -> dict[str, tuple[Verdict, ...]]:
        """The targets of each model, by title; none where the colours of the clips are not known."""
        rows = self.clips.rows
        if TRUTH not in rows:
            return {}
        grey, truth = rows[GREY].mean, rows[TRUTH].mean
        return {name: judge(rows[name].mean, grey, truth, rows[name].agreement) for name in self.models}


def table(report: Report) -> str:
    """Markdown tables of the means, with what must be known to read them."""
    every = (report.clips, report.photos, *report.archive)
    sections = [_section(section, report.dtype) for section in every if section.names]
    targets = [verdict_lines(name, verdicts) for name, verdicts in report.verdicts.items()]
    return "\n\n".join("\n".join(lines) for lines in (*sections, *targets))


def curve_table(name: str, points: Mapping[str, Mapping[str, float]]) -> str:
    """A Markdown table: a line for each value of a setting."""
    heads = list(next(iter(points.values())))
    lines = [_line(name, heads), "| --- " * (len(heads) + 1) + "|"]
    lines += [_line(value, [f"{number:.2f}" for number in point.values()]) for value, point in points.items()]
    return "\n".join(lines)


def json_text(report: Report) -> str:
    """Everything: the means and the figures of each clip and photo; an infinite PSNR is null."""
    values: dict[str, Any] = {
        "protocol": PROTOCOL,
        "dtype": report.dtype,
        **_material_values(report.clips, report.photos),
    }
    if report.verdicts:
        values["targets"] = {name: [verdict_values(one) for one in each] for name, each in report.verdicts.items()}
    if report.archive:
        values["archive"] = _material_values(*report.archive)
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def card_values(section: Section, dtype: str) -> dict[str, Any]:
    """The means as a model card has them."""
    protocol = f"{_count(section)}, {dtype}, mean over {section.kind}s"
    return {"protocol": protocol, **{title: _rounded(row.mean) for title, row in section.rows.items()}}


def verdict_values(verdict: Verdict) -> dict[str, Any]:
    """One target, for JSON."""
    numbers = _rounded({"limit": verdict.limit, "found": verdict.found})
    return {"target": verdict.target, "aim": verdict.aim.value, **numbers, "met": verdict.met, "note": verdict.note}


def _material_values(clips: Section, photos: Section) -> dict[str, Any]:
    values: dict[str, Any] = {"clips": len(clips.names), "frames": clips.frames, "rows": _rows(clips)}
    if photos.names:
        values["photos"] = {"count": len(photos.names), "rows": _rows(photos)}
    return values


def _section(section: Section, dtype: str) -> list[str]:
    """One table and what belongs below it."""
    columns = list(section.rows[GREY].mean)
    commands = any(row.luma for row in section.rows.values())
    sure = any(row.confidence for row in section.rows.values())
    heads = [
        *(_HEADS[name] for name in columns),
        *(["confidence"] if sure else []),
        *(["Y' equal"] if commands else []),
    ]
    lines = [_line("", heads), "| --- " * (len(heads) + 1) + "|"]
    lines += [_line(title, _cells(row, columns, sure, commands)) for title, row in section.rows.items()]
    known = TRUTH in section.rows
    shown = "at the true L*" if known else "at the film's own L*"
    about = f"{_count(section)}, mean over {section.kind}s; colour shown {shown}; networks in {dtype}."
    return [*lines, "", *(_against_grey(section) if known else []), about, *_note(columns, known)]


def _count(section: Section) -> str:
    count = len(section.names)
    words = f"{count} {section.kind if count == 1 else section.kind + 's'}"
    return f"{words}, {section.frames} frames" if section.kind == CLIP else words


def _note(columns: Sequence[str], known: bool) -> list[str]:
    over_time = "warp_error_e3" in columns
    if not known:
        return [_ABOUT_TRUTHLESS, *([_ABOUT_CALM] if over_time else [])]
    return [_ABOUT_CLIPS] if over_time else []


def _cells(row: Row, columns: Sequence[str], sure: bool, commands: bool) -> list[str]:
    mean, agrees = row.mean, row.agreement
    figures = [f"{mean[name]:.2f}" for name in columns]
    confidence = ["-" if agrees is None else f"{agrees:.2f}"] if sure else []
    return [*figures, *confidence, *([_luma_cell(row.luma)] if commands else [])]


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


def _against_grey(section: Section) -> list[str]:
    """Each row in relation to grey and the truth, which is how rows of different pictures may be compared."""
    grey, truth = (section.rows[title].mean for title in (GREY, TRUTH))
    others = [(title, row.mean) for title, row in section.rows.items() if title not in (GREY, TRUTH)]
    return [f"{title}: {', '.join(_relation(mean, grey, truth))}" for title, mean in others] + ([""] if others else [])


def _relation(row: Mapping[str, float], grey: Mapping[str, float], truth: Mapping[str, float]) -> list[str]:
    psnr_db, difference = row["psnr_db"] - grey["psnr_db"], _ratio(row["ciede2000"], grey["ciede2000"])
    parts = [
        f"PSNR {psnr_db:+.2f} dB and CIEDE2000 x {difference} of grey",
        f"colourfulness {_ratio(row['colourfulness'], truth['colourfulness'])} of the truth",
    ]
    if "warp_error_e3" in row:
        times = _ratio(row["warp_error_e3"], truth["warp_error_e3"])
        parts.append(f"at that a warp error of ab {times} times the truth's")
    return parts


def _ratio(value: float, unit: float) -> str:
    return f"{value / unit:.3f}" if unit else "-"


def _rows(section: Section) -> dict[str, Any]:
    return {title: _row_values(section, row) for title, row in section.rows.items()}


def _row_values(section: Section, row: Row) -> dict[str, Any]:
    each = {name: _rounded(asdict(figures)) for name, figures in zip(section.names, row.figures, strict=True)}
    values: dict[str, Any] = {"mean": _rounded(row.mean), f"{section.kind}s": each}
    if row.luma:
        largest = max(check.largest for check in row.luma)
        values["luma"] = {"equal": largest == 0, "equal_share": _equal_share(row.luma), "largest": largest}
    if row.confidence:
        values["confidence"] = _confidence_values(section, row.confidence)
    return values


def _confidence_values(section: Section, samples: Sequence[Sample]) -> dict[str, Any]:
    every = joined(samples)
    each = {name: round(agreement(sample), 3) for name, sample in zip(section.names, samples, strict=True)}
    deciles = [_rounded(asdict(decile)) for decile in calibration(every)]
    return {"rank_correlation": round(agreement(every), 3), f"{section.kind}s": each, "deciles": deciles}


def _rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Three decimals; what is infinite is None."""
    return {key: round(value, 3) if math.isfinite(value) else None for key, value in figures.items()}
