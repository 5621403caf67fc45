"""Clients as `kinemacolor render` has them, each with its own connection, in threads of the test."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from film import Film
from streams import HEIGHT, WIDTH

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import connect
from kinemacolor.client.errors import ClientError
from kinemacolor.client.lasting_stream import LastingStream, Recovery
from kinemacolor.client.reconnect import ReconnectPolicy
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.frame import Geometry

IN_FLIGHT = 4
PATIENCE = ReconnectPolicy(patience_seconds=240)


class Connection:
    """Connects again when a stream broke, as a render does."""

    def __init__(self, address: str) -> None:
        self._address = ServerAddress.parse(address)
        self._client = connect(self._address)

    def open_clip(self, request: OpenRequest, broken_by: ClientError | None, /) -> ClipStream:
        if broken_by is not None:
            self._client.close()
            self._client = connect(self._address)
        return self._client.open_clip(request)

    def close(self) -> None:
        self._client.close()


@dataclass
class Lasting:
    """One clip, in a thread; its colours, and when it came back."""

    address: str
    film: Film
    key: str
    may_go_on: Callable[["Lasting"], bool]
    """Asked before each frame; may wait."""
    colours: dict[int, str] = field(default_factory=dict)
    recoveries: list[tuple[float, Recovery]] = field(default_factory=list)
    """With the time on the monotonic clock."""
    sent: int = 0
    error: BaseException | None = None

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=self.key)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            connection = Connection(self.address)
            try:
                self._play(connection)
            finally:
                connection.close()
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.error = error

    def _play(self, connection: Connection) -> None:
        geometry, transfer = Geometry(WIDTH, HEIGHT), pb.TRANSFER_SRGB
        request = OpenRequest(clip_key=self.key, geometry=geometry, transfer=transfer, model="tiny")
        with LastingStream(connection.open_clip, request, policy=PATIENCE, on_recovery=self._note_recovery) as stream:
            while self.may_go_on(self):
                plane = np.frombuffer(self.film.luma(self.sent), "<u2").reshape(HEIGHT, WIDTH)
                stream.send(self.sent, plane)
                self.sent += 1
                if self.sent - len(self.colours) > IN_FLIGHT:
                    self._take(stream)
            while len(self.colours) < self.sent:
                self._take(stream)
            assert stream.end().frames_answered == self.sent

    def _note_recovery(self, recovery: Recovery) -> None:
        self.recoveries.append((time.monotonic(), recovery))

    def _take(self, stream: LastingStream) -> None:
        planes = stream.receive()
        assert planes is not None
        assert planes.frame_number == len(self.colours)
        self.colours[planes.frame_number] = hashlib.sha256(planes.ab.tobytes()).hexdigest()
