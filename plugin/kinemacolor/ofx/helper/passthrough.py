"""An effect that changes nothing: what the way of a picture costs, and whether it comes back as it was."""

from kinemacolor.ofx.helper.effect import HostAccess, Outcome, Picture
from kinemacolor.ofx.helper.protocol import Analyse, Changed, Hello, Render

__all__ = ["PassThrough"]


class PassThrough:
    """Every picture is finished as it comes."""

    def __init__(self, host: Hello) -> None:
        self._host = host

    def render(self, request: Render, picture: Picture, host: HostAccess) -> Outcome:
        """Leave it as it is."""
        return Outcome.final("passed through")

    def analyse(self, request: Analyse, host: HostAccess) -> Outcome:
        """There is nothing to analyse."""
        return Outcome.final()

    def changed(self, request: Changed, host: HostAccess) -> Outcome:
        """No parameter means anything."""
        return Outcome.final()

    def gone(self, instance: int) -> None:
        """Nothing was kept."""

    def close(self) -> None:
        """Nothing is open."""
