"""Labels from the layouts of VOC and COCO-Stuff, from a teacher, and in crops."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from kinemacolor.training.errors import RecipeError
from kinemacolor.training.label_sets import read_coco_stuff, read_voc, voc_palette
from kinemacolor.training.labelled import (
    IGNORED,
    Labelled,
    Labels,
    centre_labelled,
    label_pictures,
    sample_labelled,
)
from kinemacolor.training.photos import CropSettings, Picture
from kinemacolor.training.voc_segmenter import VocSegmenter, inset


def write_photo(path: Path, height: int = 24, width: int = 32, grey: bool = False) -> None:
    picture = np.full((height, width, 3), (90, 90, 90) if grey else (40, 150, 220), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def write_palette_png(path: Path, labels: Labels, palette: np.ndarray) -> None:
    """As VOC's files are: one byte a pixel and a PLTE chunk (PNG specification, 11.2)."""
    height, width = labels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in labels)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def some_labels(height: int = 24, width: int = 32) -> Labels:
    labels = np.zeros((height, width), np.uint8)
    labels[4:20, 4:20] = IGNORED
    labels[6:18, 6:18] = 15
    return labels


# ---- VOC ----


def make_voc(folder: Path, labels: Labels, palette: np.ndarray | None = None) -> None:
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True)
    (folder / "ImageSets" / "Segmentation" / "train.txt").write_text("2007_a\n2007_grey\n")
    (folder / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_b\n")
    for name in ("2007_a", "2007_b", "2007_grey", "2007_unlisted"):
        write_photo(folder / "JPEGImages" / f"{name}.jpg", grey=name.endswith("grey"))
        write_palette_png(
            folder / "SegmentationClass" / f"{name}.png", labels, voc_palette() if palette is None else palette
        )


def test_the_palette_is_voc_s() -> None:
    palette = voc_palette()
    known = {0: (0, 0, 0), 1: (128, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {number: tuple(palette[number].tolist()) for number in known} == known
    assert len(np.unique(palette, axis=0)) == 256


def test_voc_s_layout_is_read(tmp_path: Path) -> None:
    labels = some_labels()
    make_voc(tmp_path, labels)
    (found,) = read_voc(tmp_path, "train")
    assert found.picture.shape == (24, 32, 3)
    assert np.array_equal(found.labels, labels)
    assert len(read_voc(tmp_path, "val")) == 1
    assert read_voc(tmp_path, "train", limit=0) == []


@pytest.mark.parametrize(
    "kind", ["list", "latin 1", "empty", "photo", "labels", "16 bits", "grey", "palette", "class", "size"]
)
def test_a_damaged_voc_is_refused(tmp_path: Path, kind: str) -> None:
    labels = some_labels()
    palette = voc_palette()
    if kind == "class":
        labels[0, 0] = 21
    if kind == "palette":
        palette[15] += 1
    if kind == "size":
        labels = labels[:, :-1]
    make_voc(tmp_path, labels, palette)
    if kind == "list":
        (tmp_path / "ImageSets" / "Segmentation" / "train.txt").unlink()
    if kind in ("latin 1", "empty"):
        content = b"2007_\xe9\n" if kind == "latin 1" else b"\n"
        (tmp_path / "ImageSets" / "Segmentation" / "train.txt").write_bytes(content)
    if kind == "photo":
        (tmp_path / "JPEGImages" / "2007_a.jpg").write_bytes(b"no photo")
    if kind == "labels":
        (tmp_path / "SegmentationClass" / "2007_a.png").unlink()
    if kind in ("16 bits", "grey"):
        depth = np.uint16 if kind == "16 bits" else np.uint8
        cv2.imwrite(str(tmp_path / "SegmentationClass" / "2007_a.png"), labels.astype(depth))
    words = {
        "list": r"train\.txt: expected a list of names",
        "latin 1": r"train\.txt: expected a list of names in UTF-8, found other bytes",
        "empty": r"train\.txt: expected a list of names, found an empty one",
        "photo": r"2007_a\.jpg: expected a JPEG",
        "labels": r"2007_a\.png: expected labels, found none",
        "16 bits": r"2007_a\.png: expected a PNG with a palette of 8 bits, found another file",
        "grey": r"2007_a\.png: expected a PNG with a palette of 8 bits, found another file",
        "palette": "expected colours of VOC's palette",
        "class": "expected classes below 21 or 255, found 21",
        "size": r"2007_a\.png: expected labels for a photo of \(24, 32\), found \(24, 31\)",
    }
    with pytest.raises(RecipeError, match=words[kind]):
        read_voc(tmp_path, "train")


def turned(path: Path, orientation: int) -> None:
    """Write into a JPEG how it is to be turned (Exif 2.3, tag 0x112), as a camera does."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_photo_lies_as_its_labels_do_whatever_its_exif_says(tmp_path: Path, orientation: int) -> None:
    make_voc(tmp_path, some_labels())
    path = tmp_path / "JPEGImages" / "2007_a.jpg"
    picture = np.full((24, 32, 3), (40, 150, 220), np.uint8)
    picture[:8] = (220, 20, 20)
    cv2.imwrite(str(path), picture)
    turned(path, orientation)
    seen = cv2.imread(str(path))
    assert seen is not None
    assert seen[0, 0, 2] > 200, "the file does say that it is turned"
    (found,) = read_voc(tmp_path, "train")
    assert found.picture.shape == (24, 32, 3)
    assert found.picture[2, 16, 2] > 200
    assert found.picture[20, 16, 0] > 200


# ---- COCO-Stuff ----


def make_coco_stuff(folder: Path, labels: Labels, maps: str = "annotations") -> None:
    """As the set's README has it unpacked, with the lists of things that COCO puts beside the maps."""
    for place in ("train2017/000000000009", "train2017/000000000025", "val2017/000000000139"):
        write_photo(folder / "images" / f"{place}.jpg")
        path = folder / maps / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), labels)
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / "annotations" / "instances_train2017.json").write_text("{}")


@pytest.mark.parametrize("maps", ["annotations", "stuffthingmaps", "pixelmaps"])
def test_coco_stuff_s_layout_is_read(tmp_path: Path, maps: str) -> None:
    labels = some_labels()
    labels[0] = 181
    make_coco_stuff(tmp_path, labels, maps)
    found = read_coco_stuff(tmp_path, "train2017")
    assert len(found) == 2
    assert all(np.array_equal(one.labels, labels) for one in found)
    assert len(read_coco_stuff(tmp_path, "train2017", limit=1)) == 1
    assert len(read_coco_stuff(tmp_path, "val2017")) == 1


def test_a_damaged_coco_stuff_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"images/train2017: expected photos \*\.jpg, found none"):
        read_coco_stuff(tmp_path, "train2017")
    write_photo(tmp_path / "images" / "train2017" / "000000000009.jpg")
    with pytest.raises(RecipeError, match=r"expected annotations/train2017, stuffthingmaps/train2017 or pixelmaps/"):
        read_coco_stuff(tmp_path, "train2017")
    labels = some_labels()
    labels[0, 0] = 182
    make_coco_stuff(tmp_path, labels)
    with pytest.raises(RecipeError, match="expected classes below 182 or 255, found 182"):
        read_coco_stuff(tmp_path, "train2017")
    path = tmp_path / "annotations" / "train2017" / "000000000009.png"
    path.unlink()
    with pytest.raises(RecipeError, match=r"000000000009\.png: expected labels, found none"):
        read_coco_stuff(tmp_path, "train2017")
    cv2.imwrite(str(path), some_labels().astype(np.uint16))
    with pytest.raises(RecipeError, match=r"000000000009\.png: expected a map of one byte a pixel"):
        read_coco_stuff(tmp_path, "train2017")


@pytest.mark.parametrize("file", ["images/train2017/000000000009.jpg", "annotations/train2017/000000000009.png"])
def test_an_empty_file_is_refused(tmp_path: Path, file: str) -> None:
    make_coco_stuff(tmp_path, some_labels())
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(RecipeError, match=f"{file}: expected"):
        read_coco_stuff(tmp_path, "train2017")


# ---- a teacher ----


def test_a_teacher_is_asked_once_for_each_photo(tmp_path: Path) -> None:
    asked: list[Picture] = []

    def teacher() -> Callable[[Picture], Labels]:
        def answer(picture: Picture) -> Labels:
            asked.append(picture)
            return np.asarray(picture[:, :, 0] // 100, dtype=np.uint8)

        return answer

    def nobody() -> Callable[[Picture], Labels]:
        raise AssertionError

    photos = [np.full((8, 9, 3), value, np.uint8) for value in (10, 120, 250)]
    first = label_pictures(photos[:2], tmp_path, teacher)
    assert [int(one.labels.max()) for one in first] == [0, 1]
    second = label_pictures(photos[::-1], tmp_path, teacher)
    assert [int(one.labels.max()) for one in second] == [2, 1, 0]
    assert len(asked) == 3
    label_pictures(photos, tmp_path, nobody)
    next(tmp_path.glob("*.png")).write_bytes(b"")
    with pytest.raises(RecipeError, match="found damage"):
        label_pictures(photos, tmp_path, nobody)


def test_the_segmenter_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no file"):
        VocSegmenter(tmp_path / "none.tflite")
    (tmp_path / "other.tflite").write_bytes(b"other")
    with pytest.raises(RecipeError, match="expected SHA-256"):
        VocSegmenter(tmp_path / "other.tflite")


@pytest.mark.parametrize(("height", "width"), [(20, 40), (40, 20), (7, 7), (1, 200)])
def test_a_photo_lies_whole_in_the_segmenter_s_square(height: int, width: int) -> None:
    square, rows, columns = inset(np.full((height, width, 3), 255, np.uint8), 50)
    assert max(rows, columns) == 50
    assert rows / columns == pytest.approx(height / width, rel=0.1) or min(rows, columns) == 1
    assert (square[:rows, :columns] == 255).all()
    assert (square[rows:] == 128).all()
    assert (square[:, columns:] == 128).all()


# ---- crops ----


def example() -> Labelled:
    """Its label is its red, so that they can be seen to lie on each other."""
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 20, (6, 8), dtype=np.uint8)
    labels = np.kron(blocks, np.ones((16, 16), np.uint8))
    return Labelled(np.stack([labels * 12, labels, labels], axis=2), labels)


@pytest.mark.parametrize("flip", ["picture", "batch"])
def test_labels_lie_where_their_picture_lies(flip: str) -> None:
    settings = CropSettings(count=8, side_px=96, smallest=1.0)
    rgb, labels = sample_labelled([example()], settings, np.random.default_rng(1), flip)  # type: ignore[arg-type]
    assert labels.dtype == torch.int64
    assert torch.equal((rgb[:, 0] * 255 / 12).round().long(), labels)
    small = CropSettings(count=8, side_px=48)
    rgb, labels = sample_labelled([example()], small, np.random.default_rng(1), flip)  # type: ignore[arg-type]
    assert float(((rgb[:, 0] * 255 / 12 - labels).abs() < 0.5).float().mean()) > 0.85, "up to borders of blocks"


def test_flips_are_drawn_for_each_picture_or_for_all() -> None:
    one = Labelled(np.zeros((32, 32, 3), np.uint8), np.tile(np.arange(32, dtype=np.uint8), (32, 1)))
    settings = CropSettings(count=16, side_px=32, smallest=1.0)
    flipped = {
        flip: [
            (sample_labelled([one], settings, np.random.default_rng(seed), flip)[1][:, 0, 0] == 31).tolist()  # type: ignore[arg-type]
            for seed in range(6)
        ]
        for flip in ("picture", "batch")
    }
    assert all(0 < sum(batch) < 16 for batch in flipped["picture"])
    assert {sum(batch) for batch in flipped["batch"]} == {0, 16}


def test_the_middle_is_taken_for_measuring() -> None:
    rgb, labels = centre_labelled([example()], 96)
    assert torch.equal(labels[0], torch.from_numpy(example().labels[:, 16:112]).long())
    assert rgb.shape == (1, 3, 96, 96)
