"""The page: one HTML file that needs nothing else, no server, no network and no script.

Its content security policy forbids every request, so that a mistake here cannot turn into one.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from html import escape
from importlib import resources

from kinemacolor.comparison.measures import MEASURES, Aim, Measure, best, measures_of
from kinemacolor.comparison.media import ClipMedia
from kinemacolor.comparison.results import GREY, TRUTH, ClipResult, Comparison, counted, means, milliseconds

__all__ = ["page_html"]

_TITLE = "Colorization compared"
_POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
_ARROWS = {
    Aim.HIGHER: "↑ higher",
    Aim.LOWER: "↓ lower",
    Aim.CALM: "↓ calmer",
    Aim.TRUTH: "≈ like the truth",
    Aim.NONE: "",
}
_CALM = (
    "CDC and warp errors are to be read beside colourfulness and against the truth's: grey has no colour that could "
    "flicker, and does not win by it. So a result that is less than a quarter as colourful as the truth is not marked "
    "there."
)
_NO_TRUTH = (
    "Nobody knows the true colours of these clips. What can be measured says how much colour there is and how calm it "
    "is, not whether it is right, so nothing is marked as best: look at the pictures."
)
_REDUCED = (
    "the networks of the papers at a reduced size, with weights that were trained with this project and are not the "
    "authors'. They say nothing of how good the papers' networks are."
)
_GUESSES = "Colours are guesses from luma alone: plausible, not historical."
_PLAIN_ROWS = (GREY, TRUTH)


def page_html(comparison: Comparison, media: Mapping[str, ClipMedia], overview: str) -> str:
    """The page.

    Args:
        comparison: What was found.
        media: What there is to look at, by the name of the clip.
        overview: SVG element of the means; empty: there is none.
    """
    css = resources.files("kinemacolor.comparison").joinpath("page.css").read_text(encoding="utf-8")
    main = [
        *_summary(comparison, overview),
        '<h2 id="clips">Clips</h2>',
        *(part for number, clip in enumerate(comparison.clips) for part in _clip(number, clip, media[clip.name])),
        *_legend(comparison),
        *_models(comparison),
        *_settings(comparison),
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',  # else a browser asks for one
            f"<title>{_TITLE}: {escape(_names(comparison))}</title>",
            f"<style>\n{css}</style>",
            "</head>",
            "<body>",
            *_header(comparison),
            "<main>",
            *main,
            "</main>",
            f"<footer><p>Kinemacolor {escape(comparison.version)}. {_GUESSES}</p></footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _names(comparison: Comparison) -> str:
    return ", ".join(one.title for one in comparison.combinations)


def _header(comparison: Comparison) -> list[str]:
    frames = sum(clip.frames for clip in comparison.clips)
    links = [("results", "Results"), *((_anchor(number), clip.name) for number, clip in enumerate(comparison.clips))]
    links += [("measures", "What the figures mean"), ("models", "Models"), ("settings", "Settings")]
    items = "".join(f'<li><a href="#{escape(target)}">{escape(text)}</a></li>' for target, text in links)
    combinations = f"{counted(len(comparison.combinations), 'combination')} of a frame network with a temporal network"
    material = f"{counted(len(comparison.clips), 'clip')}, {counted(frames, 'frame')}"
    return [
        "<header>",
        f"<h1>{_TITLE}</h1>",
        f'<p class="dim">{combinations} on {material}. All see the luma only.</p>',
        f'<nav aria-label="On this page"><ul>{items}</ul></nav>',
        "</header>",
    ]


def _summary(comparison: Comparison, overview: str) -> list[str]:
    parts = ['<h2 id="results">Results</h2>']
    if comparison.known:
        about = f"Mean over {counted(len(comparison.known), 'clip')} with known colours; the best result is marked."
        parts += [_table(means(comparison.known), about), f"<p>{_CALM}</p>"]
        parts += [f'<figure><div class="wide plot">{overview}</div></figure>'] if overview else []
    if comparison.unknown:
        about = f"Mean over {counted(len(comparison.unknown), 'clip')} without known colours."
        parts += ["<h3>Black-and-white clips</h3>"] if comparison.known else []
        parts += [_table(means(comparison.unknown), about), f"<p>{_NO_TRUTH}</p>"]
    return [*parts, *_reduced(comparison)]


def _reduced(comparison: Comparison) -> list[str]:
    frames = dict.fromkeys(one.spec.frame for one in comparison.combinations if one.is_reduced)
    return [f"<p><strong>{escape(', '.join(frames))}</strong>: {_REDUCED}</p>"] if frames else []


def _table(rows: Mapping[str, Mapping[str, float]], about: str) -> str:
    measures = measures_of(list(next(iter(rows.values()))))
    truth = rows.get(TRUTH, {})
    results = {title: row for title, row in rows.items() if title not in _PLAIN_ROWS}
    marked = {one.name: best(one, results, truth) for one in measures}
    heads = "".join(f'<th scope="col">{escape(one.head)}<small>{_unit(one)}</small></th>' for one in measures)
    lines = [_row(title, row, measures, marked) for title, row in rows.items()]
    return (
        f'<div class="wide"><table><caption>{escape(about)}</caption><thead><tr><th scope="col">result</th>{heads}'
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _row(
    title: str, row: Mapping[str, float], measures: Sequence[Measure], marked: Mapping[str, frozenset[str]]
) -> str:
    cells = "".join(_cell(one.printed(row[one.name]), title in marked[one.name]) for one in measures)
    kind = ' class="plain"' if title in _PLAIN_ROWS else ""
    return f'<tr{kind}><th scope="row">{escape(title)}</th>{cells}</tr>'


def _cell(text: str, is_best: bool) -> str:
    return f'<td class="best" title="best">{text}</td>' if is_best else f"<td>{text}</td>"


def _unit(measure: Measure) -> str:
    return " ".join(filter(None, (measure.unit, _ARROWS[measure.aim])))


def _clip(number: int, clip: ClipResult, media: ClipMedia) -> list[str]:
    kind = "known colours" if clip.is_known else "black-and-white"
    size = f"{counted(clip.frames, 'frame')} of {clip.width_px} × {clip.height_px}"
    rows = {title: asdict(line.figures) for title, line in clip.lines.items()}
    return [
        f'<section><h3 id="{_anchor(number)}">{escape(clip.name)}</h3>',
        f'<p class="dim">{size}, {float(clip.rate):g} per second, {kind}.</p>',
        _video(clip, media),
        f'<figure><div class="wide plot">{media.plot}</div></figure>',
        _table(rows, f"Figures of {clip.name}."),
        _sheet(clip, media),
        "</section>",
    ]


def _video(clip: ClipResult, media: ClipMedia) -> str:
    width, height = media.video_size
    return (
        f'<figure><video controls loop muted playsinline width="{width}" height="{height}" '
        f'aria-label="{escape(clip.name)}, all results side by side" '
        f'poster="{_data_uri("image/jpeg", media.poster)}" src="{_data_uri("video/mp4", media.video)}"></video>'
        "<figcaption>All results side by side; in full quality: "
        f"videos/{escape(clip.file)}.mp4</figcaption></figure>"
    )


def _sheet(clip: ClipResult, media: ClipMedia) -> str:
    width, height = media.sheet_size
    return (
        f'<figure><img width="{width}" height="{height}" alt="{escape(clip.name)}: a line of frames for each result" '
        f'src="{_data_uri("image/jpeg", media.sheet)}">'
        f"<figcaption>Contact sheet; without loss: sheets/{escape(clip.file)}.png</figcaption></figure>"
    )


def _legend(comparison: Comparison) -> Iterable[str]:
    shown = MEASURES if comparison.known else measures_of(list(next(iter(means(comparison.unknown).values()))))
    items = "".join(
        f"<dt>{escape(one.head)}<small>{escape(one.unit)}</small></dt>"
        f"<dd><strong>{escape(one.aim.value.capitalize())}.</strong> {escape(one.text)}</dd>"
        for one in shown
    )
    return ['<h2 id="measures">What the figures mean</h2>', f"<dl>{items}</dl>"]


def _models(comparison: Comparison) -> list[str]:
    lines = "".join(_model(comparison, number) for number in range(len(comparison.combinations)))
    heads = "".join(
        f'<th scope="col">{text}</th>'
        for text in ("result", "frame network, ms a frame", "temporal network, ms a frame")
    )
    left = "".join(
        f'<th scope="col" style="text-align:left">{text}</th>'
        for text in ("model", "licence and terms of the weights", "SHA-256 of the weights")
    )
    about = "Times are those of this run on this machine. The frame network runs once for all its temporal networks."
    table = f"<caption>{about}</caption><thead><tr>{heads}{left}</tr></thead><tbody>{lines}</tbody>"
    return ['<h2 id="models">Models</h2>', f'<div class="wide"><table>{table}</table></div>']


def _model(comparison: Comparison, number: int) -> str:
    combination = comparison.combinations[number]
    spec, taken = combination.spec, milliseconds(comparison.clips, combination.title)
    terms = f"{escape(spec.licence)}<br>{escape(spec.terms)}" if spec.terms else escape(spec.licence)
    cells = f'<td class="text">{escape(spec.name)}: {escape(spec.description)}</td><td class="text long">{terms}</td>'
    return (
        f'<tr><th scope="row">{escape(combination.title)}</th>'
        f"<td>{taken.frame:.0f}</td><td>{taken.temporal:.0f}</td>{cells}"
        f'<td class="text"><code>{spec.weights_sha256}</code></td></tr>'
    )


def _settings(comparison: Comparison) -> list[str]:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in comparison.settings.items())
    return ['<h2 id="settings">Settings</h2>', f"<dl>{items}</dl>"]


def _anchor(number: int) -> str:
    return f"clip-{number + 1}"


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"
