"""Students that ``edgekd fit`` considers: as recipes, and by what they will need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from edgekd.errors import BadInput
from edgekd.networks import build_network
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.variants import overrides_of
from edgekd.recipe import Prune
from edgekd.records import Candidate


def estimate_candidate(
    setup: Setup, values: dict[str, Any], prune: float, precision: Any, shape: tuple[int, ...]
) -> Candidate:
    """What a student will need, before anything is trained.

    Args:
        setup: of the recipe with the candidate's values.
        values: recipe key to value.
        prune: share of its channels that is removed.
        precision: of the deployed student.
        shape: of one input.

    Raises:
        BadInput: the network cannot be built or pruned so.
    """
    from edgekd.compress.folding import fold_batch_norm
    from edgekd.measure.footprint import estimate_footprint

    network = build_network(setup.recipe.student, Path(setup.student_file.locations["network"]))
    if prune:
        from edgekd.compress.pruning import prune_channels

        spec = setup.recipe.prune or Prune(channels=prune)
        network = prune_channels(network.eval(), shape, prune, scope=spec.scope, keep=spec.keep)
    try:
        dtype: Literal["float32", "int32"]
        dtype = "float32" if setup.recipe.data.text is None else "int32"
        found = estimate_footprint(fold_batch_norm(network), shape, precision, dtype)
    except BadInput as error:
        error.where = error.where or "student"
        raise
    return Candidate(
        values=values,
        prune=prune,
        precision=precision,
        parameters=found.parameters,
        macs=found.macs,
        flash_bytes=found.flash_bytes,
        ram_bytes=found.ram_bytes,
    )


def overrides_of_candidate(candidate: Candidate | Mapping[str, Any]) -> list[str]:
    """A candidate (or its values alone) as overrides of the recipe."""
    if not isinstance(candidate, Candidate):
        return overrides_of(candidate)
    overrides = overrides_of(candidate.values)
    if candidate.prune:
        precisions = [] if candidate.precision == "fp32" else [candidate.precision]
        overrides += overrides_of(
            {"prune.channels": candidate.prune, "prune.precisions": precisions}
        )
        return [*overrides, "compress.precisions=[]"]
    precisions = [] if candidate.precision == "fp32" else [candidate.precision]
    return [*overrides, *overrides_of({"compress.precisions": precisions}), "prune=null"]


def rung_of(candidate: Candidate) -> str:
    """The rung that is this candidate."""
    return f"{'pruned' if candidate.prune else 'distilled'}-{candidate.precision}"
