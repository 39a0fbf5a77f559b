"""Exports any causal language model of Hugging Face's to ExecuTorch, by optimum-executorch.

optimum-executorch wants other versions of transformers and optimum than edgekd, so it has an
environment of its own; torch and ExecuTorch, 1.5 GB, are edgekd's in there too, which makes the
file with the very ExecuTorch that runs it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.export.executorch_preflight import inspect_executorch
from edgekd.language.export.contract import ExportedDecoder
from edgekd.tool_environments import find_tool, run_script

TOOL = "optimum-executorch"
MODEL_FILE = "model.pte"
# Hours, for a model of billions of parameters.
_SECONDS = 4 * 3600.0
_SCRIPT = Path(__file__).with_name("optimum_executorch_script.py")
_OWN_PACKAGES = ("torch", "executorch", "torchao", "numpy", "accelerate", "safetensors")
_LINEAR = {
    "int8": "int8 weights per channel (symmetric)",
    "int4": "int4 weights in groups of 32 (symmetric)",
}
_EMBEDDING = {"int8": "int8 embedding rows", "int4": "int4 embedding in groups of 32"}


def export_hugging_face(
    model: Path,
    precision: Literal["fp32", "int8", "int4"],
    cache_length: int,
    out: Path,
    embedding: Literal["int8", "int4"] = "int8",
) -> ExportedDecoder:
    """Write ``model.pte`` with a static cache, lowered to XNNPACK.

    Its method ``forward`` takes int64 ``input_ids [1, S]`` and ``cache_position [S]``, the
    positions of these tokens, ``S`` up to ``cache_length``, and gives float32 logits
    ``[1, S, vocabulary]``.

    Args:
        model: folder written by ``save_pretrained``, with safetensors weights.
        precision: of linear layers; ``int8`` and ``int4`` quantize activations to int8 at run time.
        cache_length: positions of a conversation.
        out: existing folder.
        embedding: precision of the embedding where linear layers are ``int8`` or ``int4``.

    Raises:
        BadInput: no such folder, or no tool for this platform.
        MissingPackage: ExecuTorch or pip is not installed.
        RunFailed: the tool could not be set up or failed; the message is its own.
    """
    _check_folder(model)
    path = out / MODEL_FILE
    request = {
        "packages": _package_folders(),
        "model": str(model.resolve()),
        "cache_length": cache_length,
        "precision": precision,
        "embedding": embedding,
        "out": str(path.resolve()),
    }
    answer = run_script(find_tool(TOOL), _SCRIPT, request, seconds=_SECONDS)
    try:
        tools = TypeAdapter(dict[str, str]).validate_python(answer)
    except ValidationError as error:
        raise RunFailed("it did not say its versions", where=f"tool {TOOL}") from error
    _, _, preflight = inspect_executorch(path)
    return ExportedDecoder(path, _scheme(precision, embedding), tools, preflight, prefill=[])


def _scheme(precision: Literal["fp32", "int8", "int4"], embedding: Literal["int8", "int4"]) -> str:
    if precision == "fp32":
        return "float32"
    quantized = f"{_LINEAR[precision]}, {_EMBEDDING[embedding]}"
    return f"{quantized}, activations quantized to int8 at run time, float32 cache and logits"


def _check_folder(model: Path) -> None:
    if not (model / "config.json").is_file() or not list(model.glob("*.safetensors")):
        raise BadInput(
            "holds no config.json with safetensors weights",
            where=str(model),
            mend="give a folder written by save_pretrained",
        )


def _package_folders() -> list[str]:
    """Where edgekd's own packages lie that the tool imports."""
    folders = []
    for name in _OWN_PACKAGES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise MissingPackage(
                f"the package {name!r} is not installed", mend='pip install "edgekd[executorch]"'
            )
        folders.append(str(Path(spec.submodule_search_locations[0]).parent))
    return list(dict.fromkeys(folders))
