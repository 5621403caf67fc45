"""The figures as a Markdown table, as CSV and as JSON."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kinemacolor.comparison.measures import measures_of
from kinemacolor.comparison.results import ClipResult, Comparison, counted, means, milliseconds
from kinemacolor.evaluation.report import PROTOCOL

__all__ = ["csv_text", "json_text", "markdown"]

_MEAN = "mean"


def markdown(comparison: Comparison) -> str:
    """A table of means for each kind of clip."""
    sections = [section for section in (comparison.known, comparison.unknown) if section]
    return "\n\n".join("\n".join(_markdown_lines(section)) for section in sections)


def csv_text(comparison: Comparison) -> str:
    """A line for each clip and result, and for each mean; a figure that needs a truth is empty where there is none."""
    sections = [(section, means(section)) for section in (comparison.known, comparison.unknown) if section]
    names = list(dict.fromkeys(name for _, rows in sections for row in rows.values() for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clips", "clip", "result", *names])
    for section, rows in sections:
        kind = "with truth" if section[0].is_known else "black-and-white"
        lines = [(_MEAN, rows), *((clip.name, _figures(clip)) for clip in section)]
        for clip, figures in lines:
            for title, row in figures.items():
                writer.writerow([kind, clip, title, *(_cell(row.get(name)) for name in names)])
    return text.getvalue()


def json_text(comparison: Comparison) -> str:
    """Everything, with the values over time; an infinite PSNR is null."""
    values: dict[str, Any] = {
        "protocol": PROTOCOL,
        "version": comparison.version,
        "settings": dict(comparison.settings),
        "models": {one.title: _model(comparison, one.title) for one in comparison.combinations},
        "mean": _rounded_rows(means(comparison.known)),
        "mean_without_truth": _rounded_rows(means(comparison.unknown)),
        "clips": {clip.name: _clip(clip) for clip in comparison.clips},
    }
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def _markdown_lines(clips: Sequence[ClipResult]) -> list[str]:
    rows = means(clips)
    measures = measures_of(list(next(iter(rows.values()))))
    heads = " | ".join(f"{one.head} {one.unit}".strip() for one in measures)
    lines = [f"|  | {heads} |", "| --- " * (len(measures) + 1) + "|"]
    lines += [
        f"| {title} | {' | '.join(one.printed(row[one.name]) for one in measures)} |" for title, row in rows.items()
    ]
    frames, what = sum(clip.frames for clip in clips), "known colours" if clips[0].is_known else "no known colours"
    count = f"{counted(len(clips), 'clip')} with {what}, {counted(frames, 'frame')}"
    return [*lines, "", f"{count}; mean over clips."]


def _model(comparison: Comparison, title: str) -> dict[str, Any]:
    combination = next(one for one in comparison.combinations if one.title == title)
    spec, taken = combination.spec, milliseconds(comparison.clips, title)
    return {
        "frame": combination.spec.frame,
        "temporal": combination.spec.temporal,
        "name": spec.name,
        "description": spec.description,
        "licence": spec.licence,
        "terms": spec.terms,
        "weights_sha256": spec.weights_sha256,
        "frame_network_ms": round(taken.frame, 1),
        "temporal_network_ms": round(taken.temporal, 1),
    }


def _clip(clip: ClipResult) -> dict[str, Any]:
    return {
        "frames": clip.frames,
        "width_px": clip.width_px,
        "height_px": clip.height_px,
        "frames_per_second": float(clip.rate),
        "has_truth": clip.is_known,
        "results": {
            title: {
                "figures": _rounded(asdict(line.figures)),
                "ciede2000_by_frame": [round(value, 3) for value in line.difference],
                "warp_error_e3_by_pair": [round(value, 4) for value in line.flicker],
            }
            for title, line in clip.lines.items()
        },
    }


def _figures(clip: ClipResult) -> dict[str, dict[str, float]]:
    return {title: asdict(line.figures) for title, line in clip.lines.items()}


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _rounded_rows(rows: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {title: _rounded(row) for title, row in rows.items()}


def _rounded(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in figures.items()}
