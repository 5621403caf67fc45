from kinemacolor.server.rates import RateMeter


def test_nothing_has_happened() -> None:
    assert RateMeter().per_second(5.0) == 0


def test_a_steady_rate_is_measured_from_its_start_and_forgotten_after_its_end() -> None:
    meter = RateMeter()
    for tick in range(400):
        meter.note(100 + tick / 20)
    assert abs(meter.per_second(120) - 20) <= 2
    assert meter.per_second(131) == 0


def test_the_first_seconds_are_no_underestimate() -> None:
    meter = RateMeter()
    for tick in range(60):
        meter.note(50 + tick / 20)
    assert abs(meter.per_second(53) - 20) <= 1


def test_it_takes_little_room() -> None:
    meter = RateMeter()
    for tick in range(100_000):
        meter.note(tick / 10)
    assert len(meter._counts) <= 11
