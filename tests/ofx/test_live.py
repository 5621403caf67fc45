"""A host asks for frames in any order: what is called final has the colour of a run in order, bit for bit."""

import random
import signal
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import connect
from kinemacolor.client.errors import ServerUnreachableError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.ofx.session.connection import ServerConnection
from kinemacolor.ofx.session.guided_lives import GuidedLives
from kinemacolor.ofx.session.live import LiveColours, LiveSettings
from kinemacolor.ofx.session.values import Asked
from kinemacolor.render.options import ServerOptions
from kinemacolor.wire.frame import FrameNumber, Geometry, GuideFrame, HintPoint

GEOMETRY = Geometry(64, 48)
CUTS = (0, 13, 61)
FRAMES = 90
SETTINGS = LiveSettings(
    geometry=GEOMETRY, transfer=13, model="tiny", client_name="test", search_frames=480, patience_seconds=60.0
)


def luma(number, variant=0):
    """Blocks of another scene after each cut, in motion."""
    scene = sum(cut <= number for cut in CUTS)
    blocks = np.random.default_rng((scene, variant)).integers(30, 220, (6, 8)).astype(np.uint16)
    return np.roll(np.kron(blocks, np.ones((8, 8), np.uint16)), abs(number % 10 - 5), axis=1) * np.uint16(257)


@pytest.fixture(scope="module")
def expected(tiny_server):
    """The colours of an unbroken run in order."""
    with closing(connect(ServerAddress.parse(tiny_server))) as client:
        request = OpenRequest(clip_key="expected", geometry=GEOMETRY, transfer=13, model="tiny")
        colours = []
        with client.open_clip(request) as stream:
            for number in range(FRAMES):
                stream.send(number, luma(number))
                colours.append(stream.receive().ab)
            stream.end()
    return colours


HINT = GuideFrame(FrameNumber(40), luma(40), hints=(HintPoint(0.25, 0.5, 0.1, 40.0, -30.0),))
GUIDED = replace(SETTINGS, shot_starts=(0,), guides=(HINT,), variant=2)


def guided_in_order(address):
    with closing(connect(ServerAddress.parse(address))) as client:
        settings = {"shot_starts": (0,), "guides": (HINT,), "variant": 2}
        request = OpenRequest(clip_key="guided", geometry=GEOMETRY, transfer=13, model="tiny", **settings)
        with client.open_clip(request) as stream:
            for number in range(FRAMES):
                stream.send(number, luma(number))
                yield stream.receive().ab
            stream.end()


@contextmanager
def opened(address, settings=SETTINGS, said=None):
    options = ServerOptions(address=ServerAddress.parse(address))
    say = (lambda text: None) if said is None else said.append
    with (
        closing(ServerConnection(options, say)) as connection,
        closing(LiveColours(connection, settings)) as colours,
    ):
        yield colours


def ask(colours, number, first=0, fetch=None, variant=0):
    return colours.colour(Asked(number, luma(number, variant), first), fetch)


def check(colours, numbers, expected, **more):
    """Ask for frames; final answers must be right. Returns the provisional ones."""
    provisional = []
    for number in numbers:
        colour = ask(colours, number, **more)
        if colour.verdict.is_final:
            assert np.array_equal(colour.ab, expected[number]), number
        else:
            assert colour.verdict.reason
            provisional.append(number)
    return provisional


def test_in_order_every_frame_is_final(tiny_server, expected):
    with opened(tiny_server) as colours:
        assert check(colours, range(FRAMES), expected) == []


def test_a_frame_that_is_asked_for_again_is_answered_again(tiny_server, expected):
    with opened(tiny_server) as colours:
        order = [0, 0, 1, 2, 2, 2, 1, 3, 3, 4]
        assert check(colours, order, expected) == []


def test_neighbours_that_swap_places_cost_only_what_came_too_early(tiny_server, expected):
    """The order of a host with three threads."""
    order = [1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 15, 14, 17, 18]
    with opened(tiny_server) as colours:
        # 13 begins a shot, and so does not need those before it.
        assert check(colours, order, expected) == [1, 16, 15]


def test_a_provisional_colour_becomes_final_when_its_past_is_known(tiny_server, expected):
    with opened(tiny_server) as colours:
        assert check(colours, [0, 1, 5, 5], expected) == [5, 5]
        assert check(colours, [2, 3, 4, 5, 6], expected) == []


def test_from_the_next_cut_on_everything_is_final(tiny_server, expected):
    with opened(tiny_server) as colours:
        assert check(colours, range(20, FRAMES), expected) == list(range(20, 61))
        assert check(colours, range(70, 80), expected) == []


def test_backwards_over_what_was_seen(tiny_server, expected):
    with opened(tiny_server) as colours:
        check(colours, range(FRAMES), expected)
        colours._kept = type(colours._kept)(0)
        assert check(colours, reversed(range(FRAMES)), expected) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_host_that_shows_other_frames_gets_final_colours_in_any_order(tiny_server, expected, seed):
    order = list(range(FRAMES))
    random.Random(seed).shuffle(order)
    with opened(tiny_server) as colours:
        assert check(colours, order, expected, fetch=luma) == []


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_asked_and_whatever_is_known_final_is_right(tiny_server, expected, seed):
    chosen = random.Random(seed)
    hidden = {chosen.randrange(FRAMES) for _ in range(chosen.randrange(20))}

    def fetch(number):
        return luma(number) if 0 <= number < FRAMES and number not in hidden else None

    with opened(tiny_server) as colours:
        position = 0
        for _ in range(60):
            position = chosen.choice([position, position + 1, position + 1, position + 1, chosen.randrange(FRAMES)])
            position = min(position, FRAMES - 1)
            check(colours, [position], expected, fetch=chosen.choice([fetch, None]))


def test_a_guided_shot_has_its_colours_in_any_order_and_where_its_past_is_not_known(tiny_server, expected):
    """The hint's spot has its colour in every frame, whoever began where."""
    wanted = list(guided_in_order(tiny_server))
    order = random.Random(3).sample(range(FRAMES), FRAMES)
    with opened(tiny_server, GUIDED) as colours:
        assert check(colours, order, wanted, fetch=luma) == []
    with opened(tiny_server, GUIDED) as colours:
        assert check(colours, [50, 0, 1, 2], wanted) == [50]
        assert np.array_equal(ask(colours, 50).ab[:, 24, 16], wanted[50][:, 24, 16])
    assert not np.array_equal(wanted[50][:, 24, 16], expected[50][:, 24, 16])


def test_what_was_shown_to_one_is_known_to_another(tiny_server):
    wanted = list(guided_in_order(tiny_server))
    with opened(tiny_server) as unguided, opened(tiny_server, GUIDED) as colours:
        for number in range(20):
            ask(unguided, number)
        colours.learn(unguided)
        assert check(colours, [20, 21], wanted) == []


def test_of_many_shots_with_guides_some_are_begun_again(tiny_server):
    """Five that take turns, of which three are kept."""
    options = ServerOptions(address=ServerAddress.parse(tiny_server))
    hints = [replace(HINT, hints=(HintPoint(0.25, 0.5, 0.1, 10.0 * each, 0.0),)) for each in range(5)]
    with (
        closing(ServerConnection(options, lambda text: None)) as connection,
        closing(GuidedLives(connection, SETTINGS)) as lives,
    ):
        assert lives.of(0, hints[:1]) is lives.of(0, hints[:1])
        for number in (3, 5, 4):
            for each, hint in enumerate(hints):
                colour = ask(lives.of(0, [hint]), number, fetch=luma)
                assert colour.verdict.is_final
                assert colour.ab[0, 24, 16] == 10 * each * 256


def test_numbers_may_be_negative(tiny_server, expected):
    with opened(tiny_server) as colours:
        for number in range(20):
            colour = colours.colour(Asked(number - 100, luma(number), -100), None)
            assert colour.verdict.is_final
            assert np.array_equal(colour.ab, expected[number])


def test_a_beginning_that_lies_too_far_back_is_not_looked_for(tiny_server, expected):
    asked = []

    def fetch(number):
        asked.append(number)
        return luma(number)

    settings = LiveSettings(geometry=GEOMETRY, transfer=13, model="tiny", client_name="test", search_frames=24)
    with opened(tiny_server, settings) as colours:
        assert check(colours, [60], expected, fetch=fetch) == [60]
        assert asked == list(range(59, 35, -1))
        assert check(colours, [30], expected, fetch=fetch) == []


def test_a_list_of_shots_is_obeyed(tiny_server, expected):
    starts = LiveSettings(
        geometry=GEOMETRY, transfer=13, model="tiny", client_name="test", search_frames=480, shot_starts=CUTS
    )
    whole = LiveSettings(
        geometry=GEOMETRY, transfer=13, model="tiny", client_name="test", search_frames=480, shot_starts=(0,)
    )
    with opened(tiny_server, starts) as colours:
        assert check(colours, [70, 12, 13, 40], expected, fetch=luma) == []
    with opened(tiny_server, whole) as colours:
        one = [ask(colours, number) for number in range(20)]
        assert all(colour.verdict.is_final for colour in one)
        assert np.array_equal(one[12].ab, expected[12])
        assert not np.array_equal(one[13].ab, expected[13])


def test_footage_that_changes_is_begun_anew(tiny_server, expected):
    with opened(tiny_server) as colours:
        check(colours, range(5), expected)
        assert not np.array_equal(ask(colours, 4, variant=1).ab, expected[4])
        assert colours.changed == 1
        assert check(colours, [4], expected) == [4], "its past is not that which was seen before"
        assert check(colours, range(5), expected) == []


def test_footage_that_changes_before_the_next_frame_is_noticed_if_the_host_can_show_it(tiny_server, expected):
    with opened(tiny_server) as colours:
        for number in range(5):
            ask(colours, number, variant=1)
        assert check(colours, [5, 6], expected, fetch=luma) == []
        assert colours.changed == 1


def test_a_guided_shot_goes_on_after_a_server_that_was_killed(tmp_path, start_server, tiny_server):
    wanted = list(guided_in_order(tiny_server))
    server = start_server("--state-dir", str(tmp_path / "state"))
    with opened(server.address, GUIDED) as colours:
        assert check(colours, range(50), wanted) == []
        server.stop(signal.SIGKILL)
        start_server("--state-dir", str(tmp_path / "state"), listen=server.address)
        assert check(colours, range(50, 60), wanted) == []


@pytest.mark.parametrize("states", ["kept", "lost"])
def test_a_server_that_is_killed_and_comes_back(tmp_path, start_server, expected, states):
    server = start_server("--state-dir", str(tmp_path / "state"))
    said = []
    with opened(server.address, said=said) as colours:
        assert check(colours, range(50), expected) == []
        server.stop(signal.SIGKILL)
        folder = tmp_path / ("state" if states == "kept" else "other")
        start_server("--state-dir", str(folder), listen=server.address)
        assert check(colours, range(50, FRAMES), expected) == []
    assert len(said) == 1


def test_a_server_that_stays_away(start_server, expected):
    server = start_server()
    with opened(server.address, replace(SETTINGS, patience_seconds=0.5)) as colours:
        check(colours, range(3), expected)
        server.stop(signal.SIGKILL)
        with pytest.raises(ServerUnreachableError):
            ask(colours, 3)
        Path(server.address.removeprefix("unix:")).unlink(missing_ok=True)
        start_server(listen=server.address)
        assert check(colours, [3, 4], expected) == []
