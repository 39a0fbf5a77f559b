"""Commands that try many students: ``sweep`` and ``fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekd.catalog import find_recipe, recipe_name
from edgekd.cli.options import JobsOption, OutOption, RecipeArgument, SeedOption, SetOption
from edgekd.cli.progress import make_reporter
from edgekd.errors import BadInput

if TYPE_CHECKING:
    from edgekd.pipeline.search.space import Space

OverOption = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUES", help="Values a,b,c or a range low..high[:log]."),
]
MoreOver = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUES]...", help="As --over.")]
RecordOption = Annotated[bool, typer.Option("--json", help="Print the record as JSON only.")]


def sweep(
    recipe: RecipeArgument,
    more: MoreOver = None,
    over: OverOption = None,
    search: Annotated[
        int | None, typer.Option(min=1, help="Trials of an Optuna search instead of a grid.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(help="Database of the search; several machines may share one."),
    ] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    json_: RecordOption = False,
    jobs: JobsOption = None,
) -> int:
    """Train the student under many settings with one teacher; say which is best."""
    from edgekd.pipeline.search.search import run_search
    from edgekd.pipeline.search.sweep import run_sweep

    space = _space(over, more)
    if study is not None and search is None:
        raise BadInput("goes with --search", where="--study")
    overrides = set_ or []
    folder = out or Path("runs") / f"{recipe_name(find_recipe(recipe))}-sweep"
    with make_reporter() as reporter:
        if search is None:
            found = run_sweep(
                recipe, space, folder, reporter, overrides=overrides, seeds=seed, jobs=jobs
            )
        else:
            found = run_search(
                recipe,
                space,
                search,
                folder,
                reporter,
                storage=study,
                overrides=overrides,
                seeds=seed,
                jobs=jobs,
            )
    if json_:
        print(found.model_dump_json(by_alias=True, indent=2))
        return 0
    from edgekd.cli.tables import print_sweep

    print_sweep(found)
    print(f"report: {folder / 'sweep.html'}")
    return 0


def fit(
    recipe: RecipeArgument,
    more: MoreOver = None,
    ram: Annotated[str | None, typer.Option(help="Limit of RAM, such as 64KB.")] = None,
    flash: Annotated[str | None, typer.Option(help="Limit of flash, such as 256KB.")] = None,
    accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least accuracy, 0 to 1.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Take budget and precisions from a target.")
    ] = None,
    over: OverOption = None,
    trials: Annotated[int, typer.Option(min=1, help="Students trained in full.")] = 8,
    set_: SetOption = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of every training.")] = None,
    out: OutOption = None,
    json_: RecordOption = False,
    jobs: JobsOption = None,
) -> int:
    """Search the best student inside a budget; say what stands in the way if none fits."""
    from edgekd.measure.units import parse_bytes
    from edgekd.pipeline.search.fit import Limits, run_fit

    limits = Limits(
        ram_bytes=None if ram is None else parse_bytes(ram),
        flash_bytes=None if flash is None else parse_bytes(flash),
        accuracy=accuracy,
    )
    if limits == Limits() and target is None:
        raise BadInput("there is no budget", mend="give --ram, --flash, --accuracy or --target")
    space = _space(over, more) if over or more else None
    overrides = set_ or []
    folder = out or Path("runs") / f"{recipe_name(find_recipe(recipe))}-fit"
    with make_reporter() as reporter:
        found = run_fit(
            recipe,
            limits,
            folder,
            reporter,
            space=space,
            target=target,
            trials=trials,
            overrides=overrides,
            seed=seed,
            jobs=jobs,
        )
    if json_:
        print(found.model_dump_json(by_alias=True, indent=2))
    else:
        from edgekd.cli.tables import print_fit

        print_fit(found)
        print(f"report: {folder / 'fit.html'}")
    return 0 if found.chosen is not None else 1


def _space(over: list[str] | None, more: list[str] | None) -> Space:
    from edgekd.pipeline.search.space import parse_space

    return parse_space([*(over or []), *(more or [])])
