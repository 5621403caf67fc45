"""The store on disk: what was put in comes out, and nothing else, whatever happened to the file."""

import contextlib
import dataclasses
import os
import random
import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest
from stored import KEY, SETTINGS, ab_of, colours, luma_of

from kinemacolor.store import clip_file
from kinemacolor.store.clip_file import ClipFile, ServerIdentity, Terms
from kinemacolor.store.dependency import Dependency, GuidedShot
from kinemacolor.store.look import look_of
from kinemacolor.store.lookup import Query, Rule
from kinemacolor.store.prints import luma_hash, prints_of

ALL = list(range(40))


def test_what_was_put_in_comes_out(store):
    assert store.answers() == []
    store.fill()
    assert store.answers() == ALL
    assert store.said == []


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"weights_sha256": "cd" * 32},
        {"device_class": "cpu|threads=2"},
        {"transfer": 13},
        {"width_px": 25},
        {"height_px": 17},
        {"variant": 2},
    ],
)
def test_other_settings_have_no_colours(store, change):
    store.fill()
    assert store.answers(settings=dataclasses.replace(SETTINGS, **change)) == []


def test_another_shot_start_has_no_colours(store):
    store.fill()
    assert store.answers(shot=3) == []


def test_another_luma_at_the_same_place_has_no_colour(store):
    store.fill()
    assert store.answers(luma=lambda number: luma_of(number + (number >= 20))) == ALL[:20]


def test_a_changed_frame_earlier_in_the_shot_takes_all_after_it_along(store):
    """Their own luma is the same, but the network's memory was another one."""
    store.fill()
    assert store.answers(luma=lambda number: luma_of(1000 if number == 5 else number)) == ALL[:5]


def test_who_does_not_know_the_history_is_answered_by_luma(store):
    store.fill()
    with store.open() as opened:
        prints = dataclasses.replace(prints_of(luma_hash(luma_of(7)), None), history=None)
        assert np.array_equal(opened.exact(Dependency(SETTINGS, 0), 7, prints).ab, ab_of(7))


def test_a_frame_that_is_put_again_replaces_the_old_one(store):
    store.fill(variant=1)
    store.fill(variant=2)
    assert store.answers(variant=2) == ALL


def test_several_settings_and_shots_live_side_by_side(store):
    other = dataclasses.replace(SETTINGS, model="other")
    store.fill()
    store.fill(settings=other, variant=1)
    store.fill(shot=2, variant=2)
    assert store.answers() == store.answers(settings=other, variant=1) == store.answers(shot=2, variant=2) == ALL


def test_it_knows_whether_all_frames_are_there(store):
    store.fill(range(30))
    with store.open() as opened:
        assert opened.covers(SETTINGS, 0, 29)
        assert opened.covers(SETTINGS, 3, 8)
        assert not opened.covers(SETTINGS, 0, 30)
        assert not opened.covers(SETTINGS, 0, None), "nobody has said where the clip ends"
        opened.note_extent(SETTINGS, 0, 29)
        assert opened.covers(SETTINGS, 12, None)
        assert not opened.covers(dataclasses.replace(SETTINGS, model="other"), 0, 29)


# ---- guides and variants ----

GUIDES, OTHER_GUIDES = "aa" * 32, "bb" * 32


def test_stores_of_before_there_were_guides_and_variants_stay_valid():
    assert SETTINGS.hash.hex() == "4e5e202014093a82abd4c7d7e2dda1bf"
    assert Dependency(SETTINGS, 7).hash.hex() == "a13e5dcb198a078d42bed46565c1f9d2"


def test_a_shot_with_guides_has_colours_of_its_own(store):
    store.fill(variant=1)
    assert store.answers(guides=GUIDES) == []
    store.fill(variant=2, guides=GUIDES)
    assert store.answers(variant=1) == store.answers(variant=2, guides=GUIDES) == ALL
    assert store.answers(guides=OTHER_GUIDES) == []
    with ClipFile(store.file, read_only=True) as file:
        assert list(file.check()) == []


@pytest.mark.parametrize("guides", ["", GUIDES])
def test_who_asks_by_a_picture_never_gets_a_colour_of_another_kind(store, guides):
    """As the effect asks: what is there with other guides is as good as not there."""
    store.fill(guides=OTHER_GUIDES)
    store.fill(range(20), guides=guides, variant=1)
    with store.open() as opened:
        found = opened.find(SETTINGS, Query(luma=luma_hash(luma_of(7)), number=7, offset=0))
        absent = opened.find(SETTINGS, Query(luma=luma_hash(luma_of(30)), number=30, offset=0))
    assert (found is not None, absent) == (not guides, None)
    if found is not None:
        assert np.array_equal(found.colour.ab, ab_of(7, 1))
        assert not found.provisional
    assert store.said == []


def test_who_asks_by_a_picture_says_which_shots_have_guides(store):
    """Frames 10 to 19 are stored with and without, 20 to 29 only without."""
    store.fill(range(30), variant=1)
    store.fill(range(10, 20), shot=10, guides=GUIDES, variant=2)
    guided = [GuidedShot(10, 19, GUIDES), GuidedShot(20, None, GUIDES)]

    def found(number, guided):
        answer = opened.find(SETTINGS, Query(luma=luma_hash(luma_of(number)), number=number, offset=0), guided=guided)
        return (
            None if answer is None else next(each for each in (1, 2) if (answer.colour.ab == ab_of(number, each)).all())
        )

    with store.open() as opened:
        assert [found(number, guided) for number in (9, 10, 19, 20, 29)] == [1, 2, 2, None, None]
        assert [found(number, ()) for number in (9, 10, 19, 20, 29)] == [1, 1, 1, 1, 1]
        assert found(15, [GuidedShot(10, 19, OTHER_GUIDES)]) is None


def test_it_knows_whether_all_frames_are_there_with_their_guides(store):
    store.fill(range(10))
    store.fill(range(10, 20), shot=10, guides=GUIDES)
    store.fill(range(20, 30), shot=20)
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, 29)
        for first, last in ((0, 29), (0, None), (15, 17), (12, 22), (3, 9), (25, None)):
            assert opened.covers(SETTINGS, first, last, [GuidedShot(10, 19, GUIDES)])
        assert not opened.covers(SETTINGS, 0, 29)
        assert not opened.covers(SETTINGS, 0, 29, [GuidedShot(10, 19, OTHER_GUIDES)])
        assert not opened.covers(SETTINGS, 0, 29, [GuidedShot(0, 9, GUIDES), GuidedShot(10, 19, GUIDES)])
        assert not opened.covers(SETTINGS, 0, None, [GuidedShot(10, 19, GUIDES), GuidedShot(20, None, GUIDES)])


def test_a_server_is_remembered_and_forgotten(store):
    identity = ServerIdentity("tiny", "ab" * 32, "cpu", Terms("Apache-2.0", "do what you like"))
    with store.open() as opened:
        opened.remember_server(b"print", identity)
    with store.open() as opened:
        assert opened.server(b"print") == identity
        assert opened.server(b"another") is None
        opened.remember_server(b"print", None)
        assert opened.server(b"print") is None


# ---- pictures whose place is not certain ----


def query(picture, **more):
    return Query(luma=luma_hash(luma_of(picture)), look=look_of(luma_of(picture)), **more)


def test_a_picture_is_found_by_its_luma_once_the_clip_is_known_to_its_end(store):
    store.fill()
    with store.open() as opened:
        assert opened.find(SETTINGS, query(7)).provisional
        opened.note_extent(SETTINGS, 0, 39)
        found = opened.find(SETTINGS, query(7, number=100))
        assert (found.number, found.rule, found.provisional) == (7, Rule.UNIQUE_LUMA, False)
        assert np.array_equal(found.colour.ab, ab_of(7))
        assert opened.provisional == 1
        assert opened.find(SETTINGS, query(50)) is None


def test_what_only_looks_the_same_is_provisional_and_counted(store):
    store.fill()
    graded = (luma_of(7).astype(float) ** 0.9 * 65535**0.1).astype(np.uint16)
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, 39)
        found = opened.find(SETTINGS, Query(luma=luma_hash(graded), look=look_of(graded), number=7, offset=0))
        assert (found.number, found.rule, found.provisional, opened.provisional) == (7, Rule.LOOK, True, 1)
        settings = dataclasses.replace(SETTINGS, model="other")
        assert opened.find(settings, Query(luma=luma_hash(graded), look=look_of(graded))) is None


def test_a_frame_of_two_lists_of_shots_is_provisional_unless_they_agree(store):
    store.fill()
    store.fill(range(10, 40), shot=10, variant=1)
    store.fill(range(30, 40), shot=30)
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, 39)
        assert not opened.find(SETTINGS, query(7)).provisional
        assert opened.find(SETTINGS, query(17)).provisional
        assert opened.find(SETTINGS, query(35)).provisional


def test_colours_agree_whether_or_not_they_say_how_sure_they_are(store):
    store.fill()
    store.fill(range(10, 40), shot=10, confidence=np.zeros((64, 64), np.uint8))
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, 39)
        assert not opened.find(SETTINGS, query(17)).provisional


def test_frames_that_come_in_while_it_is_open_are_found(store):
    store.fill(range(10))
    with store.open() as opened:
        assert opened.find(SETTINGS, query(12)) is None
        store.fill(range(10, 20))
        assert opened.find(SETTINGS, query(12)).number == 12
        for colour in colours(range(20, 22)):
            opened.put(colour)
        assert opened.find(SETTINGS, query(21)).number == 21


# ---- damage ----


def flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def cut(path, keep):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def pragma(path, words):
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA {words}")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: flip(path, 3), "is damaged"),
        (lambda path: cut(path, 0.5), "is damaged"),
        (lambda path: path.write_bytes(b"not a database, but long enough to be looked at" * 50), "is damaged"),
        (lambda path: pragma(path, "user_version = 9"), "is a chroma store of format 9, expected 3"),
        (lambda path: pragma(path, "application_id = 7"), "is no chroma store"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_moved_aside_and_begun_anew(store, harm, words):
    store.fill()
    harm(store.file)
    assert store.answers() == []
    (said,) = store.said
    assert words in said
    assert f"moved to {KEY}.refused" in said
    store.fill()
    assert store.answers() == ALL
    assert len(store.said) == 1


def test_an_empty_file_is_a_new_one(store):
    store.fill()
    store.file.write_bytes(b"")
    assert store.answers() == []
    store.fill()
    assert (store.answers(), store.said) == (ALL, [])


def test_a_damaged_frame_is_said_once_and_put_again(store):
    store.fill()
    with contextlib.closing(sqlite3.connect(store.file)) as database, database:
        database.execute("UPDATE colour SET planes = zeroblob(length(planes)) WHERE number IN (3, 9)")
    assert store.answers() == [number for number in ALL if number not in (3, 9)]
    assert len(store.said) == 1
    assert "frame 3 is damaged" in store.said[0]
    assert store.answers() == [number for number in ALL if number not in (3, 9)]
    assert len(store.said) == 1, "they are gone"
    store.fill()
    assert store.answers() == ALL


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE colour SET number = number + 100",
        "UPDATE colour SET luma = zeroblob(16)",
        "UPDATE colour SET history = NULL || history WHERE 0",
        "UPDATE dependency SET hash = zeroblob(16)",
        "UPDATE colour SET dependency = 99",
        "UPDATE colour SET planes = 'text'",
    ],
)
def test_a_row_that_was_changed_answers_nothing_wrong(store, change):
    store.fill()
    with contextlib.closing(sqlite3.connect(store.file)) as database, database:
        database.execute(change)
    assert store.answers() in ([], ALL)  # `answers` compares what it gets
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, 39)
        for number in ALL:
            found = opened.find(SETTINGS, query(number))
            assert found is None or np.array_equal(found.colour.ab, ab_of(found.number))


def test_a_damaged_picture_makes_no_luma_unique(store):
    """Two frames look the same; the hash of one is damaged. The other must not pass for the only one."""
    store.fill(luma=lambda number: luma_of(0 if number in (4, 20) else number + 1))
    with contextlib.closing(sqlite3.connect(store.file)) as database, database:
        database.execute("UPDATE picture SET luma = zeroblob(16) WHERE number = 20")
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, 39)
        assert opened.find(SETTINGS, query(0)).provisional


FEW = range(12)


def test_any_bit_may_flip(store):
    """Nothing wrong is answered and nothing raised; what cannot be answered is put again."""
    store.fill(FEW)
    good = store.file.read_bytes()
    chosen = random.Random(20261123)
    heads = [chosen.randrange(200) for _ in range(20)]
    pages = [page * 16384 + chosen.randrange(120) for page in range(len(good) // 16384) for _ in range(2)]
    anywhere = [chosen.randrange(len(good)) for _ in range(40)]
    missing = 0
    for position in heads + pages + anywhere:
        store.file.write_bytes(good)
        flip(store.file, position, chosen.randrange(8))
        store.said.clear()
        missing += len(store.answers(FEW)) < len(FEW)
        assert len(store.said) <= 2
        for path in store.folder.path.iterdir():
            if path.suffix != ".lock" and path.name != "lock":
                path.unlink()
    assert missing > 5, "the flips must hit something"


def test_a_file_cut_anywhere_answers_right_or_not_at_all(store):
    store.fill(range(30))
    good = store.file.read_bytes()
    for keep in range(0, len(good), len(good) // 20):
        store.file.write_bytes(good[:keep])
        store.answers(range(30))
        store.folder.path.joinpath(f"{KEY}.chroma").unlink(missing_ok=True)


def test_a_damaged_file_that_another_process_uses_stays_where_it_is(store):
    store.fill()
    with store.open() as first:
        first.covers(SETTINGS, 0, 1)
        flip(store.file, 3)
        assert store.answers() == []
        assert store.file.exists()
    assert "is in use by another process; the store is not used" in store.said[0]


# ---- room ----


def test_a_full_disk_is_said_once_and_what_is_there_is_still_read(store, monkeypatch):
    store.fill(range(24))
    open_file = ClipFile._open

    def open_full(self, *arguments):
        open_file(self, *arguments)
        self._database.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size: not one page more

    with monkeypatch.context() as patch:
        patch.setattr(ClipFile, "_open", open_full)
        store.fill(range(24, 400))
        assert len(store.said) == 1
        assert "full" in store.said[0]
        assert "nothing more is stored" in store.said[0]
        store.said.clear()
        assert set(store.answers(range(24))) == set(range(24))
    store.said.clear()
    store.fill()
    assert (store.answers(), store.said) == (ALL, [])


def test_a_folder_that_cannot_be_made_is_said_once(tmp_path, store):
    (tmp_path / "store").write_text("a file")
    store.fill()
    assert store.answers() == []
    assert all(text.endswith("the store is not used") for text in store.said)
    assert len(store.said) == 2  # one each time it was opened


def age(path, hours):
    past = path.stat().st_mtime - 3600 * hours
    os.utime(path, (past, past))


def key(number):
    return f"{number:032x}"


def test_the_clips_that_were_not_used_for_the_longest_time_go_first(store):
    for number in range(5):
        store.fill(key=key(number))
        age(store.folder.path / f"{key(number)}.chroma", 10 - number)
    sizes = {entry.key: entry.bytes for entry in store.folder.entries()}
    with store.open(key(1)):
        pass  # used now
    store.folder.max_bytes = 4 * sizes[key(0)]
    store.fill(key=key(9))
    left = {entry.key for entry in store.folder.entries()}
    assert key(9) in left
    assert key(1) in left
    assert key(0) not in left
    assert key(2) not in left
    assert sum(entry.bytes for entry in store.folder.entries()) <= store.folder.max_bytes


def test_a_clip_in_use_is_not_removed(store):
    store.fill(key=key(1))
    with store.open(key(1)) as used:
        store.folder.max_bytes = 1
        with store.open(key(2)):
            pass
        assert (store.folder.path / f"{key(1)}.chroma").exists()
        assert used.covers(SETTINGS, 0, 39)


def test_in_a_clip_that_is_too_large_the_shots_unused_for_the_longest_go_first(store, monkeypatch):
    now = 1000

    def fill(numbers, shot):
        nonlocal now
        now += 10
        monkeypatch.setattr("time.time", lambda: now)
        store.fill(numbers, shot=shot)

    for shot in (0, 100, 200):
        fill(range(shot, shot + 60), shot)
    now += 10
    store.answers(range(60), shot=0)  # used again
    store.folder.max_bytes = store.file.stat().st_size
    fill(range(300, 360), 300)
    assert store.answers(range(60), shot=0) == list(range(60))
    assert store.answers(range(100, 160), shot=100) == []
    assert store.answers(range(300, 360), shot=300) == list(range(300, 360))
    assert store.file.stat().st_size <= store.folder.max_bytes
    assert store.said == []


def test_a_render_larger_than_the_store_keeps_its_beginning(store):
    """Its own shots never push each other out: the next render would miss every one of them."""
    store.fill(range(60), shot=0)
    store.folder.max_bytes = store.file.stat().st_size
    store.file.unlink()
    with store.open() as opened:
        for shot in range(0, 600, 60):
            for colour in colours(range(shot, shot + 60), shot=shot):
                opened.put(colour)
    assert store.answers(range(24), shot=0) == list(range(24))
    assert store.file.stat().st_size <= store.folder.max_bytes
    assert [text for text in store.said if "is full" in text] == store.said
    assert len(store.said) == 1


def test_foreign_files_in_the_folder_are_left_alone(store):
    store.fill()
    foreign = store.folder.path / "notes.chroma"
    foreign.write_text("mine")
    store.folder.max_bytes = 1
    store.folder.make_room(key(3), 10**9)
    assert foreign.read_text() == "mine"
    assert [entry.key for entry in store.folder.entries()] == []


# ---- several at once ----

OPEN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stored import Store
from kinemacolor.store.folder import StoreFolder
store = Store(StoreFolder(Path(sys.argv[2])))
"""
WRITER = f"""{OPEN}
frames = range(int(sys.argv[3]), int(sys.argv[4]))
sys.stdin.readline()
for _ in range(3):
    store.fill(frames)
    store.answers(frames)
print(store.said)
"""
KILLED = f"""{OPEN}
import os, signal
from kinemacolor.store.clip_file import ClipFile
put, count = ClipFile._put, 0
def die(self, database, colour, now):
    global count
    count += 1
    if count == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    put(self, database, colour, now)
ClipFile._put = die
store.fill(range(100))
"""


def test_processes_that_write_the_same_clip_at_once_lose_nothing(store):
    here = os.path.dirname(__file__)
    spans = [(0, 120), (60, 180), (0, 180)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, here, store.folder.path, str(first), str(last)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for first, last in spans
    ]  # fmt: skip
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        out, _ = writer.communicate(timeout=60)
        assert (writer.returncode, out.strip()) == (0, "[]")
    assert store.answers(range(120)) == list(range(120))
    with ClipFile(store.file, read_only=True) as file:
        assert list(file.check()) == []


def test_threads_that_ask_and_put_at_once(store):
    with store.open() as opened:
        frames = list(colours(range(300)))
        wrong = []

        def ask():
            for colour in frames:
                found = opened.exact(colour.dependency, colour.number, colour.prints)
                if found is not None and found.planes != colour.planes:
                    wrong.append(colour.number)

        thread = threading.Thread(target=ask)
        thread.start()
        for colour in frames:
            opened.put(colour)
        thread.join()
    assert wrong == []
    assert store.answers(range(300)) == list(range(300))


def test_a_writer_that_was_killed_leaves_whole_frames(store):
    command = [sys.executable, "-c", KILLED, os.path.dirname(__file__), store.folder.path]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == -9
    assert store.answers(range(100)) == list(range(24))
    assert store.said == []


def test_a_lock_that_is_never_released_is_said_once(store, monkeypatch):
    monkeypatch.setattr(clip_file, "_BUSY_SECONDS", 0.05)
    store.fill(range(10))
    with contextlib.closing(sqlite3.connect(store.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.fill(range(10, 100))
    (said,) = store.said
    assert "locked; nothing more is stored" in said
    assert store.answers(range(10)) == list(range(10))
