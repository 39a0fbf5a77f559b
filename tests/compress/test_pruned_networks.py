"""A pruned network goes on as any other: it folds, learns and is exported in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from edgekd.compress import quantize
from edgekd.compress.folding import fold_batch_norm
from edgekd.compress.pruning import prune_channels
from edgekd.devices.runtimes import open_runtime
from edgekd.devices.tensors import real_values, stored_samples
from edgekd.export import find_exporter
from edgekd.export.contract import ExportRequest
from edgekd.records import Format, Precision
from tests.export.networks import samples, sqnr_db

from .networks import Shape, built, outputs


def pruned_network(name: str) -> tuple[nn.Module, Shape]:
    """With odd widths."""
    network, shape = built(name)
    return prune_channels(network, shape, 0.4, scope="global", keep=[]), shape


@pytest.mark.parametrize("name", ["plain", "separable", "residual", "joined", "option A"])
def test_batch_norms_of_a_pruned_network_fold(name: str) -> None:
    pruned, shape = pruned_network(name)
    folded = fold_batch_norm(pruned)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(outputs(folded, shape), outputs(pruned, shape), atol=1e-4, rtol=1e-4)


def test_a_pruned_network_learns() -> None:
    """The parameters are new ones: an optimizer made from them reaches all of the network."""
    pruned, shape = pruned_network("residual")
    pruned.train()
    inputs, labels = torch.randn(32, *shape), torch.arange(32) % 10
    optimizer = torch.optim.Adam(pruned.parameters(), 0.02)
    losses = []
    for _ in range(30):
        loss = functional.cross_entropy(pruned(inputs), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.fixture(scope="module")
def folded() -> nn.Module:
    """A pruned network as an exporter takes it."""
    return fold_batch_norm(pruned_network("separable")[0])


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize(
    ("format_", "runtime"),
    [("tflite", "litert"), ("executorch", "executorch"), ("onnx", "onnx")],
)
def test_a_pruned_network_is_exported_in_every_format(
    folded: nn.Module, format_: Format, runtime: str, precision: Precision, tmp_path: Path
) -> None:
    shape, calibration = (3, 8, 8), samples((3, 8, 8), 64, seed=1)
    quantized = quantize(folded, precision, calibration) if precision == "int8" else None
    request = ExportRequest(folded, shape, precision, tmp_path, calibration, quantized)
    exported = find_exporter(format_).export(request)
    inputs = samples(shape, 16, seed=2)
    (spec,) = exported.inputs
    laid_out = np.moveaxis(inputs, 1, -1) if spec.layout == "NHWC" else inputs
    model = open_runtime(runtime, 1).load(exported.path, reference=False)
    rows = []
    for sample in stored_samples(laid_out, model.signature.inputs[0]):
        model.prepare([np.ascontiguousarray(sample[None])])
        model.invoke()
        rows.append(real_values(model.results()[0], model.signature.outputs[0]))
    with torch.no_grad():
        expected = folded(torch.from_numpy(inputs)).numpy()
    assert sqnr_db(expected, np.concatenate(rows)) > (100 if precision == "fp32" else 20)
