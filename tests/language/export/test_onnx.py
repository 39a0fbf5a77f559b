"""Decoders in ONNX: with a past as without it, and the very tokens that torch writes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from edgekd.errors import BadInput, Unavailable
from edgekd.language.export.contract import ExportedDecoder
from edgekd.language.export.onnx import export_onnx
from edgekd.language.export.onnx_weights import pack
from edgekd.language.network import CausalLanguageModel
from edgekd.records import Precision
from tests.language.models import tiny_model

SIZES = {"width": 64, "head_width": 16, "feed_forward": 96, "context": 256}
PROMPT = [5, 17, 3, 80]
NEW_TOKENS = 24
Past = list[npt.NDArray[np.float32]]


class File:
    """An exported decoder in ONNX Runtime, called as its inputs and outputs are documented."""

    def __init__(self, model: CausalLanguageModel, precision: Precision, folder: Path) -> None:
        self.exported: ExportedDecoder = export_onnx(model, precision, 64, folder)
        self.bytes = self.exported.path.stat().st_size
        self.graph = onnx.load(self.exported.path).graph
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.exported.path, options)
        sizes = model.architecture
        empty = np.zeros((1, sizes.key_value_heads, 0, sizes.head_width), np.float32)
        self.no_past: Past = [empty] * (2 * sizes.layers)

    def run(self, tokens: list[int], past: Past) -> tuple[npt.NDArray[np.float32], Past]:
        """Logits ``[T, vocabulary]`` and the next past."""
        before, end = past[0].shape[2], past[0].shape[2] + len(tokens)
        feeds: dict[str, Any] = {
            "input_ids": np.array([tokens]),
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(before, end)[None],
        }
        names = [item.name for item in self._session.get_inputs() if "past" in item.name]
        logits, *present = self._session.run(None, {**feeds, **dict(zip(names, past, strict=True))})
        return logits[0], present

    def greedy(self) -> list[int]:
        tokens = list(PROMPT)
        logits, past = self.run(tokens, self.no_past)
        while len(tokens) < len(PROMPT) + NEW_TOKENS:
            tokens.append(int(logits[-1].argmax()))
            logits, past = self.run(tokens[-1:], past)
        return tokens


@cache
def model_of(tied: bool) -> CausalLanguageModel:
    return tiny_model(tied_embeddings=tied, **SIZES)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def exported(precision: Precision, tied: bool) -> File:
        return File(model_of(tied), precision, tmp_path_factory.mktemp("decoder"))

    return exported


def torch_greedy(model: torch.nn.Module) -> list[int]:
    tokens = list(PROMPT)
    with torch.no_grad():
        while len(tokens) < len(PROMPT) + NEW_TOKENS:
            tokens.append(int(model(torch.tensor([tokens]))[0, -1].argmax()))
    return tokens


def on_grid(model: CausalLanguageModel, bits: int) -> CausalLanguageModel:
    """An untied copy, its layers rounded: int4 in groups of 32, or int8 per row as all else."""
    sizes = model.architecture.model_copy(update={"tied_embeddings": False})
    rounded = CausalLanguageModel(sizes).eval()
    rounded.load_state_dict(model.state_dict())
    with torch.no_grad():
        for table in (rounded.embedding, rounded.output):
            table.weight.copy_(reference_grid(table.weight, 8))
        for layer in rounded.layers.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight.copy_(reference_grid(layer.weight, bits))
    return rounded


def reference_grid(weight: torch.Tensor, bits: int) -> torch.Tensor:
    groups = weight.detach().reshape(-1, 32 if bits == 4 else weight.shape[1])
    limit = 2 ** (bits - 1) - 1
    scale = groups.abs().amax(dim=1, keepdim=True) / limit
    scale = scale.bfloat16().float() if bits == 4 else scale
    rounded: torch.Tensor = (groups / scale).round().clamp(-limit, limit) * scale
    return rounded.reshape(weight.shape)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_floats_write_torchs_tokens(files: Any, precision: Precision, tied: bool) -> None:
    assert files(precision, tied).greedy() == torch_greedy(model_of(tied))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("int4", 4)])
def test_integers_have_the_logits_of_torch_on_the_same_grid(
    files: Any, precision: Precision, bits: int, tied: bool
) -> None:
    """All that differs is that activations are int8 too: far less than int4 weights make."""
    tokens = list(np.random.default_rng(0).integers(1, 97, 32))
    with torch.no_grad():
        exact = on_grid(model_of(tied), bits)(torch.tensor([tokens]))[0].numpy()
        fp32 = model_of(tied)(torch.tensor([tokens]))[0].numpy()
    logits, _ = files(precision, tied).run(tokens, files(precision, tied).no_past)
    spread = exact.std()
    assert np.sqrt(np.mean((logits - exact) ** 2)) < 0.05 * spread
    if bits == 4:
        assert np.sqrt(np.mean((exact - fp32) ** 2)) > 0.1 * spread


@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("int4", 4)])
def test_integers_write_torchs_tokens_until_two_are_nearly_as_good(
    files: Any, precision: Precision, bits: int
) -> None:
    model = on_grid(model_of(True), bits)
    found, expected = files(precision, True).greedy(), torch_greedy(model)
    for place, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        if mine != theirs:
            with torch.no_grad():
                logits = model(torch.tensor([expected[:place]]))[0, -1]
            assert logits[theirs] - logits[mine] < 0.1 * logits.std()
            break


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_with_a_past_is_as_without(files: Any, precision: Precision) -> None:
    tokens = [int(token) for token in np.random.default_rng(1).integers(1, 97, 12)]
    file = files(precision, True)
    whole, _ = file.run(tokens, file.no_past)
    parts, past = [], file.no_past
    for start, end in ((0, 7), (7, 8), (8, 12)):
        logits, past = file.run(tokens[start:end], past)
        parts.append(logits)
    # Rounding may put an activation on the next int8 level.
    tolerance = 1e-5 if precision in ("fp32", "fp16") else 1e-2 * whole.std()
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=tolerance)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("inputs", [32, 96])
def test_packed_integers_are_those_of_the_grid(bits: Literal[4, 8], inputs: int) -> None:
    """Weights that were trained on it stay on it, to the bit."""
    torch.manual_seed(0)
    weight = reference_grid(torch.randn(5, inputs), bits)
    packed, scales = pack(weight.numpy(), bits)
    halves = np.stack((packed & 15, packed >> 4), axis=3) if bits == 4 else packed
    values = halves.reshape(5, inputs // 32, 32).astype(np.int16) - 2 ** (bits - 1)
    np.testing.assert_array_equal((values * scales[:, :, None]).reshape(5, inputs), weight.numpy())


def test_int8_takes_any_width(tmp_path: Path) -> None:
    """The last group is filled up with zeros."""
    model = tiny_model()
    assert model.architecture.width % 32
    with torch.no_grad():
        exact = on_grid(model, 8)(torch.tensor([PROMPT]))[0].numpy()
    file = File(model, "int8", tmp_path)
    logits, _ = file.run(PROMPT, file.no_past)
    assert np.sqrt(np.mean((logits - exact) ** 2)) < 0.05 * exact.std()


def test_each_precision_is_as_small_as_its_weights(files: Any) -> None:
    """Scales are a float32 for 32 weights. At int4 embedding and output layer have int8 rows."""
    model = model_of(True)
    count = sum(parameter.numel() for parameter in model.parameters())
    table = model.embedding.weight.numel()
    graph = files("fp32", True).bytes - 4 * count
    bits = {"fp16": 16 * count, "int8": 9 * count, "int4": 5 * (count - table) + 9 * table}
    for precision, expected in bits.items():
        # Names and operators differ a little, and norms stay float32.
        assert files(precision, True).bytes - graph == pytest.approx(expected / 8, abs=0.1 * graph)


def test_the_preflight_counts_integer_kernels(files: Any) -> None:
    exported = files("int4", True).exported
    assert exported.preflight.operators["MatMulNBits"] == 15
    assert exported.preflight.operators["GatherBlockQuantized"] == 1
    assert "int8 embedding" in exported.scheme
    assert "MatMulNBits" not in exported.preflight.float_fallbacks
    assert files("fp32", True).exported.preflight.float_fallbacks == {}
    assert files("fp16", True).exported.preflight.float_fallbacks == {}
    assert exported.prefill == []
    assert set(exported.tools) >= {"optimum-onnx", "onnxruntime"}


def test_nothing_of_the_exporting_machine_is_in_the_file(files: Any) -> None:
    content = files("int4", True).exported.path.read_bytes()
    assert b"site-packages" not in content
    assert b"/tmp" not in content


def test_int4_layers_without_whole_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="int4 needs a multiple of 32 inputs"):
        export_onnx(tiny_model(), "int4", 64, tmp_path)


def test_weights_beyond_float16_are_refused(tmp_path: Path) -> None:
    model = tiny_model()
    with torch.no_grad():
        model.get_parameter("layers.0.attention.query.weight")[0, 0] = 1e6
    with pytest.raises(Unavailable, match="beyond float16"):
        export_onnx(model, "fp16", 64, tmp_path)
