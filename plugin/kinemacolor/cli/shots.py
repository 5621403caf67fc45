"""`kinemacolor shots detect IN`: where the server will find cuts, without a server."""

from dataclasses import dataclass
from pathlib import Path

from kinemacolor.cli.parser import command_parser
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import SourceFrame, SourceInfo
from kinemacolor.picture.pixel import Family
from kinemacolor.picture.proxy import QUALITY_SHORT_SIDE_PX, Proxy, make_proxy, make_proxy_rgb, proxy_size
from kinemacolor.render import console
from kinemacolor.render.options import Quality
from kinemacolor.wire.shots import is_cut


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames `first` to `last`, both included."""

    first: int
    last: int


def main(arguments: list[str]) -> int:
    """Print the shots.

    Raises:
        SourceError: The film cannot be read to its end.
    """
    parser = command_parser("shots", "Find the cuts of a film.")
    parser.add_argument("action", choices=["detect"])
    parser.add_argument("file", type=Path, metavar="IN")
    parser.add_argument("--quality", choices=[item.value for item in Quality], default=Quality.STANDARD.value)
    values = parser.parse_args(arguments)
    shots = detect(values.file, QUALITY_SHORT_SIDE_PX[values.quality])
    if values.json:
        console.put_json([{"first": shot.first, "last": shot.last} for shot in shots])
    else:
        console.put("\n".join(f"{shot.first}-{shot.last}" for shot in shots))
    return 0


def detect(path: Path, short_side_px: int) -> list[Shot]:
    """All shots of a film, found on the same proxies that a render sends.

    Raises:
        SourceError: The film cannot be read to its end.
    """
    starts: list[int] = []
    previous: Proxy | None = None
    last = -1
    with open_source(path, tracks=False) as source:
        size = proxy_size(source.info.width_px, source.info.height_px, short_side_px, source.info.sample_aspect_ratio)
        for item in source:
            if isinstance(item, SourceFrame):
                proxy = _proxy(item, source.info, size)
                if previous is None or is_cut(previous, proxy):
                    starts.append(item.number)
                previous, last = proxy, item.number
    ends = [start - 1 for start in starts[1:]] + [last]
    return [Shot(first, end) for first, end in zip(starts, ends, strict=True)]


def _proxy(frame: SourceFrame, info: SourceInfo, size: tuple[int, int]) -> Proxy:
    form, encoding = info.pixel_format, info.encoding
    if form.family is Family.RGB:
        return make_proxy_rgb(frame.planes, form.bits, encoding.matrix, encoding.range, size)
    return make_proxy(frame.planes[0], form.bits, encoding.range, size)
