"""Good messages of a client: what mutated ones are made of."""

from streams import END, HEIGHT, WIDTH, Request, frame, guide, open_clip

from kinemacolor.v1 import colorize_pb2 as pb

HINT = pb.Hint(x=0.5, y=0.25, radius=0.1, a=20, b=-30)
EDIT_LIST = {"shot_source": pb.SHOT_SOURCE_EDIT_LIST, "edit_list": pb.EditList(shot_starts=[0, 24, 300])}


def requests() -> tuple[Request, ...]:
    """One of each kind, and the OpenClip with everything in it."""
    return (
        open_clip(),
        open_clip("reel-1:a", guide_count=2, variant=3, first_frame=40, earliest_frame=24, **EDIT_LIST),
        open_clip("x" * 128, restart=True, want_confidence=True, client_name="a client", priority=1),
        frame(7),
        frame(8, pre_roll=True),
        guide(3, hints=[HINT]),
        guide(30, ab=(20, -10), hints=[HINT, HINT]),
        Request(seek=pb.Seek(frame_number=5)),
        Request(shot_boundary=pb.ShotBoundary(frame_number=9)),
        END,
    )


def corpus() -> list[bytes]:
    """Of the same messages, those with planes cut to the tests' size."""
    return [request.SerializeToString() for request in requests()]


SAMPLES = WIDTH * HEIGHT
