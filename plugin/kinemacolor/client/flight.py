"""Which frames of a clip are in flight: the client's half of the contract, without threads, sockets or clock.

Rules (from colorize.proto): numbers go out one after the other from `resume_from`; at most `window` frames are
unanswered; an answer names the oldest frame that waits for one; pre-roll frames are never answered and count until
`progress` reports them consumed. A seek goes out when nothing is in flight, and nothing goes out until it is answered.
"""

from collections import deque


class FlightError(Exception):
    """An answer that the contract does not allow. The text is for ServerFaultError."""


class Flight:
    """The frames of one stream between `sent` and `taken`.

    A frame occupies the window until the caller has taken its answer, not only until the answer has arrived: so the
    answers that wait here are bounded by the window too.
    """

    def __init__(self, window: int, first_frame: int) -> None:
        self.window = window
        self.next_frame = first_frame
        self._unanswered: deque[int] = deque()
        self._pre_roll: deque[int] = deque()
        self._untaken = 0
        self.sought: int | None = None
        """The frame of a seek that is not answered yet."""

    @property
    def free(self) -> int:
        """Frames that may be sent now."""
        return self.window - len(self._unanswered) - len(self._pre_roll) - self._untaken

    @property
    def waiting_for_server(self) -> int:
        """Frames whose answer or consumption the server owes."""
        return len(self._unanswered) + len(self._pre_roll)

    def sent(self, number: int, pre_roll: bool) -> None:
        """Note that a frame goes out.

        Raises:
            ValueError: The window is full or the number is not the next one: the caller's mistake.
        """
        if self.sought is not None:
            raise ValueError(f"the seek to frame {self.sought} is not answered yet")
        if number != self.next_frame:
            raise ValueError(f"the next frame is {self.next_frame}, found {number}")
        if self.free < 1:
            raise ValueError(f"{self.window} frames are in flight already")
        (self._pre_roll if pre_roll else self._unanswered).append(number)
        self.next_frame = number + 1

    def answered(self, number: int) -> None:
        """Note that an answer has arrived.

        Raises:
            FlightError: It is not the answer to the oldest unanswered frame.
        """
        if not self._unanswered:
            raise FlightError(f"the server answered frame {number}, but no frame waits for an answer")
        if number != self._unanswered[0]:
            raise FlightError(f"the server answered frame {number}, expected {self._unanswered[0]}")
        self._unanswered.popleft()
        self._untaken += 1
        # An answer implies that the server has consumed every frame before it.
        self.consumed(number)

    def taken(self) -> None:
        """Note that the caller has taken the oldest answer."""
        self._untaken -= 1

    def seeking(self, number: int) -> None:
        """Note that a seek goes out.

        Raises:
            ValueError: Frames are in flight, or another seek is: the caller's mistake.
        """
        if self.waiting_for_server or self.sought is not None:
            raise ValueError(f"cannot seek to frame {number} while answers are due")
        self.sought = number

    def needed(self, first: int, last: int) -> None:
        """Note that the server wants frames before the one that is sought.

        Raises:
            FlightError: Nobody sought, or the frames do not lead up to it.
        """
        if self.sought is None:
            raise FlightError("need_frames was not asked for")
        if not 0 <= first <= last == self.sought - 1:
            raise FlightError(f"the seek to frame {self.sought} was answered with frames {first} to {last}")
        self.next_frame, self.sought = first, None

    def consumed(self, through: int) -> None:
        """Note that the server has consumed its pre-roll up to and including a frame, or has its state there.

        Raises:
            FlightError: It answers a seek, and names another frame.
        """
        if self.sought is not None:
            if through != self.sought - 1:
                raise FlightError(f"the seek to frame {self.sought} was answered with frame {through}")
            self.next_frame, self.sought = self.sought, None
        while self._pre_roll and self._pre_roll[0] <= through:
            self._pre_roll.popleft()

    @property
    def settled(self) -> bool:
        """True if no frame waits for its answer."""
        return not self._unanswered
