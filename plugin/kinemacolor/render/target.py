"""Under which name the film is written until it is known to be whole.

Without --keep-going that is the sink's own hidden file, which vanishes if anything fails. With it, a film whose input
broke off is kept as `NAME.partial.EXT`, a complete file that ends where the input did; `NAME.EXT` appears only if the
input was whole. Pictures of a sequence are whole one by one, so nothing is done for them.
"""

import os
from dataclasses import replace
from pathlib import Path

from kinemacolor.media.errors import OutputError
from kinemacolor.media.types import OutputPlan


class Target:
    """The final name and the name until then."""

    def __init__(self, plan: OutputPlan, keep_going: bool) -> None:
        self._final = plan.path
        self._overwrite = plan.overwrite
        self._is_kept = keep_going and plan.container != "sequence"
        path = partial_path(plan.path) if self._is_kept else plan.path
        self.plan = replace(plan, path=path, overwrite=plan.overwrite or self._is_kept)
        """What the sink is opened with."""

    @property
    def partial(self) -> Path | None:
        """Where an incomplete film is kept, or None if it is not."""
        return self.plan.path if self._is_kept else None

    def publish(self) -> None:
        """Give a finished film its name.

        Raises:
            OutputError: The name was taken meanwhile, or the file system failed; the film is kept as partial then.
        """
        if not self._is_kept:
            return
        try:
            if self._overwrite:
                os.replace(self.plan.path, self._final)
            else:
                # A link, unlike a rename, fails if somebody made the name meanwhile.
                os.link(self.plan.path, self._final)
                os.unlink(self.plan.path)
        except OSError as error:
            raise OutputError(f"{self._final}: {error.strerror}; the film is in {self.plan.path}") from error


def partial_path(path: Path) -> Path:
    """`film.mov` -> `film.partial.mov`."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")
