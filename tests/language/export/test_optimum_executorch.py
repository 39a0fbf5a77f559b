"""Hugging Face models in ExecuTorch, made in another environment and run in this one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.export.optimum_executorch import TOOL, export_hugging_face
from edgekd.language.llama import to_transformers
from edgekd.tool_environments import find_tool
from tests.language.models import tiny_model

CACHE = 16


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BadInput, match=r"holds no config\.json with safetensors weights"):
        export_hugging_face(tmp_path, "int4", CACHE, tmp_path)


def test_int4_runs_here_with_its_cache(tmp_path: Path) -> None:
    """In calls of many tokens and of one, up to the last position; then from the start again."""
    if not find_tool(TOOL).ready and not os.environ.get("CI"):
        pytest.skip(f"edgekd setup --tool {TOOL} is needed")
    model = tiny_model(layers=1, width=32, feed_forward=32)
    to_transformers(model).save_pretrained(tmp_path / "model")
    exported = export_hugging_face(tmp_path / "model", "int4", CACHE, tmp_path)
    assert exported.preflight.operators["XNNFullyConnected"] == 8
    assert exported.preflight.operators["quantized_decomposed::embedding_byte"] == 1
    assert exported.tools["transformers"] == "5.0.0rc1"
    assert "int8 embedding rows" in exported.scheme
    tokens = torch.tensor(np.random.default_rng(0).integers(1, 97, (1, CACHE)))
    whole = run(exported.path, tokens, [CACHE])
    np.testing.assert_allclose(run(exported.path, tokens, [9, 1, 6]), whole, atol=1e-4)
    with torch.no_grad():
        exact = model(tokens)[0].numpy()
    # Int4 weights that nothing was trained for, in a layer of 32 inputs.
    assert np.corrcoef(whole.ravel(), exact.ravel())[0, 1] > 0.9


def run(path: Path, tokens: torch.Tensor, calls: list[int]) -> npt.NDArray[np.float32]:
    """Logits ``[T, vocabulary]``; the cache holds what an earlier conversation left."""
    import executorch.kernels.quantized  # noqa: F401  (of the embedding)
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(path).load_method("forward")
    method.execute([tokens.flip(1), torch.arange(CACHE)])
    found, position = [], 0
    for count in calls:
        positions = torch.arange(position, position + count)
        [logits] = method.execute([tokens[:, position : position + count], positions])
        found.append(logits[0].numpy().copy())
        position += count
    return np.concatenate(found)
