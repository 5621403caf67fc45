"""The clip machine without a server: events in, instructions compared."""

import pytest

from kinemacolor.server import events as ev
from kinemacolor.server.clip_machine import ClipMachine, InvalidTransitionError
from kinemacolor.server.events import ClipPhase
from kinemacolor.wire.reasons import ErrorReason


def luma(number: int) -> bytes:
    return b"luma %d" % number


def opened(*, window: int = 4, first: int = 0, shot_starts: tuple[int, ...] | None = None) -> ClipMachine:
    machine = ClipMachine(window=window, shot_starts=shot_starts)
    assert machine.handle(ev.StreamAttached(first)) == [ev.EmitOpened(first, resumed=False)]
    return machine


def without_saves(instructions: list[ev.Instruction]) -> list[ev.Instruction]:
    """Snapshots have tests of their own."""
    return [item for item in instructions if not isinstance(item, ev.SaveSnapshot)]


def seek(machine: ClipMachine, number: int, restored: ev.Restored | None = None) -> list[ev.Instruction]:
    """The answer to a seek, for which the shell finds this snapshot."""
    instructions = machine.handle(ev.SeekRequested(number))
    if instructions and isinstance(instructions[0], ev.FindSnapshot):
        return machine.handle(ev.SnapshotFound(instructions[0].generation, restored))
    return instructions


def run_frame(machine: ClipMachine, number: int, *, cut: bool = False, pre_roll: bool = False) -> list[ev.Instruction]:
    """One frame through both networks; returns what followed the step."""
    [propose] = machine.handle(ev.FrameArrived(number, luma(number), pre_roll))
    assert isinstance(propose, ev.RunPropose)
    [step] = machine.handle(ev.ProposalDone(number, propose.generation, f"proposal {number}", cut))
    assert isinstance(step, ev.RunStep)
    return without_saves(machine.handle(ev.StepDone(number, step.generation, f"state {number}", f"chroma {number}")))


def run_frames(machine: ClipMachine, numbers: range, cuts: tuple[int, ...] = ()) -> None:
    for number in numbers:
        run_frame(machine, number, cut=number in cuts)


def reason(instructions: list[ev.Instruction]) -> ErrorReason:
    return next(item.reason for item in instructions if isinstance(item, ev.RefuseStream))


def test_a_frame_is_proposed_stepped_from_nothing_and_answered() -> None:
    machine = opened()
    assert machine.handle(ev.FrameArrived(0, luma(0))) == [ev.RunPropose(0, 1, luma(0), None)]
    assert machine.handle(ev.ProposalDone(0, 1, "p", False)) == [ev.RunStep(0, 1, None, "p")]
    assert without_saves(machine.handle(ev.StepDone(0, 1, "s", "c"))) == [ev.EmitFrame(0, "c", shot=0)]


def test_a_step_gets_the_state_of_the_frame_before() -> None:
    machine = opened()
    run_frame(machine, 0)
    assert machine.handle(ev.FrameArrived(1, luma(1))) == [ev.RunPropose(1, 1, luma(1), luma(0))]
    assert machine.handle(ev.ProposalDone(1, 1, "p", False)) == [ev.RunStep(1, 1, "state 0", "p")]


def test_a_cut_resets_the_state() -> None:
    machine = opened()
    run_frame(machine, 0)
    machine.handle(ev.FrameArrived(1, luma(1)))
    assert machine.handle(ev.ProposalDone(1, 1, "p", True)) == [ev.RunStep(1, 1, None, "p")]
    assert without_saves(machine.handle(ev.StepDone(1, 1, "s", "c"))) == [ev.EmitFrame(1, "c", shot=1)]


def test_proposals_may_come_back_in_any_order_and_answers_do_not() -> None:
    machine = opened()
    for number in range(3):
        machine.handle(ev.FrameArrived(number, luma(number)))
    assert machine.handle(ev.ProposalDone(2, 1, "p2", False)) == []
    assert machine.handle(ev.ProposalDone(1, 1, "p1", False)) == []
    assert machine.handle(ev.ProposalDone(0, 1, "p0", False)) == [ev.RunStep(0, 1, None, "p0")]
    emitted, step = without_saves(machine.handle(ev.StepDone(0, 1, "s0", "c0")))
    assert (emitted, step) == (ev.EmitFrame(0, "c0", 0), ev.RunStep(1, 1, "s0", "p1"))


def test_pre_roll_is_consumed_and_not_answered() -> None:
    assert run_frame(opened(), 0, pre_roll=True) == [ev.EmitProgress(0, shot=0)]


def test_work_that_has_to_wait_is_a_sign_of_life_and_changes_nothing() -> None:
    machine = opened()
    assert machine.handle(ev.WorkWaits(1)) == [], "nothing waits any more"
    for number in range(2):
        machine.handle(ev.FrameArrived(number, luma(number), pre_roll=number == 1))
    machine.handle(ev.ProposalDone(0, 1, "p", False))
    assert machine.handle(ev.WorkWaits(1)) == [ev.EmitProgress(-1)], "before the oldest frame, which is not done"
    assert machine.handle(ev.WorkWaits(0)) == [], "of a line that is broken"
    assert machine.handle(ev.SeekRequested(1)) == []
    assert machine.handle(ev.WorkWaits(1)) == [], "it would be taken for the answer to the seek"
    assert without_saves(machine.handle(ev.StepDone(0, 1, "s", "c")))[0] == ev.EmitFrame(0, "c", 0)


@pytest.mark.parametrize("number", [0, 3, 7])
def test_another_number_than_the_expected_one_is_refused_with_it(number: int) -> None:
    machine = opened()
    run_frames(machine, range(2))
    [refusal] = machine.handle(ev.FrameArrived(number, b"other"))
    assert isinstance(refusal, ev.RefuseStream)
    assert (refusal.reason, refusal.expected) == (ErrorReason.OUT_OF_ORDER, 2)


def test_the_last_frame_sent_twice_is_ignored_only_with_the_same_luma() -> None:
    machine = opened()
    run_frames(machine, range(2))
    assert machine.handle(ev.FrameArrived(1, luma(1))) == []
    assert reason(machine.handle(ev.FrameArrived(1, b"changed"))) is ErrorReason.OUT_OF_ORDER


def test_one_frame_more_than_the_window_is_refused_and_the_clip_lives_on() -> None:
    machine = opened(window=2)
    for number in range(2):
        machine.handle(ev.FrameArrived(number, luma(number)))
    assert reason(machine.handle(ev.FrameArrived(2, luma(2)))) is ErrorReason.WINDOW_EXCEEDED
    assert machine.phase is ClipPhase.DETACHED
    assert machine.handle(ev.StreamAttached(0)) == [ev.EmitOpened(0, resumed=False)]


def test_end_waits_for_the_frames_before_it() -> None:
    machine = opened()
    machine.handle(ev.FrameArrived(0, luma(0)))
    assert machine.handle(ev.EndRequested()) == []
    machine.handle(ev.ProposalDone(0, 1, "p", False))
    assert without_saves(machine.handle(ev.StepDone(0, 1, "s", "c"))) == [
        ev.EmitFrame(0, "c", 0),
        ev.EmitEnded(frames_answered=1, shots=1),
        ev.ReleaseClip(),
    ]
    assert machine.phase is ClipPhase.CLOSED


def test_an_empty_clip_ends_well() -> None:
    assert opened().handle(ev.EndRequested()) == [ev.EmitEnded(0, 0), ev.ReleaseClip()]


@pytest.mark.parametrize("event", [ev.FrameArrived(1, b"x"), ev.EndRequested(), ev.SeekRequested(0), ev.ShotChanged(1)])
def test_anything_after_end_is_refused(event: ev.Event) -> None:
    machine = opened()
    machine.handle(ev.FrameArrived(0, luma(0)))
    machine.handle(ev.EndRequested())
    assert reason(machine.handle(event)) is ErrorReason.AFTER_END


def test_a_lost_stream_is_resumed_at_any_of_the_last_frames() -> None:
    machine = opened(window=4)
    run_frames(machine, range(10))
    for first in (10, 8, 6):
        machine.handle(ev.StreamLost())
        assert machine.handle(ev.StreamAttached(first)) == [ev.EmitOpened(first, resumed=True)]
        [propose] = machine.handle(ev.FrameArrived(first, luma(first)))
        assert propose.previous_luma == luma(first - 1)
        [step] = machine.handle(ev.ProposalDone(first, propose.generation, "p", False))
        assert step.state == f"state {first - 1}"


def test_what_is_older_than_the_window_cannot_be_resumed() -> None:
    machine = opened(window=2)
    run_frames(machine, range(10))
    machine.handle(ev.StreamLost())
    assert machine.handle(ev.StreamAttached(3)) == [ev.EmitOpened(3, resumed=False)]
    [propose] = machine.handle(ev.FrameArrived(3, luma(3)))
    assert propose.previous_luma is None


def test_restart_drops_the_state() -> None:
    machine = opened()
    run_frames(machine, range(3))
    machine.handle(ev.StreamLost())
    assert machine.handle(ev.StreamAttached(3, restart=True)) == [ev.EmitOpened(3, resumed=False)]
    assert machine.states == ()


def test_work_of_a_lost_stream_changes_nothing() -> None:
    machine = opened()
    run_frame(machine, 0)
    machine.handle(ev.FrameArrived(1, luma(1)))
    machine.handle(ev.StreamLost())
    assert machine.handle(ev.ProposalDone(1, 1, "p", False)) == []
    machine.handle(ev.StreamAttached(1))
    assert machine.handle(ev.StepDone(1, 1, "stale", "stale")) == []
    assert machine.expected == 1
    assert machine.states == ("state 0",)


def test_frames_lost_before_the_first_answer_are_expected_again() -> None:
    machine = opened(first=5)
    machine.handle(ev.FrameArrived(5, luma(5)))
    machine.handle(ev.StreamLost())
    assert machine.expected == 5


def test_a_failed_network_fails_the_frame_and_the_clip_aloud() -> None:
    machine = opened()
    machine.handle(ev.FrameArrived(0, luma(0)))
    assert machine.handle(ev.WorkFailed(0, 1, ErrorReason.OUT_OF_MEMORY, "full")) == [
        ev.EmitFrameError(0, ErrorReason.OUT_OF_MEMORY, "full"),
        ev.RefuseStream(ErrorReason.OUT_OF_MEMORY, "full"),
        ev.ReleaseClip(),
    ]


def test_a_failed_frame_waits_for_those_before_it() -> None:
    machine = opened()
    machine.handle(ev.FrameArrived(0, luma(0)))
    machine.handle(ev.FrameArrived(1, luma(1)))
    assert machine.handle(ev.WorkFailed(1, 1, ErrorReason.STEP_FAILED, "bad")) == []
    assert machine.handle(ev.ProposalDone(0, 1, "p", False)) == [ev.RunStep(0, 1, None, "p")]
    assert without_saves(machine.handle(ev.StepDone(0, 1, "s", "c"))) == [
        ev.EmitFrame(0, "c", 0),
        ev.EmitFrameError(1, ErrorReason.STEP_FAILED, "bad"),
        ev.RefuseStream(ErrorReason.STEP_FAILED, "bad"),
        ev.ReleaseClip(),
    ]


def test_the_clients_word_makes_a_shot_without_detection() -> None:
    machine = opened()
    run_frame(machine, 0)
    assert machine.handle(ev.ShotChanged(1)) == []
    assert machine.handle(ev.FrameArrived(1, luma(1))) == [ev.RunPropose(1, 1, luma(1), None)]
    assert machine.handle(ev.ProposalDone(1, 1, "p", False)) == [ev.RunStep(1, 1, None, "p")]


def test_a_boundary_at_another_frame_than_the_next_is_refused() -> None:
    assert reason(opened().handle(ev.ShotChanged(1))) is ErrorReason.OUT_OF_ORDER


def test_an_edit_list_replaces_detection() -> None:
    machine = opened(shot_starts=(0, 2))
    run_frames(machine, range(2))
    assert machine.handle(ev.FrameArrived(2, luma(2))) == [ev.RunPropose(2, 1, luma(2), None)]
    [step] = machine.handle(ev.ProposalDone(2, 1, "p", False))
    assert step.state is None


def test_a_seek_to_a_kept_state_is_answered_with_progress() -> None:
    machine = opened(window=4)
    run_frames(machine, range(6))
    assert machine.handle(ev.SeekRequested(4)) == [ev.EmitProgress(3)]
    [propose] = machine.handle(ev.FrameArrived(4, luma(4)))
    [step] = machine.handle(ev.ProposalDone(4, propose.generation, "p", False))
    assert step.state == "state 3"


def test_a_seek_back_asks_for_its_shot_from_the_start() -> None:
    machine = opened(window=2)
    run_frames(machine, range(12), cuts=(5,))
    assert seek(machine, 8) == [ev.EmitNeedFrames(5, 7)]
    [propose] = machine.handle(ev.FrameArrived(5, luma(5), pre_roll=True))
    [step] = machine.handle(ev.ProposalDone(5, propose.generation, "p", False))
    assert step.state is None


def test_a_seek_to_a_shot_start_needs_nothing() -> None:
    machine = opened(window=2)
    run_frames(machine, range(12), cuts=(5,))
    assert machine.handle(ev.SeekRequested(5)) == [ev.EmitProgress(4)]


def test_a_seek_ahead_asks_for_what_lies_between() -> None:
    machine = opened()
    run_frames(machine, range(3))
    assert seek(machine, 6) == [ev.EmitNeedFrames(3, 5)]


def test_a_seek_right_after_the_start_asks_for_what_lies_between() -> None:
    assert seek(opened(first=5), 9) == [ev.EmitNeedFrames(5, 8)]


def test_a_seek_before_everything_that_was_seen_is_refused() -> None:
    machine = opened(first=100, window=2)
    run_frames(machine, range(100, 110))
    assert reason(seek(machine, 50)) is ErrorReason.SHOT_UNKNOWN


def test_a_seek_waits_for_the_frames_before_it_and_refuses_those_behind_it() -> None:
    machine = opened()
    machine.handle(ev.FrameArrived(0, luma(0)))
    assert machine.handle(ev.SeekRequested(0)) == []
    assert machine.phase is ClipPhase.SEEKING
    machine.handle(ev.ProposalDone(0, 1, "p", False))
    done = machine.handle(ev.StepDone(0, 1, "s", "c"))
    assert without_saves(done) == [ev.EmitFrame(0, "c", 0), ev.EmitProgress(-1)]
    machine.handle(ev.FrameArrived(0, luma(0)))
    machine.handle(ev.SeekRequested(0))
    assert reason(machine.handle(ev.FrameArrived(1, luma(1)))) is ErrorReason.OUT_OF_ORDER


def test_an_eviction_ends_the_stream_and_frees_the_states() -> None:
    machine = opened()
    run_frames(machine, range(3))
    assert machine.handle(ev.Evicted("why")) == [ev.RefuseStream(ErrorReason.EVICTED, "why"), ev.ReleaseClip()]
    assert machine.states == ()


def test_states_are_bounded_by_the_window() -> None:
    machine = opened(window=3)
    run_frames(machine, range(50))
    assert machine.states == tuple(f"state {number}" for number in range(46, 50))


def test_an_event_of_the_wrong_phase_is_the_servers_fault_and_changes_nothing() -> None:
    machine = ClipMachine(window=2)
    with pytest.raises(InvalidTransitionError, match="FrameArrived in phase DETACHED"):
        machine.handle(ev.FrameArrived(0, b""))
    assert machine.phase is ClipPhase.DETACHED


def saves(machine: ClipMachine, numbers: range, cuts: tuple[int, ...] = ()) -> list[tuple[int, int, object]]:
    """Snapshots that these frames make the machine ask for: where it goes on, of which shot, with which state."""
    wanted: list[ev.Instruction] = []
    for number in numbers:
        [propose] = machine.handle(ev.FrameArrived(number, luma(number)))
        [step] = machine.handle(ev.ProposalDone(number, propose.generation, "p", number in cuts))
        wanted += machine.handle(ev.StepDone(number, step.generation, f"state {number}", "c"))
    found = [item for item in wanted if isinstance(item, ev.SaveSnapshot)]
    assert all(save.luma == (luma(save.next_frame - 1) if save.state else b"") for save in found)
    return [(save.next_frame, save.shot_start, save.state) for save in found]


def test_a_snapshot_is_wanted_at_shot_starts_and_every_24_frames_of_a_shot() -> None:
    assert saves(opened(), range(60), cuts=(30,)) == [
        (0, 0, None),
        (24, 0, "state 23"),
        (30, 30, None),
        (54, 30, "state 53"),
    ]


RESTORED = ev.Restored(next_frame=24, shot_start=0, state="state 23", luma=luma(23))


@pytest.mark.parametrize(("frames", "resume_from"), [(0, 24), (20, 24), (29, 29)])
def test_a_stream_goes_on_from_the_later_of_what_is_kept_and_what_was_read_back(frames: int, resume_from: int) -> None:
    machine = opened()
    run_frames(machine, range(frames))
    machine.handle(ev.StreamLost())
    assert machine.handle(ev.StreamAttached(30, False, 0, RESTORED)) == [ev.EmitOpened(resume_from, True)]
    machine.handle(ev.FrameArrived(resume_from, luma(resume_from), pre_roll=True))
    [step] = machine.handle(ev.ProposalDone(resume_from, machine.generation, "p", False))
    assert step.state == f"state {resume_from - 1}"


def test_what_is_found_for_a_seek_that_nobody_waits_for_is_dropped() -> None:
    machine = opened(window=2)
    run_frames(machine, range(40))
    [search] = machine.handle(ev.SeekRequested(30))
    machine.handle(ev.StreamLost())
    assert machine.handle(ev.SnapshotFound(search.generation, RESTORED)) == []
    assert machine.states[-1] == "state 39"


def test_a_clip_that_is_put_away_leaves_its_oldest_and_its_newest_state() -> None:
    machine = opened(window=2)
    run_frames(machine, range(10))
    machine.handle(ev.StreamLost())
    *kept, release = machine.handle(ev.Evicted("room", keeps_snapshots=True))
    assert [(save.next_frame, save.state) for save in kept] == [(8, "state 7"), (10, "state 9")]
    assert release == ev.ReleaseClip()
