"""The students under ``models/zoo`` can be pruned, saved and built again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgekd.compress.architecture import apply_architecture, architecture_of
from edgekd.compress.folding import fold_batch_norm
from edgekd.compress.pruning import prune_channels
from edgekd.networks import build_network, count_macs, count_parameters, load_weights, save_weights
from edgekd.recipe import Network
from tests.conftest import ROOT

from .networks import Shape, outputs, widths, with_statistics

ZOO = ROOT / "models" / "zoo"
# File and function, arguments, shape of a sample, smallest share of parameters and of MACs that
# goes with half of the channels.
STUDENTS: dict[str, tuple[str, dict[str, Any], Shape, float, float]] = {
    "ds_cnn": ("mlperf_tiny.py:ds_cnn", {"width": 16}, (1, 49, 10), 0.55, 0.55),
    "resnet8": ("mlperf_tiny.py:resnet8", {"width": 8}, (3, 32, 32), 0.65, 0.65),
    "mobilenet_v1": ("mlperf_tiny.py:mobilenet_v1", {"width": 0.125}, (3, 32, 32), 0.6, 0.55),
    "autoencoder": ("mlperf_tiny.py:autoencoder", {"hidden": 32}, (640,), 0.45, 0.45),
    "option A": ("cifar_resnet.py:cifar_resnet", {"depth": 8, "width": 8}, (3, 32, 32), 0.4, 0.4),
}


def student(name: str) -> nn.Module:
    network, arguments, *_ = STUDENTS[name]
    spec = Network(network=network, arguments=arguments)
    return build_network(spec, ZOO / network.partition(":")[0])


@pytest.mark.parametrize("scope", ["global", "per-layer"])
@pytest.mark.parametrize("name", STUDENTS)
def test_half_of_the_channels_go_and_the_rest_comes_back(
    name: str, scope: Any, tmp_path: Path
) -> None:
    *_, shape, parameters, macs = STUDENTS[name]
    torch.manual_seed(0)
    network = with_statistics(student(name), shape)
    pruned = prune_channels(network, shape, 0.5, scope=scope, keep=[])
    assert 1 - count_parameters(pruned) / count_parameters(network) > parameters
    assert (
        1
        - count_macs(pruned, np.zeros((1, *shape), np.float32))
        / count_macs(network, np.zeros((1, *shape), np.float32))
        > macs
    )
    save_weights(pruned, tmp_path / "weights.safetensors")
    again = student(name)
    apply_architecture(again, architecture_of(pruned))
    load_weights(again, tmp_path / "weights.safetensors")
    expected = outputs(pruned, shape)
    assert torch.equal(outputs(again, shape), expected)
    torch.testing.assert_close(
        outputs(fold_batch_norm(again), shape), expected, atol=1e-3, rtol=1e-3
    )


def test_stages_that_a_padded_shortcut_joins_stay_whole() -> None:
    network = student("option A")
    shape = STUDENTS["option A"][2]
    before = widths(network)
    after = widths(prune_channels(network, shape, 0.5, scope="per-layer", keep=[]))
    halved = {path for path in before if after[path] == before[path] // 2}
    assert halved == {path for path in before if path.endswith("conv1") and "." in path}
    assert {path for path in before if after[path] == before[path]} == before.keys() - halved
