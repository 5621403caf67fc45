"""What is decided before frame 1: good defaults, honest notes, and one clear line for everything that cannot be."""

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import make
import passing
import pytest

from kinemacolor.colour.encoding import Matrix, Primaries, Range, Siting, Transfer
from kinemacolor.media.encoder_formats import describe
from kinemacolor.media.errors import OutputError
from kinemacolor.media.plan import plan_output
from kinemacolor.media.probe import probe
from kinemacolor.media.types import EncodeOptions
from kinemacolor.picture.pixel import Family, PixelFormat

YUV422 = PixelFormat(name="yuv422p", family=Family.YUV, bits=8, log2_chroma_w=1)
YUV422_10 = PixelFormat(name="yuv422p10le", family=Family.YUV, bits=10, log2_chroma_w=1)


def plan_for(path: Path, form: PixelFormat, options: EncodeOptions | None = None, **changes):
    return plan_output(passing.source_info(form=form, **changes), path, options or EncodeOptions())


@pytest.mark.parametrize(
    ("extension", "form", "codec", "layout"),
    [
        (".mp4", passing.gray(8), "libx264", "yuv420p"),
        (".mp4", passing.gray(10), "libx264", "yuv422p10le"),
        (".mp4", passing.gray(16), "libx264", "yuv422p10le"),
        (".mp4", passing.yuv420(8), "libx264", "yuv420p"),
        (".mp4", YUV422, "libx264", "yuv422p"),
        (".mp4", passing.yuv444(12), "libx264", "yuv444p10le"),
        (".m4v", passing.yuv420(10), "libx264", "yuv420p10le"),
        (".mov", passing.gray(8), "libx264", "yuv420p"),
        (".mov", passing.gray(10), "prores_ks", "yuv422p10le"),
        (".mov", passing.gray(16), "prores_ks", "yuv422p10le"),
        (".mov", YUV422_10, "prores_ks", "yuv422p10le"),
        (".mov", passing.yuv444(12), "prores_ks", "yuv444p10le"),
        (".mov", passing.rgb(16), "prores_ks", "yuv444p10le"),
        (".mov", passing.rgb(8, alpha=True), "prores_ks", "yuva444p10le"),
        (".mkv", passing.gray(8), "libx264", "yuv420p"),
        (".mkv", passing.gray(12), "libx264", "yuv422p10le"),
        (".mkv", passing.rgb(8, alpha=True), "ffv1", "gbrap"),
        (".webm", passing.gray(10), "libvpx-vp9", "yuv422p"),
        (".avi", passing.yuv420(8), "ffv1", "yuv420p"),
        (".mxf", passing.gray(8), "dnxhd", "yuv422p"),
        (".mxf", passing.gray(12), "dnxhd", "yuv422p10le"),
    ],
)
def test_defaults(tmp_path, extension, form, codec, layout):
    plan = plan_for(tmp_path / f"o{extension}", form, width=256, height=144)
    assert (plan.codec, plan.pixel_format.name) == (codec, layout)
    assert plan.pixel_format.bits >= form.bits or any("rounded" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("extension", "form", "codec", "layout"),
    [
        (".mp4", passing.gray(8), "libx264", "yuv444p"),
        (".mp4", passing.gray(10), "libx264", "yuv444p10le"),
        (".mp4", passing.gray(12), "ffv1", "yuv444p12le"),
        (".mp4", passing.rgb(8), "libx264rgb", "gbrp"),
        (".mov", passing.gray(8), "libx264", "yuv444p"),
        (".mov", passing.yuv420(10), "libx264", "yuv420p10le"),
        (".mov", passing.rgb(8), "libx264rgb", "gbrp"),
        (".mov", passing.rgb(16), "png", "gbrp16le"),
        (".mkv", passing.gray(8), "ffv1", "yuv444p"),
        (".mkv", passing.gray(9), "ffv1", "yuv444p9le"),
        (".mkv", passing.gray(16), "ffv1", "yuv444p16le"),
        (".mkv", passing.rgb(16), "ffv1", "gbrp16le"),
        (".webm", passing.gray(8), "libvpx-vp9", "yuv444p"),
        (".mxf", passing.gray(10), "ffv1", "yuv444p10le"),
    ],
)
def test_lossless_keeps_depth(tmp_path, extension, form, codec, layout):
    plan = plan_for(tmp_path / f"o{extension}", form, EncodeOptions(lossless=True))
    assert plan.lossless
    assert (plan.codec, plan.pixel_format.name) == (codec, layout)


@pytest.mark.parametrize(
    ("name", "form", "options", "text"),
    [
        ("o", passing.gray(8), EncodeOptions(), "extension"),
        ("o.xyz", passing.gray(8), EncodeOptions(), ".xyz"),
        ("o.png", passing.gray(8), EncodeOptions(), "%04d"),
        ("no/such/o.mov", passing.gray(8), EncodeOptions(), "does not exist"),
        ("o.mov", passing.gray(8), EncodeOptions(codec="h266"), "no encoder h266"),
        ("o.mov", passing.gray(8), EncodeOptions(codec="aac"), "no video encoder"),
        ("o.mov", passing.gray(8), EncodeOptions(codec="ffv1"), "ffv1"),
        ("o.webm", passing.gray(8), EncodeOptions(codec="libx264"), "libx264"),
        ("o.mov", passing.gray(8), EncodeOptions(pixel_format="yuv411p"), "yuv411p"),
        ("o.mov", passing.gray(8), EncodeOptions(pixel_format="gray"), "gray"),
        ("o.mov", passing.gray(8), EncodeOptions(codec_options=(("quality", "3"),)), "no option quality"),
        ("o.mov", passing.gray(8), EncodeOptions(codec_options=(("preset", "quick"),)), "libx264"),
        ("o.mov", passing.gray(16), EncodeOptions(lossless=True), "ffv1"),
        ("o.webm", passing.gray(10), EncodeOptions(lossless=True), "ffv1"),
        ("o.mov", passing.gray(10), EncodeOptions(codec="prores_ks", lossless=True), "-c ffv1"),
        ("o.mp4", passing.gray(8), EncodeOptions(lossless=True, codec_options=(("crf", "20"),)), "every sample"),
        ("o.mov", passing.gray(8), EncodeOptions(segment_frames=0), "segments"),
        ("o.mov", passing.gray(8), EncodeOptions(threads=-1), "threads"),
        ("o.avi", passing.gray(8), EncodeOptions(codec="libx264"), ".mkv"),
        ("o.%04d.png", passing.gray(8), EncodeOptions(codec="tiff"), "png"),
    ],
)
def test_refusals_are_one_clear_line_and_leave_nothing(tmp_path, name, form, options, text):
    with pytest.raises(OutputError) as refusal:
        plan_for(tmp_path / name, form, options)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "o.mov"
    path.write_bytes(b"x")
    with pytest.raises(OutputError, match="-y"):
        plan_for(path, passing.gray(8))
    plan_for(path, passing.gray(8), EncodeOptions(overwrite=True))
    assert path.read_bytes() == b"x"


def test_a_dangling_link_is_refused_before_frame_1(tmp_path):
    path = tmp_path / "out.mkv"
    path.symlink_to(tmp_path / "gone.mkv")
    with pytest.raises(OutputError, match="exists; -y replaces it"):
        plan_for(path, passing.gray(8))
    plan_for(path, passing.gray(8), EncodeOptions(overwrite=True))


def test_what_is_no_ordinary_file_is_never_replaced(tmp_path):
    path = tmp_path / "out.mkv"
    os.mkfifo(path)
    with pytest.raises(OutputError, match="no ordinary file"):
        plan_for(path, passing.gray(8), EncodeOptions(overwrite=True))


@pytest.mark.parametrize("name", ["cuda", "vaapi", "videotoolbox_vld"])
def test_a_handle_of_a_graphics_card_is_no_picture_format(name):
    assert describe(name) is None


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "o.mov").mkdir()
    with pytest.raises(OutputError, match="folder"):
        plan_for(tmp_path / "o.mov", passing.gray(8), EncodeOptions(overwrite=True))


def test_full_range_is_refused_where_it_cannot_be_said_and_the_default_avoids_it(tmp_path):
    info = passing.source_info(form=passing.gray(10))
    info = replace(info, encoding=replace(info.encoding, range=Range.FULL))
    with pytest.raises(OutputError, match="full range"):
        plan_output(info, tmp_path / "o.mov", EncodeOptions(codec="prores_ks"))
    with pytest.raises(OutputError, match="full range"):
        plan_output(info, tmp_path / "o.avi", EncodeOptions())
    assert plan_output(info, tmp_path / "o.mov", EncodeOptions()).codec == "libx264"


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize(
    ("matrix", "primaries", "transfer"),
    [
        (Matrix.SMPTE170M, Primaries.SMPTE170M, Transfer.SMPTE170M),
        (Matrix.BT470BG, Primaries.BT470BG, Transfer.GAMMA28),
        (Matrix.BT709, Primaries.BT709, Transfer.BT709),
        (Matrix.BT2020_NCL, Primaries.BT2020, Transfer.BT2020_10),
    ],
)
def test_colour_tags_in_the_file(tmp_path, extension, range_, matrix, primaries, transfer):
    info = passing.source_info(form=passing.yuv420(8), siting=Siting.TOPLEFT)
    encoding = replace(info.encoding, matrix=matrix, primaries=primaries, transfer=transfer, range=range_)
    path = tmp_path / f"o{extension}"
    plan = plan_output(replace(info, encoding=encoding), path, EncodeOptions())
    passing.write(plan, [passing.output_frame(plan, 0, passing.soft_planes(plan, 0))])
    found = probe(path)
    assert found.encoding == encoding
    assert found.siting is Siting.TOPLEFT
    with av.open(str(path)) as film:  # what the container says, before any frame is decoded
        context = film.streams.video[0].codec_context
        assert context.color_range == range_.value
        assert context.colorspace == matrix.value


@pytest.mark.parametrize("extension", [".mov", ".mkv"])
@pytest.mark.parametrize("codec", ["prores_ks", "ffv1", "libx264"])
def test_tags_with_other_codecs(tmp_path, extension, codec):
    if (extension, codec) == (".mov", "ffv1"):
        extension = ".mp4"
    path = tmp_path / f"o{extension}"
    plan = plan_output(passing.source_info(form=passing.gray(10)), path, EncodeOptions(codec=codec))
    passing.write(plan, [passing.output_frame(plan, 0, passing.soft_planes(plan, 0))])
    assert probe(path).encoding == passing.BT709
    assert plan.notes == () or "cannot hold" not in " ".join(plan.notes)


def test_assumed_tags_are_written_and_said(tmp_path):
    info = passing.source_info(form=passing.gray(8))
    info = replace(info, encoding=replace(info.encoding, assumed=("range", "matrix")))
    plan = plan_output(info, tmp_path / "o.mov", EncodeOptions())
    assert any("assumed" in note and "BT709" in note and "LIMITED" in note for note in plan.notes)
    passing.write(plan, [passing.output_frame(plan, 0, passing.soft_planes(plan, 0))])
    assert probe(tmp_path / "o.mov").encoding == passing.BT709


@pytest.mark.parametrize(
    ("extension", "codec"),
    [(".mp4", None), (".mov", None), (".mkv", None), (".webm", None), (".mkv", "ffv1"), (".mp4", "ffv1")],
)
@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(16, 15), (720, 576)),
        (Fraction(8, 9), (720, 480)),
        (Fraction(40, 33), (64, 48)),
        (Fraction(2), (50, 70)),
    ],
)
def test_sample_aspect_ratio_and_rotation(tmp_path, extension, aspect, size, codec):
    path = tmp_path / f"o{extension}"
    info = passing.source_info(
        form=passing.gray(8), width=size[0], height=size[1], sample_aspect_ratio=aspect, rotation_degrees=90
    )
    plan = plan_output(info, path, EncodeOptions(codec=codec))
    passing.write(plan, [passing.output_frame(plan, i, passing.soft_planes(plan, i)) for i in range(3)])
    found = probe(path)
    assert found.sample_aspect_ratio == aspect
    assert found.rotation_degrees == 90
    assert len(passing.decoded(path)) == 3


def test_sample_aspect_ratio_in_mkv_with_tracks_and_seeking(tmp_path):
    film = make.film(
        tmp_path / "a.mp4", codec="libx264", width=720, height=576, frames=60, sample_aspect_ratio=Fraction(16, 15),
        audio=(make.Audio(), make.Audio(codec="ac3")), chapters=((Fraction(0), Fraction(1), "Eins"),),
    )  # fmt: skip
    passing.carry(film.path, tmp_path / "o.mkv", EncodeOptions(codec="ffv1"))
    assert probe(tmp_path / "o.mkv").sample_aspect_ratio == Fraction(16, 15)
    with av.open(str(tmp_path / "o.mkv")) as out:
        assert len(out.chapters()) == 1
        out.seek(2_000_000)
        frame = next(out.decode(video=0))
        assert frame.time is not None
        assert frame.time >= 1.9


@pytest.mark.parametrize(
    ("extension", "changes", "text"),
    [
        (".mxf", {"rotation_degrees": 90}, "rotation"),
        (".avi", {"rotation_degrees": 270}, "rotation"),
        (".avi", {"sample_aspect_ratio": Fraction(16, 15)}, "aspect"),
        (".avi", {"frame_rate": None}, "constant frame rate"),
    ],
)
def test_a_shape_the_container_cannot_hold_is_refused(tmp_path, extension, changes, text):
    info = passing.source_info(form=passing.gray(8), width=256, height=144, **changes)
    with pytest.raises(OutputError, match=text):
        plan_output(info, tmp_path / f"o{extension}", EncodeOptions())


def test_what_is_lost_is_said(tmp_path):
    lost_alpha = plan_for(tmp_path / "o.mp4", passing.rgb(8, alpha=True))
    assert any("alpha is lost" in note for note in lost_alpha.notes)
    assert any("no RGB" in note for note in lost_alpha.notes)
    assert lost_alpha.encoding.range is Range.LIMITED
    rounded = plan_for(tmp_path / "o.mp4", passing.gray(16))
    assert any("rounded to 10 bits" in note for note in rounded.notes)


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (65, 49), (1, 1)])
@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_odd_sizes_work(tmp_path, size, extension):
    path = tmp_path / f"o{extension}"
    plan = plan_for(path, passing.gray(8), width=size[0], height=size[1])
    passing.write(plan, [passing.output_frame(plan, i, passing.soft_planes(plan, i)) for i in range(3)])
    frames = passing.decoded(path)
    assert [(frame.width, frame.height) for frame in frames] == [size] * 3


def test_user_rate_control_replaces_the_default(tmp_path):
    plan = plan_for(tmp_path / "o.mp4", passing.gray(8), EncodeOptions(codec_options=(("qp", "30"),)))
    assert dict(plan.codec_options) == {"preset": "medium", "qp": "30"}


def test_threads_are_recorded(tmp_path):
    assert plan_for(tmp_path / "o.mp4", passing.gray(8)).threads >= 1
    assert plan_for(tmp_path / "o.mp4", passing.gray(8), EncodeOptions(threads=5)).threads == 5
