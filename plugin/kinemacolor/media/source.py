"""The one shape of everything that can be read: files, image sequences, deinterlaced films."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from kinemacolor.media.types import SourceFrame, SourceInfo, TrackPacket

__all__ = ["Item", "Source"]

Item = SourceFrame | TrackPacket


class Source(ABC):
    """A film that is open: `info`, then one iteration over its frames and packets. A context manager."""

    info: SourceInfo

    @abstractmethod
    def __iter__(self) -> Iterator[Item]:
        """Frames in presentation order, and packets of the other tracks between them. Once only."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file. Frames that were handed out stay valid."""

    def stream(self, track_index: int) -> Any:
        """The av stream behind a track of `info.tracks`, the template for copying it; opaque to all but the writer.

        Raises:
            KeyError: no such track.
        """
        raise KeyError(track_index)

    def chapters(self) -> list[Any]:
        """Chapters as `av.container.OutputContainer.set_chapters` takes them."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
