"""Networks of texts in every format: int32 in, tables as small as said, and torch's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from edgekd.catalog import find_targets
from edgekd.compress import quantize
from edgekd.devices.host import HostDevice
from edgekd.errors import BadInput, Unavailable
from edgekd.export import find_exporter
from edgekd.export.calibration import calibration_samples
from edgekd.export.contract import ExportedModel, ExportRequest
from edgekd.export.token_limits import token_limits
from edgekd.records import Format, Precision
from tests.export.networks import sqnr_db
from tests.export.token_networks import CLASSES, LENGTH, VOCABULARY, text_network, texts

TARGETS: dict[Format, str] = {
    "tflite": "host-litert",
    "onnx": "host-onnx",
    "executorch": "host-executorch",
}
WIDTH = 32
CALIBRATION = texts(32, seed=1)
TEXTS = texts(40, seed=2)
# Against the model that torchao quantized at this precision. ONNX Runtime's int4 grid is another;
# LiteRT's LayerNorm is in int8.
SMALLEST_SQNR: dict[tuple[str, Format, Precision], float] = {
    ("bag_of_embeddings", "tflite", "int8"): 40,
    ("bag_of_embeddings", "onnx", "int8"): 40,
    ("bag_of_embeddings", "tflite", "int4"): 40,
    ("bag_of_embeddings", "onnx", "int4"): 15,
    ("bag_of_embeddings", "executorch", "int4"): 60,
    ("transformer", "tflite", "int8"): 15,
    ("transformer", "onnx", "int8"): 20,
    ("transformer", "executorch", "int8"): 40,
}


def _request(
    model: nn.Module, precision: Precision, out: Path, quantized: nn.Module | None = None
) -> ExportRequest:
    return ExportRequest(model, (LENGTH,), precision, out, CALIBRATION, quantized, dtype="int32")


def _outputs(model: nn.Module) -> npt.NDArray[np.float32]:
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(TEXTS)).numpy(), np.float32)


def _run(exported: ExportedModel, format_: Format) -> npt.NDArray[Any]:
    [target] = find_targets([TARGETS[format_]])
    return HostDevice().run_outputs(exported.path, target, [TEXTS])[0].astype(np.float32)


@pytest.mark.parametrize(("name", "format_", "precision"), SMALLEST_SQNR)
def test_integers_answer_as_torch_does(
    tmp_path: Path, name: str, format_: Format, precision: Precision
) -> None:
    model = text_network(name, WIDTH)
    quantized = quantize(model, precision, CALIBRATION)
    exported = find_exporter(format_).export(_request(model, precision, tmp_path, quantized))
    assert [(spec.dtype, spec.shape) for spec in exported.inputs] == [("int32", [1, LENGTH])]
    assert "int32 input" in exported.scheme
    assert "embedding tables int" in exported.scheme
    noise = sqnr_db(_outputs(quantized), _run(exported, format_))
    assert noise > SMALLEST_SQNR[name, format_, precision]
    # The table in float alone would be more.
    bytes_of_table = VOCABULARY * WIDTH * (1 if precision == "int8" else 0.5)
    scales = VOCABULARY * 4
    assert bytes_of_table < exported.path.stat().st_size < bytes_of_table + scales + 110_000
    assert token_limits(exported.path, format_) == [VOCABULARY]


@pytest.mark.parametrize("format_", TARGETS)
def test_half_precision_leaves_tokens_alone(tmp_path: Path, format_: Format) -> None:
    model = text_network("bag_of_embeddings")
    exported = find_exporter(format_).export(_request(model, "fp16", tmp_path))
    assert [spec.dtype for spec in exported.inputs] == ["int32"]
    assert sqnr_db(_outputs(model), _run(exported, format_)) > 45
    assert token_limits(exported.path, format_) == [VOCABULARY]


@pytest.mark.parametrize("format_", TARGETS)
def test_rows_that_do_not_divide_are_int8(tmp_path: Path, format_: Format) -> None:
    torch.manual_seed(0)
    mean = _Mean(nn.Embedding(VOCABULARY, 40, padding_idx=0)).eval()
    quantized = quantize(mean, "int4", CALIBRATION)
    exported = find_exporter(format_).export(_request(mean, "int4", tmp_path, quantized))
    # LiteRT keeps a scale and a zero point of 8 bytes for each row.
    assert VOCABULARY * 40 < exported.path.stat().st_size < VOCABULARY * 54
    assert sqnr_db(_outputs(quantized), _run(exported, format_)) > 20


class _Mean(nn.Module):
    """A table whose rows do not divide into groups, and a layer whose inputs do."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.classifier = nn.Linear(64, CLASSES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        bag = self.embedding(tokens).mean(dim=1)
        return self.classifier(nn.functional.pad(bag, (0, 24)))  # type: ignore[no-any-return]


def test_a_network_that_mixes_types_has_no_half_precision(tmp_path: Path) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(LENGTH, CLASSES)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.linear(tokens.ne(0).to(torch.float32))  # type: ignore[no-any-return]

    with pytest.raises(Unavailable, match="cannot compute in float16"):
        find_exporter("executorch").export(_request(Mixed().eval(), "fp16", tmp_path))


def test_calibration_is_of_the_type_of_the_input(tmp_path: Path) -> None:
    model = text_network("bag_of_embeddings")
    tokens = _request(model, "int8", tmp_path)
    assert calibration_samples(tokens).dtype == np.int32
    wrong = ExportRequest(
        model, (LENGTH,), "int8", tmp_path, CALIBRATION.astype(np.float32), dtype="int32"
    )
    with pytest.raises(BadInput, match="samples of float32 do not fit an input of int32"):
        calibration_samples(wrong)
