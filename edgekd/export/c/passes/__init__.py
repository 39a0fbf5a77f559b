"""Rewrites of the graph at generation time, each exact to the bit against LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgekd.export.c.graph import Graph
from edgekd.export.c.passes.activations import fuse_activations
from edgekd.export.c.passes.dead_channels import remove_dead_channels
from edgekd.export.c.passes.embedding_means import fuse_embedding_means
from edgekd.export.c.passes.folding import fold_constants
from edgekd.export.c.passes.lookups import compose_lookups
from edgekd.export.c.passes.one_channel import convolve_one_channel
from edgekd.export.c.passes.padding import fuse_padding
from edgekd.export.c.passes.report import NOTHING, PassReport, size, summary
from edgekd.export.c.passes.reshapes import simplify_reshapes
from edgekd.export.c.passes.tables import convert_tables

__all__ = ["PASSES", "PassReport", "run_passes"]

# In the order in which they run.
PASSES: Mapping[str, Callable[[Graph], Graph]] = {
    "constant folding": fold_constants,
    "reshapes": simplify_reshapes,
    "one channel": convolve_one_channel,
    "padding": fuse_padding,
    "activations": fuse_activations,
    "lookups": compose_lookups,
    "tables": convert_tables,
    "embedding means": fuse_embedding_means,
    "dead channels": remove_dead_channels,
}
# Each round makes the graph smaller; real models need two or three.
_MOST_ROUNDS = 16


def run_passes(graph: Graph) -> tuple[Graph, list[PassReport]]:
    """Run all passes over and over until none changes the graph.

    Returns:
        The graph, and what each pass did in all its rounds together.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses an operator.
    """
    done: dict[str, list[str]] = {name: [] for name in PASSES}
    for _ in range(_MOST_ROUNDS):
        start = graph
        for name, run in PASSES.items():
            changed = run(graph)
            if changed is not graph:
                done[name].append(summary(size(graph), size(changed)))
            graph = changed
        if graph is start:
            break
    reports = [PassReport(name, "; then ".join(d) or NOTHING) for name, d in done.items()]
    return graph, reports
