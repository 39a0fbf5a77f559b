"""The operators of exported files: how many there are of each, and which are left undelegated."""

from __future__ import annotations

from dataclasses import dataclass

from edgekd.records import Measurement, Preflight
from edgekd.report import units
from edgekd.report.summary import TargetSection
from edgekd.report.tables.table import Column, Row, Table
from edgekd.report.units import MISSING

OPERATORS_NOTE = (
    "Shares are of the number of operators, in the file's own terms, and not of time or "
    "instructions. Undelegated: left outside the delegate or the fused kernels of the runtime."
)


@dataclass(frozen=True)
class Operators:
    """Files whose graphs have the same operators.

    Attributes:
        line: how many of them the runtime's fast path takes.
        ran: what the runtime said after it had loaded the file: one line for each delegate,
            provider or set of kernels; empty where it was not asked.
    """

    rungs: list[str]
    line: str
    ran: list[str]
    table: Table


def operators_of(section: TargetSection) -> list[Operators]:
    """The operators of each file on a target; files that have the same stand together."""
    grouped: dict[str, list[Measurement]] = {}
    for found in section.measurements:
        if found.preflight and found.preflight.operators:
            counts = found.preflight.model_dump_json(include=_COUNTS)
            grouped.setdefault("\n".join([counts, *_ran(found)]), []).append(found)
    return [_operators(section, alike) for alike in grouped.values()]


_COUNTS = {"operators", "delegated", "undelegated"}


def _operators(section: TargetSection, alike: list[Measurement]) -> Operators:
    preflight = alike[0].preflight
    assert preflight is not None, "only files with a preflight are grouped"
    rungs = list(dict.fromkeys(found.rung for found in alike))
    table = _table(section, rungs, preflight)
    return Operators(rungs, _line(preflight), _ran(alike[0]), table)


def _ran(found: Measurement) -> list[str]:
    ran_on = found.profile.ran_on if found.profile else {}
    return [
        f"ran on {who}: {', '.join(f'{count} {name}' for name, count in counts.items())}"
        for who, counts in ran_on.items()
    ]


def _line(preflight: Preflight) -> str:
    outside = sum(preflight.undelegated.values())
    return f"{preflight.delegated} of {preflight.delegated + outside} delegated"


def _table(section: TargetSection, rungs: list[str], preflight: Preflight) -> Table:
    counts = preflight.operators
    whole = sum(counts.values())
    # A runtime may name what it makes of the graph otherwise than the file does.
    names = [*sorted(counts, key=lambda name: (-counts[name], name))]
    names += [name for name in preflight.undelegated if name not in counts]
    rows = []
    for name in names:
        count, outside = counts.get(name), preflight.undelegated.get(name, 0)
        share = MISSING if not count or not whole else f"{count / whole * 100:.1f}%"
        rows.append(Row([name, units.count(count), units.count(outside), share]))
    columns = [Column("Operator", role="text"), Column("Number"), Column("Undelegated")]
    columns.append(Column("Share", role="bar"))
    caption = f"{', '.join(rungs)} on {section.target}: operators"
    return Table(caption, columns, rows, section.made)
