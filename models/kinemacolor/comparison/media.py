"""What there is to look at of one clip: made once, written as files, and kept in the size that goes into the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinemacolor.comparison.combinations import Combination
from kinemacolor.comparison.folder import OutputFolder
from kinemacolor.comparison.measuring import Measured
from kinemacolor.comparison.plots import draw_over_time
from kinemacolor.comparison.results import ClipResult
from kinemacolor.comparison.sheets import contact_sheet, jpeg_bytes, png_bytes
from kinemacolor.comparison.side_by_side import side_by_side
from kinemacolor.comparison.video import Encoding, encode_mp4
from kinemacolor.evaluation.pictures import Picture

__all__ = ["ClipMedia", "make_media"]

_FINE = Encoding(crf=18)
_SMALLER = (Encoding(crf=24), Encoding(crf=28, scale=0.75), Encoding(crf=30, scale=0.5), Encoding(crf=36, scale=0.5))


@dataclass(frozen=True, slots=True)
class ClipMedia:
    """What the page shows of a clip."""

    video: bytes
    """MP4."""
    video_size: tuple[int, int]
    """Width and height at which it is meant to be seen."""
    poster: bytes
    """JPEG of the first frame, shown until the video plays."""
    sheet: bytes
    """JPEG."""
    sheet_size: tuple[int, int]
    plot: str
    """SVG element."""


def make_media(
    folder: OutputFolder,
    clip: ClipResult,
    combinations: Sequence[Combination],
    measured: Mapping[str, Measured],
    page_video_bytes: int,
) -> ClipMedia:
    """Write the clip's video, contact sheet and plot.

    Args:
        folder: Where to.
        clip: Its figures.
        combinations: Those that are compared.
        measured: Its pictures by title, in the order in which they are shown.
        page_video_bytes: How large the video in the page may be, if that is to be had.

    Raises:
        ComparisonError: One cannot be written.
    """
    labels = {one.title: one.label for one in combinations}
    columns = {labels.get(title, title): one.pictures for title, one in measured.items()}
    whole = list(side_by_side(columns))
    video = encode_mp4(whole, clip.rate, _FINE)
    folder.write(f"videos/{clip.file}.mp4", video)
    sheet = contact_sheet(columns)
    folder.write(f"sheets/{clip.file}.png", png_bytes(sheet))
    drawing = draw_over_time(clip, combinations)
    folder.write(f"plots/{clip.file}.svg", drawing.file)
    shown = video if len(video) <= page_video_bytes else _smaller(whole, clip, page_video_bytes)
    return ClipMedia(shown, _size(whole[0]), jpeg_bytes(whole[0]), jpeg_bytes(sheet), _size(sheet), drawing.inline)


def _smaller(whole: Sequence[Picture], clip: ClipResult, limit: int) -> bytes:
    made = (encode_mp4(whole, clip.rate, encoding) for encoding in _SMALLER)
    found = b""
    for found in made:
        if len(found) <= limit:
            break
    return found


def _size(picture: Picture) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]
