"""What runs inside the tool environment ``optimum-executorch``; it imports nothing of edgekd.

torch, ExecuTorch and torchao are those that edgekd itself runs on: their folders come with the
request, and are looked at after the tool's own.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

# The tensors of torchao that each precision puts in the place of linear layers and embeddings.
_LINEAR = {"int8": "8da8w", "int4": "8da4w"}
_EMBEDDING = {"int8": "8w", "int4": "4w"}
_GROUP_SIZE = 32
_TOOLS = ("torch", "transformers", "optimum", "optimum-executorch", "executorch", "torchao")


def main(request: dict[str, Any]) -> dict[str, str]:
    """Write a folder of Hugging Face's as ``.pte``; the versions of the tools.

    ``packages``: folders to import from; ``model``: the folder; ``cache_length``; ``precision``:
    fp32, int8 or int4; ``embedding``: int8 or int4, for precisions below fp32; ``out``: the file.
    """
    sys.path.extend(request["packages"])
    import executorch.kernels.quantized  # noqa: F401  (registers what quantized embeddings run on)
    import torch
    from optimum.exporters.executorch.quantization import quantize_model_
    from optimum.exporters.executorch.recipes.xnnpack import export_to_executorch_with_xnnpack
    from optimum.exporters.executorch.tasks.causal_lm import load_causal_lm_model

    torch.set_num_threads(1)
    # One more than the cache, for the longest call is one token shorter. Plain attention is what
    # XNNPACK takes whole; the fused one is taken apart into operators that it does not have.
    exportable = load_causal_lm_model(
        request["model"], max_seq_len=request["cache_length"] + 1, attn_implementation="eager"
    )
    if request["precision"] != "fp32":
        quantize_model_(
            exportable.model,
            qlinear_config=_LINEAR[request["precision"]],
            qlinear_group_size=0 if request["precision"] == "int8" else _GROUP_SIZE,
            qembedding_config=_EMBEDDING[request["embedding"]],
            qembedding_group_size=0 if request["embedding"] == "int8" else _GROUP_SIZE,
        )
    [program] = export_to_executorch_with_xnnpack(exportable).values()
    with Path(request["out"]).open("wb") as file:
        program.write_to_file(file)
    return {name: metadata.version(name) for name in _TOOLS}
