"""Bad input: one clear line, before the first frame where it can be known then, after the good frames where not."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media import make

from kinemacolor.media.errors import SourceError, TruncatedSourceError, UnsupportedSourceError
from kinemacolor.media.probe import probe
from kinemacolor.media.reader import open_source
from kinemacolor.media.types import SourceFrame


def read_until_error(path: Path) -> tuple[list[SourceFrame], SourceError | None]:
    frames = []
    with open_source(path) as source:
        try:
            for item in source:
                if isinstance(item, SourceFrame):
                    frames.append(item)
        except SourceError as error:
            return frames, error
    return frames, None


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        probe(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    assert "Errno" not in text
    return text


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.mkv")


def test_a_directory(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make.film(tmp_path / "a.mkv", frames=1)  # not by its mode bits: root may read everything

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(film.path))

    monkeypatch.setattr(Path, "open", denied)
    assert "permission denied" in refusal(film.path)


def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mkv")
    assert "pipes" in refusal(tmp_path / "a.mkv")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.touch()
    assert "empty" in refusal(path)


@pytest.mark.parametrize("payload", [b"What is this?\n" * 50, bytes(range(256)) * 200])
def test_a_file_that_is_no_film(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(payload)
    assert "not a film" in refusal(path)


def test_a_playlist_does_not_reach_the_network(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    refusal(path)


def test_only_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame) + stream.encode(None))
    assert "only sound" in refusal(path)


def test_a_header_without_frames(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.y4m", codec="rawvideo", frames=1)
    header = film.path.read_bytes().split(b"FRAME")[0]
    film.path.write_bytes(header)
    assert "frame" in refusal(film.path)


def test_an_encrypted_film(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mp4", codec="libx264",
        container_options={
            "encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16,
        },
    )  # fmt: skip
    assert "encrypted" in refusal(film.path)


def test_a_codec_that_nobody_knows(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", codec="ffv1", frames=1)
    data = film.path.read_bytes().replace(b"V_FFV1", b"V_XYZ1").replace(b"V_MS/VFW/FOURCC", b"V_XX/XXX/XXXXXX")
    film.path.write_bytes(data)
    refusal(film.path)


def test_samples_that_are_not_integers(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", codec="ffv1", pixel_format="gray16le", frames=1)
    assert probe(film.path).pixel_format.bits == 16
    floats = make.film(
        tmp_path / "b.mkv", codec="ffv1", pixel_format="grayf32le", frames=1,
        pictures=lambda i: (np.full((48, 64), 0.5, np.float32),),
    ) if "grayf32le" in [f.name for f in av.Codec("ffv1", "w").video_formats or []] else None  # fmt: skip
    if floats is not None:
        with pytest.raises(UnsupportedSourceError, match="grayf32le"):
            probe(floats.path)


def test_ffmpegs_log_stays_off_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film = make.film(tmp_path / "a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=10)
    broken = make.cut(film.path, tmp_path / "b.mov", keep=0.7)
    refusal(broken)
    assert capfd.readouterr() == ("", "")


FRONT_INDEX = {"movflags": "faststart"}
CUTS = [
    ("a.mp4", "libx264", "yuv420p", FRONT_INDEX),
    ("a.mov", "prores_ks", "yuv422p10le", FRONT_INDEX),
    ("a.mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mkv", "ffv1", "yuv420p", {}),
    ("a.mkv", "libx264", "yuv420p", {}),
    ("a.avi", "ffv1", "yuv420p", {}),
    ("a.ts", "libx264", "yuv420p", {}),
    ("a.nut", "rawvideo", "yuv420p", {}),
]


@pytest.mark.parametrize("keep", [0.6, 0.93])
@pytest.mark.parametrize(("name", "codec", "pixel_format", "options"), CUTS)
def test_a_file_that_was_cut_off_gives_its_good_frames_first(
    tmp_path: Path, name: str, codec: str, pixel_format: str, options: dict[str, str], keep: float
) -> None:
    film = make.film(
        tmp_path / name, codec=codec, pixel_format=pixel_format, container_options=options, frames=60,
        width=160, height=120, codec_options={"g": "10", "crf": "10"} if codec == "libx264" else {},
    )  # fmt: skip
    complete, nothing = read_until_error(film.path)
    assert (len(complete), nothing) == (60, None)

    frames, error = read_until_error(make.cut(film.path, tmp_path / f"cut_{name}", keep=keep))

    assert isinstance(error, TruncatedSourceError)
    assert "\n" not in str(error)
    assert 60 * keep - 12 < len(frames) < 60
    assert str(len(frames)) in str(error)
    for ours, whole in zip(frames, complete, strict=False):
        np.testing.assert_array_equal(ours.planes[0], whole.planes[0])


def test_an_mxf_file_that_was_cut_off(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mxf", codec="mpeg2video", pixel_format="yuv422p", width=720, height=576, frames=12,
        codec_options={"b": "30000000"},
    )  # fmt: skip
    frames, error = read_until_error(make.cut(film.path, tmp_path / "b.mxf", keep=0.6))
    assert isinstance(error, TruncatedSourceError)
    assert 0 < len(frames) < 12


def test_a_film_without_its_index(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mp4", codec="libx264", frames=30, width=160, height=120)
    assert "moov" in refusal(make.cut(film.path, tmp_path / "b.mp4", keep=0.8))


def damage(path: Path, number: int) -> None:
    """Spoil the middle of one packet."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    position, size = packets[number]
    assert position is not None
    data = bytearray(path.read_bytes())
    for at in range(position + size // 2, position + size // 2 + 16):
        data[at] ^= 0x5A
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mov", "prores_ks", "yuv422p10le"), ("a.mov", "png", "rgb24"),
        ("a.mkv", "ffv1", "yuv420p"), ("a.mkv", "ffv1", "gray16le"), ("a.avi", "ffv1", "yuv422p10le"),
        ("a.ts", "mpeg2video", "yuv420p"), ("a.mp4", "libx264", "yuv420p"), ("a.avi", "libx264", "yuv420p"),
    ],
)  # fmt: skip
def test_damage_in_the_middle_is_told_by_its_frame(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    film = make.film(
        tmp_path / name, codec=codec, pixel_format=pixel_format, frames=20, width=320, height=240,
        codec_options={"bf": "0"} if codec in ("libx264", "mpeg2video") else {},
    )  # fmt: skip
    complete, _ = read_until_error(film.path)
    damage(film.path, 10)

    frames, error = read_until_error(film.path)

    assert isinstance(error, TruncatedSourceError)
    assert "frame 10 cannot be read" in str(error)
    assert [frame.number for frame in frames] == list(range(10))
    for ours, whole in zip(frames, complete, strict=False):
        np.testing.assert_array_equal(ours.planes[0], whole.planes[0])


def test_damage_behind_the_last_wanted_frame_does_not_matter(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mov", codec="mjpeg", pixel_format="yuvj420p", frames=20)
    damage(film.path, 15)
    with open_source(film.path, last_frame=8) as source:
        assert [item.number for item in source if isinstance(item, SourceFrame)] == list(range(9))


def test_a_change_of_size_is_refused_at_its_frame(tmp_path: Path) -> None:
    first = make.film(tmp_path / "a.ts", codec="libx264", frames=10, width=64, height=48)
    second = make.film(tmp_path / "b.ts", codec="libx264", frames=10, width=96, height=64)
    joined = tmp_path / "c.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    frames, error = read_until_error(joined)
    assert len(frames) == 10
    assert "frame 10 is 96x64, the frames before it 64x48" in str(error)
    assert not isinstance(error, TruncatedSourceError)


def test_joined_recordings_are_refused_where_time_runs_backwards(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.ts", codec="libx264", frames=10)
    joined = tmp_path / "b.ts"
    joined.write_bytes(2 * film.path.read_bytes())
    frames, error = read_until_error(joined)
    assert len(frames) == 10
    assert "frame 10 lies before the one before it" in str(error)
