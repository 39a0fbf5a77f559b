"""``edgekd estimate``: what a run of a language model would need, before it is paid for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgekd.cli.options import RecipeArgument, SetOption

if TYPE_CHECKING:
    from edgekd.language.needs import Estimate, ModelNeeds, Phase
    from edgekd.language.network import Architecture
    from edgekd.recipe.language import LanguageRecipe

TeacherOption = Annotated[
    Path | None,
    typer.Option(
        "--teacher-architecture",
        metavar="FILE",
        help="Sizes of the teacher as JSON; else they are read from its configuration.",
    ),
]
TokensOption = Annotated[
    int | None,
    typer.Option(min=1, help="Tokens of the training text [as many as the student reads]."),
]
PeakOption = Annotated[
    float, typer.Option(min=1e-3, help="TFLOP/s of a device, bfloat16, dense; 989: H100 SXM.")
]
UtilisationOption = Annotated[
    float, typer.Option(min=1e-3, max=1.0, help="Share of the peak that is reached.")
]
MemoryOption = Annotated[float, typer.Option(min=1e-3, help="GB of a device; 80: H100 SXM.")]
RecordOption = Annotated[bool, typer.Option("--json", help="Print the record as JSON only.")]


def estimate(
    recipe: RecipeArgument,
    set_: SetOption = None,
    teacher_architecture: TeacherOption = None,
    corpus_tokens: TokensOption = None,
    peak: PeakOption = 989.0,
    utilisation: UtilisationOption = 0.4,
    memory: MemoryOption = 80.0,
    json_: RecordOption = False,
) -> int:
    """Memory, tokens, FLOPs and device hours that a language model's recipe would need."""
    from edgekd.language.estimate import estimate as compute
    from edgekd.language.needs import Hardware

    chosen, folder = _recipe(recipe, set_ or [])
    sizes = _sizes(chosen, folder, teacher_architecture)
    given = Hardware(peak=peak * 1e12, utilisation=utilisation, memory=memory * 1e9)
    if given != Hardware():
        given = given.model_copy(update={"name": "device as given"})
    found = compute(chosen, sizes, given, corpus_tokens)
    if json_:
        print(found.model_dump_json(indent=2))
    else:
        _print(found)
    return 0


def _recipe(name: str, overrides: list[str]) -> tuple[LanguageRecipe, Path]:
    from edgekd.catalog import find_recipe
    from edgekd.errors import BadInput
    from edgekd.recipe.language import LanguageRecipe
    from edgekd.recipe.load import load_any_recipe

    path = find_recipe(name)
    recipe = load_any_recipe(path, overrides)
    if not isinstance(recipe, LanguageRecipe):
        raise BadInput(
            "is no recipe of a language model", where=str(path), mend="edgekd run needs no estimate"
        )
    return recipe, path.parent


def _sizes(recipe: LanguageRecipe, folder: Path, by_hand: Path | None) -> Architecture:
    from edgekd.language.network import Architecture
    from edgekd.language.record_file import read_record
    from edgekd.language.sizes import architecture_of_teacher
    from edgekd.pipeline.plan.outside import resolve

    if by_hand is not None:
        return read_record(by_hand, Architecture)
    path = resolve(folder, recipe.teacher.path, "teacher.path")
    return architecture_of_teacher(
        str(path) if path.exists() else recipe.teacher.path, recipe.teacher.revision
    )


def _print(found: Estimate) -> None:
    from edgekd.cli.tables import print_table

    print_table(
        ("model", "parameters", "weights", "gradients", "AdamW", "KV cache"),
        [_model_row("teacher", found.teacher), _model_row("student", found.student)],
    )
    device = found.hardware.name
    print_table(
        (
            "phase", "tokens", "FLOPs", "device hours", "devices", "windows each",
            "each: states", "gathered", "activations", "together",
        ),
        [_phase_row(phase) for phase in found.phases],
    )  # fmt: skip
    print(f"device: {device}; {found.device_hours:,.3g} device hours together")
    if found.answers is not None:
        print(f"kept answers on disk: {_gb(found.answers)}")
    print(f"main memory while the teacher is read: {_gb(found.host)}")
    for line in found.assumptions:
        print(f"assumed: {line}")


def _model_row(name: str, needs: ModelNeeds) -> tuple[str, ...]:
    figures = (needs.weights, needs.gradients, needs.moments, needs.key_value_cache)
    return (name, f"{needs.parameters:,}", *(_gb(figure) for figure in figures))


def _phase_row(phase: Phase) -> tuple[str, ...]:
    figures = (phase.state, phase.gathered, phase.activations, phase.bytes_each)
    return (
        phase.name,
        f"{phase.tokens:,}",
        f"{phase.flops:.3g}",
        f"{phase.device_hours:,.3g}",
        "too large" if phase.devices is None else str(phase.devices),
        str(phase.windows),
        *(_gb(figure) for figure in figures),
    )


def _gb(count: int) -> str:
    """Powers of ten, as makers of devices count."""
    return f"{count / 1e9:,.3g} GB" if count >= 1e9 else f"{count / 1e6:,.3g} MB"
