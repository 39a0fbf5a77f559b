"""Small networks for the exporters: random weights, so that nothing needs training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgekd.export.contract import ExportedModel, Exporter, ExportRequest
from edgekd.records import Precision

Array = npt.NDArray[np.float32]
SHAPES = {"28x28": (1, 28, 28), "8x8": (3, 8, 8), "mlp": (64,)}
LARGEST_INTEGER = {"int8-qat": 127, "int4": 7}


def _block(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False, groups=groups)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def network(name: str) -> nn.Sequential:
    """A network with running statistics that batch normalization has really seen."""
    torch.manual_seed(0)
    networks = {
        "28x28": nn.Sequential(
            _block(1, 8, stride=2),
            _block(8, 11, stride=2),
            nn.AvgPool2d(3, stride=2),
            nn.Flatten(),
            nn.Linear(99, 10),
        ),
        "8x8": nn.Sequential(
            _block(3, 8, stride=2),
            _block(8, 8, groups=8),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 10),
        ),
        "mlp": nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)),
    }
    model = networks[name].train()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(32, *SHAPES[name]))
    return model.eval()


def on_grid(model: nn.Sequential, largest: int) -> nn.Sequential:
    """Put weights where quantization-aware training leaves them: ``q * max|w| / largest``."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.detach()
            scale = weight.abs().amax(tuple(range(1, weight.ndim)), keepdim=True) / largest
            scale[scale == 0] = 1
            layer.weight.data = torch.round(weight / scale) * scale
    return model


def grid_values(model: nn.Sequential, largest: int) -> list[npt.NDArray[np.int64]]:
    """The integers of each layer's weights, in torch's layout, the layers in order."""
    values = []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weight = layer.weight.detach().double()
            scale = weight.abs().amax(tuple(range(1, weight.ndim)), keepdim=True) / largest
            values.append(torch.round(weight / scale).long().numpy())
    return values


def prepared(name: str, precision: Precision) -> nn.Sequential:
    """A network as it reaches an exporter at a precision."""
    model = network(name)
    if name != "mlp" and precision in LARGEST_INTEGER:
        return on_grid(model, LARGEST_INTEGER[precision])
    return model


def with_dead_channels() -> nn.Sequential:
    """A network with output channels of zero and of tiny weights, and biases that matter."""
    torch.manual_seed(0)
    convolution, linear = nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.Linear(64, 10)
    for layer in (convolution, linear):
        layer.weight.data[1] = 0
        layer.weight.data[2] *= 1e-9
        layer.get_parameter("bias").data[1:3] = 0.7
    return on_grid(nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), linear).eval(), 7)


def samples(shape: tuple[int, ...], n: int, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal((n, *shape), dtype=np.float32)


def export(
    exporter: Exporter, model: nn.Module, shape: tuple[int, ...], precision: Precision, out: Path
) -> ExportedModel:
    out.mkdir(parents=True, exist_ok=True)
    return exporter.export(
        ExportRequest(model, shape, precision, out, calibration=samples(shape, 64, seed=1))
    )


def torch_outputs(model: nn.Module, inputs: Array) -> Array:
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(inputs)).numpy(), np.float32)


def sqnr_db(reference: Array, outputs: Array) -> float:
    """Signal to quantization noise, in dB; infinite where they are equal."""
    noise = float(np.square(reference.astype(np.float64) - outputs).sum())
    signal = float(np.square(reference.astype(np.float64)).sum())
    return float("inf") if noise == 0 else 10 * float(np.log10(signal / noise))
