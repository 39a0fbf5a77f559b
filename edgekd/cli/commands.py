"""The commands: each reads its options, calls the Python API and prints what came back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekd import __version__
from edgekd.cli import android, environment
from edgekd.cli.annotate import annotate
from edgekd.cli.chat import chat
from edgekd.cli.compare import compare
from edgekd.cli.estimate import estimate
from edgekd.cli.options import (
    DryRunOption,
    JobsOption,
    JsonOption,
    ModelOption,
    OptionalRecipe,
    OutOption,
    RecipeArgument,
    SeedOption,
    SetOption,
    TargetOption,
    TargetsOption,
)
from edgekd.cli.progress import make_reporter
from edgekd.cli.push import push
from edgekd.cli.searches import fit, sweep
from edgekd.errors import BadInput
from edgekd.pipeline.parts import Until

if TYPE_CHECKING:
    from edgekd.pipeline.run import Outcome
    from edgekd.records import Measurement

app = typer.Typer(
    name="edgekd",
    help="Distill, quantize, export and measure models for phones and microcontrollers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    if version:
        print(f"edgekd {__version__}")
        raise typer.Exit()


def _ladder_command(until: Until) -> Callable[..., int]:
    def command(
        recipe: RecipeArgument,
        set_: SetOption = None,
        seed: SeedOption = None,
        out: OutOption = None,
        targets: TargetsOption = None,
        json_: JsonOption = False,
        dry_run: DryRunOption = False,
        jobs: JobsOption = None,
    ) -> int:
        return _ladder(until, recipe, set_, seed, out, targets, json_, dry_run, jobs)

    return command


_LADDER_COMMANDS: tuple[tuple[str, Until, str], ...] = (
    ("run", "bench", "Do it all: distill, quantize, export, check, measure, report."),
    ("distill", "distill", "Train teacher, control and student only."),
    ("quantize", "quantize", "As far as the compressed rungs, in torch."),
)
for _name, _until, _help in _LADDER_COMMANDS:
    app.command(_name, help=_help)(_ladder_command(_until))


app.command()(sweep)
app.command()(fit)
app.command()(compare)
app.command()(estimate)
app.command()(annotate)
app.command()(chat)


@app.command()
def export(
    recipe: OptionalRecipe = None,
    model: ModelOption = None,
    target: TargetOption = None,
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, int8 or int4, but for a .tflite.")
    ] = "fp32",
    calibration: Annotated[
        Path | None, typer.Option(help=".npy float32 [N, ...] inputs, for --model at int8 or int4.")
    ] = None,
    cache_length: Annotated[
        int | None,
        typer.Option(min=2, help="Tokens of a conversation, for a language model [1024]."),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="tflm: also what TensorFlow Lite Micro needs.")
    ] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    targets: TargetsOption = None,
    json_: JsonOption = False,
    dry_run: DryRunOption = False,
    jobs: JobsOption = None,
) -> int:
    """As far as the exported files; or one model with --model and --target.

    That is a .pt2 or .tflite file, or a language model of Hugging Face (a folder or an id).
    """
    if format_ not in (None, "tflm"):
        raise BadInput(f"there is no extra format {format_!r}", mend="known: tflm")
    from edgekd.pipeline.foreign.export import export_file
    from edgekd.pipeline.foreign.language import export_language_model, is_hugging_face

    if model is None:
        if format_ is not None or cache_length is not None:
            raise BadInput("--format and --cache-length need --model")
        name = _recipe_or_usage(recipe)
        return _ladder("export", name, set_, seed, out, targets, json_, dry_run, jobs)
    chosen = _target_or_usage(target)
    if is_hugging_face(model):
        if calibration is not None or format_ is not None:
            raise BadInput("a language model takes neither --calibration nor --format")
        folder = export_language_model(str(model), chosen, precision, out, cache_length)
    else:
        if cache_length is not None:
            raise BadInput("--cache-length is for language models", where=str(model))
        folder = export_file(
            model,
            chosen,
            precision,
            out or Path("exports") / model.stem,
            calibration,
            tflm=format_ == "tflm",
        )
    if json_:
        _print_json([])
    else:
        print(folder)
    return 0


@app.command()
def bench(
    recipe: OptionalRecipe = None,
    model: ModelOption = None,
    target: TargetOption = None,
    data: Annotated[
        Path | None, typer.Option(help=".npz with inputs and labels, for accuracy of --model.")
    ] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    out: OutOption = None,
    targets: TargetsOption = None,
    json_: JsonOption = False,
    dry_run: DryRunOption = False,
    jobs: JobsOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where --model on a phone was cut short.")
    ] = False,
) -> int:
    """Measure a recipe's exported files; or any one file with --model and --target."""
    if model is None:
        name = _recipe_or_usage(recipe)
        return _ladder("bench", name, set_, seed, out, targets, json_, dry_run, jobs)
    from edgekd.cli.tables import print_measurements
    from edgekd.pipeline.foreign.bench import bench_file

    chosen = _target_or_usage(target)
    measurements = bench_file(model, chosen, data, (seed or [0])[0], resume=resume)
    if json_:
        _print_json(measurements)
    else:
        print_measurements(measurements)
    return 0 if all(found.has_figures for found in measurements) else 1


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A run folder.")]) -> int:
    """Render report.md and report.html again from a run's report.json."""
    from edgekd.cli.tables import print_report
    from edgekd.pipeline.foreign.render import render_again

    print_report(render_again(folder))
    print(folder / "report.html")
    return 0


app.command()(environment.targets)
app.command()(environment.models)
app.command()(environment.doctor)
app.command()(environment.setup)
app.command()(push)
app.add_typer(android.app, name="android")


def _ladder(
    until: Until,
    recipe: str,
    overrides: list[str] | None,
    seeds: list[int] | None,
    out: Path | None,
    targets: str | None,
    as_json: bool,
    dry_run: bool,
    jobs: int | None,
) -> int:
    from edgekd.pipeline.ladders import plan_ladder, stages_of
    from edgekd.pipeline.run import dry_run_lines, run_plan

    names = [name for name in (targets or "").split(",") if name]
    setup = plan_ladder(recipe, overrides=overrides or (), seeds=seeds, targets=names)
    folder = out or Path("runs") / setup.name
    if dry_run:
        for line in dry_run_lines(setup, folder, until):
            print(line)
        return 0
    with make_reporter(len(stages_of(setup, until))) as reporter:
        outcome = run_plan(setup, folder, reporter, until=until, jobs=jobs)
    return _print_outcome(outcome, as_json)


def _print_outcome(outcome: Outcome, as_json: bool) -> int:
    from edgekd.cli.tables import print_report

    if as_json:
        _print_json(outcome.report.measurements if outcome.report else [])
    elif outcome.report is not None:
        print_report(outcome.report)
        print(f"report: {outcome.path / 'report.html'}")
    else:
        print(outcome.path)
    for failure in outcome.failures:
        typer.echo(f"failed: {failure}", err=True)
    return 1 if outcome.failures else 0


def _print_json(measurements: list[Measurement]) -> None:
    rows = [measurement.model_dump(mode="json", by_alias=True) for measurement in measurements]
    print(json.dumps({"measurements": rows}, indent=2, allow_nan=False))


def _recipe_or_usage(recipe: str | None) -> str:
    if recipe is None:
        raise BadInput("give a RECIPE, or a file with --model and --target")
    return recipe


def _target_or_usage(target: str | None) -> str:
    if target is None:
        raise BadInput("--model needs --target", mend="edgekd targets lists them")
    return target
