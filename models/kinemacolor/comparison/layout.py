"""How cells of one size are laid out on a screen. Pure."""

import math
from dataclasses import dataclass

__all__ = ["Grid", "grid_of"]

_SCREEN = 16 / 9
_EMPTY_PENALTY = 0.5  # one empty cell of two counts as much as a shape that is 1.3 times too wide


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns and rows of cells of one size with gaps between them."""

    columns: int
    rows: int
    cell_width_px: int
    cell_height_px: int
    gap_px: int

    @property
    def width_px(self) -> int:
        """Of the whole, even."""
        return _even(self.columns * (self.cell_width_px + self.gap_px) - self.gap_px)

    @property
    def height_px(self) -> int:
        """Of the whole, even."""
        return _even(self.rows * (self.cell_height_px + self.gap_px) - self.gap_px)

    def corner(self, number: int) -> tuple[int, int]:
        """Left and top of a cell, counted line by line from 0."""
        row, column = divmod(number, self.columns)
        return column * (self.cell_width_px + self.gap_px), row * (self.cell_height_px + self.gap_px)


def grid_of(cells: int, cell_width_px: int, cell_height_px: int, gap_px: int) -> Grid:
    """The grid whose shape is nearest to a screen's, 16:9, with few empty cells."""

    def badness(grid: Grid) -> float:
        empty = (grid.columns * grid.rows - cells) / cells
        return abs(math.log(grid.width_px / grid.height_px / _SCREEN)) + _EMPTY_PENALTY * empty

    choices = (Grid(c, math.ceil(cells / c), cell_width_px, cell_height_px, gap_px) for c in range(1, cells + 1))
    return min(choices, key=badness)


def _even(side: int) -> int:
    return side + side % 2
