import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinemacolor.client.flight import Flight, FlightError


def test_window_is_full_until_the_answer_is_taken():
    flight = Flight(window=2, first_frame=5)
    flight.sent(5, pre_roll=False)
    flight.sent(6, pre_roll=False)
    assert flight.free == 0
    flight.answered(5)
    assert flight.free == 0
    flight.taken()
    assert flight.free == 1


def test_pre_roll_counts_until_it_is_consumed():
    flight = Flight(window=3, first_frame=0)
    for number in range(3):
        flight.sent(number, pre_roll=True)
    assert (flight.free, flight.waiting_for_server, flight.settled) == (0, 3, True)
    flight.consumed(1)
    assert flight.free == 2


def test_an_answer_implies_that_earlier_pre_roll_was_consumed():
    flight = Flight(window=3, first_frame=0)
    flight.sent(0, pre_roll=True)
    flight.sent(1, pre_roll=False)
    flight.answered(1)
    assert flight.waiting_for_server == 0


@pytest.mark.parametrize(("number", "message"), [(4, "next frame is 3"), (2, "next frame is 3")])
def test_sending_another_number_is_the_callers_mistake(number, message):
    flight = Flight(window=2, first_frame=3)
    with pytest.raises(ValueError, match=message):
        flight.sent(number, pre_roll=False)


def test_sending_beyond_the_window_is_the_callers_mistake():
    flight = Flight(window=1, first_frame=0)
    flight.sent(0, pre_roll=False)
    with pytest.raises(ValueError, match="1 frames are in flight"):
        flight.sent(1, pre_roll=False)


@pytest.mark.parametrize(
    ("answer", "message"), [(1, "answered frame 1, expected 0"), (7, "answered frame 7, expected 0")]
)
def test_an_answer_out_of_order_breaks_the_contract(answer, message):
    flight = Flight(window=2, first_frame=0)
    flight.sent(0, pre_roll=False)
    flight.sent(1, pre_roll=False)
    with pytest.raises(FlightError, match=message):
        flight.answered(answer)


def test_an_answer_nobody_asked_for_breaks_the_contract():
    with pytest.raises(FlightError, match="no frame waits"):
        Flight(window=2, first_frame=0).answered(0)


@given(st.lists(st.sampled_from(["send", "pre_roll", "answer", "take", "consume"]), max_size=200), st.integers(1, 8))
def test_what_is_held_never_exceeds_the_window(actions, window):
    flight, unanswered, untaken, pre_roll = Flight(window, 0), [], 0, []
    for action in actions:
        number = flight.next_frame
        if action in ("send", "pre_roll") and flight.free:
            flight.sent(number, pre_roll=action == "pre_roll")
            (pre_roll if action == "pre_roll" else unanswered).append(number)
        elif action == "answer" and unanswered:
            answered = unanswered.pop(0)
            flight.answered(answered)
            pre_roll = [frame for frame in pre_roll if frame > answered]
            untaken += 1
        elif action == "take" and untaken:
            flight.taken()
            untaken -= 1
        elif action == "consume" and pre_roll:
            flight.consumed(pre_roll.pop(0))
        assert flight.free == window - len(unanswered) - untaken - len(pre_roll) >= 0


def test_a_seek_goes_on_at_its_frame_or_before_it():
    flight = Flight(window=2, first_frame=0)
    flight.seeking(50)
    flight.consumed(49)
    assert (flight.next_frame, flight.sought) == (50, None)
    flight.seeking(80)
    flight.needed(72, 79)
    assert (flight.next_frame, flight.sought) == (72, None)
    flight.sent(72, pre_roll=True)


def test_nothing_goes_out_before_a_seek_is_answered():
    flight = Flight(window=2, first_frame=0)
    flight.seeking(50)
    for act in (lambda: flight.sent(0, pre_roll=False), lambda: flight.sent(50, pre_roll=False)):
        with pytest.raises(ValueError, match="seek to frame 50 is not answered"):
            act()
    with pytest.raises(ValueError, match="while answers are due"):
        flight.seeking(51)


@pytest.mark.parametrize("pre_roll", [True, False])
def test_a_seek_does_not_overtake_frames(pre_roll):
    flight = Flight(window=2, first_frame=0)
    flight.sent(0, pre_roll)
    with pytest.raises(ValueError, match="while answers are due"):
        flight.seeking(50)


@pytest.mark.parametrize("frames", [(40, 50), (40, 48), (50, 49), (-1, 49)])
def test_frames_that_do_not_lead_up_to_the_seek_break_the_contract(frames):
    flight = Flight(window=2, first_frame=0)
    flight.seeking(50)
    with pytest.raises(FlightError, match="seek to frame 50 was answered with frames"):
        flight.needed(*frames)


def test_progress_elsewhere_does_not_answer_a_seek():
    flight = Flight(window=2, first_frame=0)
    flight.seeking(50)
    with pytest.raises(FlightError, match="answered with frame 48"):
        flight.consumed(48)
