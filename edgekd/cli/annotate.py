"""The command that gives a TFLite file metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekd.cli.options import ModelOption
from edgekd.errors import BadInput

if TYPE_CHECKING:
    from edgekd.pipeline.foreign.annotate import Annotated as AnnotatedFile


def annotate(
    folder: Annotated[
        Path | None, typer.Argument(help="An exported TFLite artifact, with bundle.json.")
    ] = None,
    model: ModelOption = None,
    labels: Annotated[
        Path | None, typer.Option(help="UTF-8 file, one label a line, in order of the outputs.")
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(help="Subtracted from a pixel in 0..255; one value, or one a channel: 1,2,3."),
    ] = None,
    std: Annotated[str | None, typer.Option(help="Then divided by; as many values.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    description: Annotated[str | None, typer.Option(help="What the model does.")] = None,
    author: Annotated[str | None, typer.Option(help="Who made the model.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write [beside the model: NAME_metadata.tflite].")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Leave out the metadata that the file has.")
    ] = False,
) -> int:
    """Copy a TFLite file with metadata for the Task Library and Android Studio, and verify it."""
    from edgekd.pipeline.foreign.annotate import annotate_file, annotate_folder
    from edgekd.pipeline.foreign.descriptions import Given

    if (folder is None) == (model is None):
        raise BadInput("give a FOLDER with bundle.json, or a file with --model")
    given = Given(
        name=name,
        description=description,
        author=author,
        labels=labels,
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
    )
    _announce_setup()
    if folder is not None:
        made = annotate_folder(folder, given, out, replace=replace)
    else:
        assert model is not None
        made = annotate_file(model, given, out, replace=replace)
    _print(made)
    return 0


def _announce_setup() -> None:
    from edgekd.export.tflite_metadata import TOOL
    from edgekd.tool_environments import find_tool

    if not find_tool(TOOL).ready:
        typer.echo(f"setting up the tool {TOOL}, once", err=True)


def _print(made: AnnotatedFile) -> None:
    print(made.path)
    files = ", ".join(made.files) or "none"
    print(f"written by tflite-support's writer for: {made.writer}; packed files: {files}")
    print(f"LiteRT: the original's outputs to the bit, on {made.samples} random inputs")
    if made.task_library is None:
        print("Task Library: has no task for a model that is described as numbers")
    elif made.task_library.difference is None:
        print(f"Task Library: does not take this model: {made.task_library.refusal}")
    else:
        difference = f"{made.task_library.difference:.1e}"
        print(f"Task Library: takes it; scores within {difference} of LiteRT's on one image")


def _numbers(option: str, text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(
            f"{option} {text!r} are no numbers", mend="127.5, or 123.7,116.3,103.5"
        ) from error
