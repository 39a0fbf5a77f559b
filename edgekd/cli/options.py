"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipeArgument = Annotated[str, typer.Argument(help="A name under models/ or a path.")]
OptionalRecipe = Annotated[str | None, typer.Argument(help="A name under models/ or a path.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe key.")
]
SeedOption = Annotated[list[int] | None, typer.Option(help="Seed; give it again for more.")]
OutOption = Annotated[Path | None, typer.Option(help="Folder to write into [runs/RECIPE].")]
TargetsOption = Annotated[str | None, typer.Option(help="Targets, separated by commas.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print measurements as JSON only.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")]
JobsOption = Annotated[int | None, typer.Option(min=1, help="Worker processes.")]
ModelOption = Annotated[Path | None, typer.Option(help="A model that edgekd never made.")]
TargetOption = Annotated[str | None, typer.Option(help="The target for --model.")]
