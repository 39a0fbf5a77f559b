"""One small CNN in three formats, made once by the real exporters, and targets to run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.records import Format
from edgekd.target import Target
from tests.conftest import MLPERF_TINY

if TYPE_CHECKING:
    import torch

FORMATS: dict[str, Format] = {"litert": "tflite", "onnx": "onnx", "executorch": "executorch"}


def _host_target(runtime: str, threads: int = 1) -> Target:
    return Target(
        name=f"host-{runtime}",
        description="for tests",
        format=FORMATS[runtime],
        precisions=("fp32",),
        device="host",
        runtime=runtime,
        kind="host",
        threads=threads,
    )


@pytest.fixture(scope="session")
def host_target() -> Callable[..., Target]:
    """Makes the target of one runtime on this machine, given its name and threads."""
    return _host_target


@dataclass(frozen=True)
class Exported:
    """One model in every format, with inputs and what torch makes of them."""

    paths: dict[str, Path]
    nchw: npt.NDArray[np.float32]
    expected: npt.NDArray[np.float32]

    def inputs(self, runtime: str) -> list[npt.NDArray[Any]]:
        """The samples in the layout of this runtime's file."""
        return [self.nchw.transpose(0, 2, 3, 1) if runtime == "litert" else self.nchw]


def _to_pte(model: torch.nn.Module, example: torch.Tensor, path: Path, *, xnnpack: bool) -> None:
    import executorch.kernels.quantized  # noqa: F401
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = to_edge_transform_and_lower(
        torch.export.export(model, (example,)),
        partitioner=[XnnpackPartitioner()] if xnnpack else None,
    ).to_executorch()
    path.write_bytes(program.buffer)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A CNN of 10,000 parameters and 10 M multiplications, so that threads have work to share."""
    import litert_torch
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AvgPool2d(8),
        torch.nn.Flatten(),
        torch.nn.Linear(512, 10),
    ).eval()
    example = torch.zeros(1, 3, 32, 32)
    folder = tmp_path_factory.mktemp("exported")
    paths = {
        "litert": folder / "model.tflite",
        "onnx": folder / "model.onnx",
        "executorch": folder / "model.pte",
    }
    channels_last = litert_torch.to_channel_last_io(model, args=[0])
    litert_torch.convert(channels_last, (torch.zeros(1, 32, 32, 3),)).export(str(paths["litert"]))
    torch.onnx.export(
        model, (example,), paths["onnx"], dynamo=True, external_data=False, verbose=False
    )
    _to_pte(model, example, paths["executorch"], xnnpack=True)
    samples = np.random.default_rng(0).standard_normal((16, 3, 32, 32)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(samples)).numpy()
    return Exported(paths, samples, expected)


@dataclass(frozen=True)
class Quantized:
    """One quantized .pte file, its samples, and what the quantized torch model makes of them."""

    path: Path
    samples: npt.NDArray[np.float32]
    expected: npt.NDArray[np.float32]


def _run(model: torch.nn.Module, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import torch

    with torch.no_grad():
        rows = [model(torch.from_numpy(sample[None])) for sample in samples]
    return np.asarray(torch.cat(rows).numpy())


@pytest.fixture(scope="session")
def int4_pte(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    """Linear layers with int4 weights in groups of 32 and dynamic int8 activations (8da4w)."""
    import torch
    from torchao.quantization import Int8DynamicActivationIntxWeightConfig, quantize_
    from torchao.quantization.granularity import PerGroup

    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    ).eval()
    quantize_(
        model,
        Int8DynamicActivationIntxWeightConfig(
            weight_dtype=torch.int4,  # type: ignore[attr-defined]
            weight_granularity=PerGroup(32),
        ),
    )
    samples = np.random.default_rng(1).standard_normal((32, 64)).astype(np.float32)
    path = tmp_path_factory.mktemp("int4") / "model.pte"
    _to_pte(model, torch.zeros(1, 64), path, xnnpack=True)
    return Quantized(path, samples, _run(model, samples))


@pytest.fixture(scope="session")
def undelegated_int8_pte(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    """Static int8 left to the portable kernels: its quantize nodes are operators of the file."""
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(16, 24), torch.nn.ReLU(), torch.nn.Linear(24, 5))
    samples = np.random.default_rng(2).standard_normal((32, 16)).astype(np.float32)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config())
    example = torch.zeros(1, 16)
    prepared = prepare_pt2e(torch.export.export(model.eval(), (example,)).module(), quantizer)
    _run(prepared, samples)
    converted = convert_pt2e(prepared)
    path = tmp_path_factory.mktemp("int8") / "model.pte"
    _to_pte(converted, example, path, xnnpack=False)
    return Quantized(path, samples, _run(converted, samples))


@pytest.fixture(params=sorted(FORMATS))
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime of this machine in turn."""
    name: str = request.param
    return name


@pytest.fixture
def mlperf_tiny() -> Path:
    """The folder of trained MLPerf Tiny models."""
    if not MLPERF_TINY.is_dir():
        pytest.skip(f"the MLPerf Tiny models are not in {MLPERF_TINY}")
    return MLPERF_TINY
