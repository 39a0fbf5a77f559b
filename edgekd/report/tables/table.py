"""What a table is, whoever renders it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Literal

from edgekd.report.tables.columns import Role
from edgekd.report.units import MISSING

State = Literal[
    "",
    "invalid",
    "not available",
    "not run",
    "over budget",
    "best",
    "chosen",
    "reference",
    "trial",
    "not trained",
    "stopped",
]
Tone = Literal["good", "plain", "bad"]

NOT_AVAILABLE: Final = "not available"
# What a cell may hold instead of a figure.
NO_FIGURE = frozenset({MISSING, NOT_AVAILABLE})

_TONES: dict[State, Tone] = {
    "best": "good",
    "chosen": "good",
    "reference": "plain",
    "trial": "plain",
    "not run": "plain",
    "not trained": "plain",
    "stopped": "plain",
}


@dataclass(frozen=True)
class Column:
    """A heading; columns of one group stand side by side. A digest may be shown by its start.

    ``made`` says how every figure in the column was made; it stands in each of its cells.
    """

    heading: str
    group: str = ""
    role: Role = "figure"
    made: str = ""

    def made_beside(self, text: str) -> str:
        """What stands beside a cell's text; nothing where the cell holds no figure."""
        return "" if text in NO_FIGURE else self.made


@dataclass(frozen=True)
class Row:
    """Cells from left to right, the first one names the row.

    ``note`` says why the row is in its ``state``. A row that is not available may have fewer cells
    than there are columns.
    """

    cells: list[str]
    state: State = ""
    note: str = ""

    @property
    def tone(self) -> Tone:
        """How the state is to be taken."""
        return _TONES.get(self.state, "bad")


@dataclass(frozen=True)
class Table:
    """One table.

    ``made`` is set where every figure in it was made in that way. ``unmarked`` is the word for the
    state of rows that have none, where other rows have one.
    """

    caption: str
    columns: list[Column]
    rows: list[Row]
    made: str = ""
    notes: list[str] = field(default_factory=list)
    unmarked: str = "valid"

    def heading_groups(self) -> list[list[Column]]:
        """The columns, those of one group together."""
        return [list(run) for _, run in groupby(self.columns, key=lambda column: column.group)]
