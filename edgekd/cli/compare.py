"""``edgekd compare``: a gate for releases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgekd.records.comparison import Comparison

BaselineArgument = Annotated[
    Path, typer.Argument(metavar="A", help="Baseline: run folder, report.json or kept baseline.")
]
CandidateArgument = Annotated[Path, typer.Argument(metavar="B", help="Candidate: likewise.")]
AcceptOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep B as the next baseline, regressions accepted."),
]
RecordOption = Annotated[bool, typer.Option("--json", help="Print the record as JSON only.")]


def compare(
    baseline: BaselineArgument,
    candidate: CandidateArgument,
    accept: AcceptOption = None,
    json_: RecordOption = False,
) -> int:
    """Two reports side by side; exit status 1 where a figure of B is worse beyond its interval."""
    from edgekd.pipeline.comparison.compare import compare_reports

    found = compare_reports(baseline, candidate, accept)
    if json_:
        print(found.model_dump_json(by_alias=True, indent=2))
    else:
        _print(found)
        if accept is not None:
            print(f"baseline: {accept}")
    return 0 if found.passed else 1


def _print(found: Comparison) -> None:
    from edgekd.cli.tables import print_table
    from edgekd.report.comparison import HEADINGS, confidence_line, figure_rows, reason_lines
    from edgekd.report.units import clean

    print_table(HEADINGS, figure_rows(found))
    groups = {
        "differs": found.context,
        "added": found.added,
        "removed": found.removed,
        "cannot be compared": found.refused,
        "not judged": reason_lines(found),
        "accepted": found.accepted,
        "regression": found.regressions,
    }
    for name, lines in groups.items():
        for line in lines:
            print(f"{name}: {clean(line)}")
    print(confidence_line(found))
    print("passed" if found.passed else f"{len(found.regressions)} regressions")
