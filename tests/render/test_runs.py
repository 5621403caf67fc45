import random

from kinemacolor.render.runs import IndexRuns, Run


def test_nothing_is_there():
    assert IndexRuns().missing(None) == [Run(0, None)]
    assert IndexRuns().missing(3) == [Run(0, 2)]
    assert IndexRuns().missing(0) == []


def test_any_order_gives_the_same_runs_as_a_set():
    chosen = random.Random(7)
    for _ in range(50):
        indices = chosen.choices(range(24), k=chosen.randrange(30))
        runs = IndexRuns()
        for index in indices:
            runs.add(index)
        gaps = [index for run in runs.missing(24) for index in range(run.first, (run.last or 0) + 1)]
        assert gaps == sorted(set(range(24)) - set(indices))
        assert all((index in runs) == (index in indices) for index in range(24))


def test_gaps_are_runs_and_the_last_one_is_open():
    runs = IndexRuns()
    for index in (4, 1, 0, 5):
        runs.add(index)
    assert runs.missing(None) == [Run(2, 3), Run(6, None)]
    assert runs.missing(6) == [Run(2, 3)]
