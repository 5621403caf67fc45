"""How often the lookup by look finds a changed copy, and how often it takes one picture for another:
`KINEMACOLOR_DATA=... python tests/bench/robust_lookup.py`.

The store holds every clip of the evaluation and training sets, one behind the other as one film. Asked for are

    hosts     the evaluation clips as an editor has them, converted to R'G'B' of 8 bits, rounded or truncated
    copies    of the evaluation clips: encoded again, graded, grainy, cropped, and several of these together
    strangers each clip, with the clip itself left out of the store; photographs; clips of real old film

What a host has is alike: final if it is the only one, else provisional. A final answer must be the frame itself. A copy
is found if the answer is the frame itself or one of the same clip at most two frames away; other frames of its clip and
those of other clips are counted apart. Each answer of a stranger is false. Every answer by look is provisional,
whatever it is: a colour that a person sees marked as such.
"""

import io
import os
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.store.look import look_of
from kinemacolor.store.lookup import ClipIndex, Located, Picture, Query, Rule, locate
from kinemacolor.store.prints import luma_hash
from kinemacolor.store.thumb import thumb_of

Grey = NDArray[np.uint8]
Clip = tuple[str, list[Grey]]
_NEAR = 2


def jpegs(data: bytes) -> Grey:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def folders(root: Path) -> list[Clip]:
    found = [folder for folder in sorted(root.iterdir()) if folder.is_dir()]
    return [(folder.name, [jpegs(path.read_bytes()) for path in sorted(folder.glob("*.jpg"))]) for folder in found]


def tarred(path: Path) -> list[Clip]:
    with tarfile.open(path) as tar:
        members = sorted((member for member in tar if member.isfile()), key=lambda member: member.name)
        named = [(Path(member.name).parent.name, jpegs(tar.extractfile(member).read())) for member in members]
    return [(name, [grey for _, grey in group]) for name, group in groupby(named, key=lambda item: item[0])]


def wide(grey: Grey) -> NDArray[np.uint16]:
    return np.asarray(grey, np.uint16) * np.uint16(257)


def encoded(crf: int) -> Callable[[list[Grey]], list[Grey]]:
    def change(frames: list[Grey]) -> list[Grey]:
        even = [frame[: frame.shape[0] & ~1, : frame.shape[1] & ~1] for frame in frames]
        file = io.BytesIO()
        with av.open(file, "w", "mp4") as output:
            stream = output.add_stream("libx264", 25, {"crf": str(crf), "threads": "1"})
            stream.height, stream.width = even[0].shape
            stream.pix_fmt = "yuv420p"
            for frame in even:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "gray")))
            output.mux(stream.encode(None))
        with av.open(io.BytesIO(file.getvalue())) as source:
            return [frame.to_ndarray(format="gray") for frame in source.decode(video=0)]

    return change


def graded(curve: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Callable[[list[Grey]], list[Grey]]:
    table = np.clip(np.rint(255 * curve(np.arange(256) / 255)), 0, 255).astype(np.uint8)
    return lambda frames: [table[frame] for frame in frames]


def grainy(codes: float) -> Callable[[list[Grey]], list[Grey]]:
    def change(frames: list[Grey]) -> list[Grey]:
        noise = np.random.default_rng(0)
        return [
            np.clip(np.rint(frame + noise.normal(0, codes, frame.shape)), 0, 255).astype(np.uint8) for frame in frames
        ]

    return change


def cropped(share: float) -> Callable[[list[Grey]], list[Grey]]:
    def change(frames: list[Grey]) -> list[Grey]:
        rows, columns = (round(share * side) for side in frames[0].shape)
        return [frame[rows : frame.shape[0] - rows, columns : frame.shape[1] - columns] for frame in frames]

    return change


def together(*changes: Callable[[list[Grey]], list[Grey]]) -> Callable[[list[Grey]], list[Grey]]:
    def change(frames: list[Grey]) -> list[Grey]:
        for each in changes:
            frames = each(frames)
        return frames

    return change


CHANGES = {
    "encoded again (H.264, crf 23)": encoded(23),
    "encoded badly (H.264, crf 38)": encoded(38),
    "darker (gamma 1.6)": graded(lambda tone: tone**1.6),
    "lighter (gamma 0.6)": graded(lambda tone: tone**0.6),
    "flat (a third of the contrast)": graded(lambda tone: 0.4 + tone / 3),
    "hard (twice the contrast, clipped)": graded(lambda tone: 0.5 + 2 * (tone - 0.5)),
    "grain of 8 codes": grainy(8),
    "cropped by 1 %": cropped(0.01),
    "cropped by 4 %": cropped(0.04),
    "flat, grain, crf 30": together(graded(lambda tone: 0.3 + tone / 2), grainy(6), encoded(30)),
}


class Film:
    """The store's index over clips that lie one behind the other."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._places = [(name, frame) for name, frames in clips for frame in range(len(frames))]
        lumas = [wide(frame) for _, frames in clips for frame in frames]
        pictures = [Picture(number, luma_hash(luma), look_of(luma)) for number, luma in enumerate(lumas)]
        self.without_look = sum(picture.look is None for picture in pictures)
        self._thumbs = [thumb_of(luma) for luma in lumas]
        self._index = ClipIndex(pictures, (0, len(pictures) - 1))

    def __len__(self) -> int:
        return len(self._places)

    def ask(self, grey: Grey) -> tuple[str, int] | None:
        """Clip and frame that are answered, by look only."""
        luma = wide(grey)
        found = locate(self._index, Query(luma=luma_hash(luma), look=look_of(luma)))
        return None if found is None else self._place(found)

    def ask_as_host(self, luma: NDArray[np.uint16]) -> tuple[Rule, tuple[str, int]] | None:
        """The rule, and clip and frame that are answered."""
        query = Query(luma=luma_hash(luma), look=look_of(luma), thumb=thumb_of(luma))
        found = locate(self._index, query, lambda numbers: {number: self._thumbs[number] for number in numbers})
        return None if found is None else (found.rule, self._places[found.number])

    def _place(self, found: Located) -> tuple[str, int]:
        if found.rule.is_final:
            raise SystemExit("a changed copy has the very luma of a stored frame")
        return self._places[found.number]


def of_hosts(film: Film, clips: Sequence[Clip]) -> Iterator[str]:
    yield "| host | the only one alike: final | of these another frame | several alike | only a look | not found |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, rounding in (("rounds", np.rint), ("truncates", np.floor)):
        counts = dict.fromkeys(("final", "wrong", "several", "look", "none"), 0)
        for clip, frames in clips:
            for number, frame in enumerate(frames):
                # What the film has of it are codes from 16 to 235.
                level = (np.rint(frame * (219 / 255))) * (255 / 219)
                answer = film.ask_as_host(rounding(level).astype(np.uint16) * np.uint16(257))
                counts[host_kind(answer)] += 1
                counts["wrong"] += host_kind(answer) == "final" and answer[1] != (clip, number)
        total = sum(counts.values()) - counts["wrong"]
        yield f"| {name} | " + " | ".join(share(count, total) for count in counts.values()) + " |"


def host_kind(answer: tuple[Rule, tuple[str, int]] | None) -> str:
    if answer is None:
        return "none"
    kinds = {Rule.ALIKE: "final", Rule.UNIQUE_LUMA: "final", Rule.LOOK: "look"}
    return kinds.get(answer[0], "several")


def of_copies(film: Film, clips: Sequence[Clip]) -> Iterator[str]:
    yield "| copy | found | elsewhere in its clip | another clip | not found |"
    yield "| --- | --- | --- | --- | --- |"
    for name, change in CHANGES.items():
        counts = [0, 0, 0, 0]
        for clip, frames in clips:
            for number, frame in enumerate(change(frames)):
                counts[kind_of(film.ask(frame), clip, number)] += 1
        yield f"| {name} | " + " | ".join(share(count, sum(counts)) for count in counts) + " |"


def kind_of(answer: tuple[str, int] | None, clip: str, number: int) -> int:
    if answer is None:
        return 3
    if answer[0] != clip:
        return 2
    return 0 if abs(answer[1] - number) <= _NEAR else 1


def of_strangers(film: Film, groups: dict[str, list[Grey]]) -> Iterator[str]:
    for name, pictures in groups.items():
        taken = sum(film.ask(picture) is not None for picture in pictures)
        yield f"| {name} | {len(pictures)} | {taken} ({share(taken, len(pictures))}) |"


def of_clips_left_out(stored: Sequence[Clip], asked: Sequence[Clip]) -> str:
    taken = 0
    for name, frames in asked:
        rest = Film([clip for clip in stored if clip[0] != name])
        taken += sum(rest.ask(frame) is not None for frame in frames)
    total = sum(len(frames) for _, frames in asked)
    return f"| evaluation clips, each left out of the store | {total} | {taken} ({share(taken, total)}) |"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f} %"


def main() -> None:
    root = os.environ.get("KINEMACOLOR_DATA")
    if root is None:
        sys.exit(__doc__)
    data = Path(root)
    asked = folders(data / "dev_eval" / "clips")
    stored = asked + [clip for path in sorted((data / "train_clips").glob("*.tar.gz")) for clip in tarred(path)]
    film = Film(stored)
    say(f"stored: {len(film)} frames of {len(stored)} clips, {film.without_look} of them without a look")
    say("\n".join(of_hosts(film, asked)))
    say("\n".join(of_copies(film, asked)))
    say("| stranger | pictures | taken for a stored frame |\n| --- | --- | --- |")
    photos = [jpegs(path.read_bytes()) for path in sorted((data / "dev_eval" / "photos").glob("*.jpg"))]
    tars = sorted((data / "train_photos").glob("photos_0[0-3].tar.gz"))
    training = [picture for path in tars for _, pictures in tarred(path) for picture in pictures]
    archival = [frame for _, frames in folders(data / "archival_dev" / "clips") for frame in frames]
    say(of_clips_left_out(stored, asked))
    groups = {"evaluation photographs": photos, "training photographs": training, "old film": archival}
    say("\n".join(of_strangers(film, groups)))


if __name__ == "__main__":
    main()
