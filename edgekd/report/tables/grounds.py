"""What the figures rest on: kinds, nested facts, files and their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekd.records import Report
from edgekd.report.prose import KIND_MEANINGS, flat_facts
from edgekd.report.summary import kinds
from edgekd.report.tables.table import Column, Row, Table


def artifacts_table(report: Report) -> Table:
    """Where each exported file is, and the hash that names its content."""
    columns = [Column(name, role="text") for name in ("Rung", "Target", "File")]
    columns.append(Column("sha256", role="digest"))
    # An estimate and the measurement that it was made from share their file.
    files = dict.fromkeys(
        (found.rung, found.target, found.artifact, found.sha256) for found in report.measurements
    )
    return Table("Artifacts", columns, [Row(list(file)) for file in files])


def facts_table(caption: str, facts: Mapping[str, Any]) -> Table:
    """A nested record as two columns, one row for each of its leaves."""
    columns = [Column("What", role="text"), Column("Value", role="text")]
    return Table(caption, columns, [Row([what, value]) for what, value in flat_facts(facts)])


def kinds_table(report: Report) -> Table:
    """What the kinds of figures in this report are, and what they may claim."""
    columns = [Column("Kind", role="text"), Column("How its figures were made", role="text")]
    rows = [Row([kind, KIND_MEANINGS[kind]]) for kind in kinds(report)]
    return Table("Kinds of figures", columns, rows)
