import pytest

from kinemacolor.training.one_cycle import Phase, one_cycle, phase_ends, place_in

PHASES = (
    Phase(passes=1.0, side_px=64, count=10, rate=1e-3, first_rate=1e-5),
    Phase(passes=0.5, side_px=96, count=5, rate=1e-4),
)


@pytest.mark.parametrize(
    ("share", "rise", "expected"),
    [(0.0, 0.3, (0.04, 0.95)), (0.3, 0.3, (1.0, 0.85)), (1.0, 0.3, (4e-6, 0.95)), (0.0, 0.0, (1.0, 0.85))],
)
def test_rate_and_momentum_at_the_corners(share: float, rise: float, expected: tuple[float, float]) -> None:
    assert one_cycle(share, rise) == pytest.approx(expected)


def test_the_rate_rises_then_falls() -> None:
    rates = [one_cycle(step / 50, 0.3)[0] for step in range(51)]
    top = rates.index(max(rates))
    assert top == 15
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_phases_are_as_long_as_their_passes_or_share_the_steps_out() -> None:
    assert phase_ends(PHASES, photos=100) == [10, 20]
    assert phase_ends(PHASES, photos=100, steps=6) == [3, 6]


def test_a_step_has_its_place() -> None:
    ends = phase_ends(PHASES, photos=100)
    places = [(place.phase, place.share) for place in (place_in(PHASES, ends, step) for step in (0, 5, 10, 20))]
    assert places == [(PHASES[0], 0.0), (PHASES[0], 0.5), (PHASES[1], 0.0), (PHASES[1], 1.0)]


def test_rates_go_by_equal_factors_from_the_first_layers_to_the_last() -> None:
    assert PHASES[0].rates(3) == pytest.approx([1e-5, 1e-4, 1e-3])
    assert PHASES[1].rates(3) == [1e-4] * 3
    assert PHASES[0].rates(1) == [1e-3]
