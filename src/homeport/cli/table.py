"""Tables that fit the terminal: what matters least leaves first, and no cell ever wraps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homeport.cli.terminal import Terminal

if TYPE_CHECKING:
    from rich.text import Text

GAP = 2  # spaces between columns
LEAST = 12  # cells below which a flexible column is not worth showing


@dataclass(frozen=True)
class Column:
    """One column: ``rank`` 0 always stays; of the others the highest leaves first. ``flexible`` may be cut short."""

    title: str
    rank: int = 0
    flexible: bool = False
    right: bool = False


def fit(columns: Sequence[Column], wanted: Sequence[int], width: int) -> list[tuple[int, int]]:
    """Choose the columns that fit ``width`` and how wide each is, as (index, cells).

    ``wanted`` holds the cells that each column would fill. Empty columns are left out.
    """
    kept = [index for index in range(len(columns)) if wanted[index]]
    while True:
        least = sum(_least(columns[index], wanted[index]) for index in kept) + GAP * max(0, len(kept) - 1)
        removable = [index for index in kept if columns[index].rank]
        if least <= width or not removable:
            break
        kept.remove(max(removable, key=lambda index: (columns[index].rank, index)))
    cells = {index: _least(columns[index], wanted[index]) for index in kept}
    spare = width - sum(cells.values()) - GAP * max(0, len(kept) - 1)
    for index in kept:
        more = min(max(spare, 0), wanted[index] - cells[index])
        cells[index] += more
        spare -= more
    return [(index, cells[index]) for index in kept]


def _least(column: Column, wanted: int) -> int:
    return min(wanted, LEAST) if column.flexible else wanted


def print_table(terminal: Terminal, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of rich markup under their titles on standard output."""
    for line in table_lines(terminal, columns, rows):
        terminal.out.print(line, soft_wrap=True)


def table_lines(terminal: Terminal, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[Text]:
    """The same as lines, for live displays."""
    from rich.text import Text

    cells = [[Text.from_markup(cell, emoji=False) for cell in row] for row in rows]
    wanted = [
        max((row[index].cell_len for row in cells), default=0)
        and max(len(column.title), *(r[index].cell_len for r in cells))
        for index, column in enumerate(columns)
    ]
    chosen = fit(columns, wanted, terminal.out.width)
    head = [Text(column.title, style="dim") for column in columns]
    return [_line(row, columns, chosen, terminal.symbols.ellipsis) for row in (head, *cells)]


def _line(row: Sequence[Text], columns: Sequence[Column], chosen: Sequence[tuple[int, int]], ellipsis: str) -> Text:
    from rich.text import Text

    line = Text()
    for position, (index, width) in enumerate(chosen):
        cell = _cut(row[index], width, ellipsis)
        fill = " " * (width - cell.cell_len)
        if position:
            line.append(" " * GAP)
        if columns[index].right:
            line.append(fill)
        line.append_text(cell)
        if not columns[index].right:
            line.append(fill)
    line.rstrip()
    return line


def _cut(cell: Text, width: int, ellipsis: str) -> Text:
    if cell.cell_len <= width:
        return cell
    cut = cell.copy()
    cut.truncate(max(0, width - len(ellipsis)))
    cut.rstrip()
    return cut.append(ellipsis)
