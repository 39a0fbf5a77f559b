"""``edgekd push``: exported models to the demo app of a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BundlesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Folders with a bundle.json: artifacts/TARGET/RUNG of a run.", metavar="BUNDLE..."
    ),
]


def push(
    bundles: BundlesArgument,
    serial: Annotated[
        str | None, typer.Option(help="The phone, where several are connected.")
    ] = None,
) -> int:
    """Copy exported models into the demo app of a phone."""
    from edgekd.android.bundles import check_bundles
    from edgekd.android.push import push_bundles
    from edgekd.report.units import size

    for pushed in push_bundles(check_bundles(bundles), serial):
        print(f"{pushed.serial}: {pushed.place} ({size(pushed.bundle.size)})")
    return 0
