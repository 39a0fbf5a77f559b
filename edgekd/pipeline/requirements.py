"""Says what is missing before hours are spent."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from edgekd.devices.readiness import missing_for
from edgekd.errors import MissingPackage
from edgekd.pipeline.ladders import AnySetup
from edgekd.pipeline.language.setup import LanguageSetup
from edgekd.pipeline.parts import Until
from edgekd.recipe import Recipe
from edgekd.target import Target

_EXTRAS = {
    "torch": "train",
    "accelerate": "train",
    "safetensors": "train",
    "scipy": "report",
    "jinja2": "report",
    "matplotlib": "report",
    "litert_torch": "tflite",
    "ai_edge_quantizer": "tflite",
    "ai_edge_litert": "tflite",
    "executorch": "executorch",
    "torchao": "executorch",
    "coremltools": "executorch",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "tensorflow": "teachers",
    "transformers": "teachers",
    "torch_pruning": "prune",
    "tokenizers": "text",
    "optimum": "language",
}
_FORMAT_PACKAGES = {
    "tflite": ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
    "executorch": ("executorch", "torchao"),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "coreml": ("executorch", "torchao", "coremltools"),
    "c": ("litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
}

_REPORT_PACKAGES = ("scipy", "jinja2", "matplotlib")
_TEACHER_PACKAGES = {
    "torch": (),
    "onnx": ("onnxruntime",),
    "tflite": ("ai_edge_litert",),
    "keras": ("tensorflow",),
    "hugging-face": ("transformers",),
    "recorded": (),
}


def require_packages(setup: AnySetup, until: Until) -> None:
    """Say which package is missing before hours are spent.

    Raises:
        MissingPackage: the first one, with the extra that brings it.
    """
    wanted = ["torch", "accelerate", "safetensors"]
    if isinstance(setup, LanguageSetup):
        wanted += ["tokenizers", "transformers"]
    else:
        wanted += _of_classifier(setup.recipe)
    if until != "distill":
        wanted += ["torchao", "executorch"] if setup.recipe.compress.precisions else []
        if not isinstance(setup, LanguageSetup) and setup.recipe.prune:
            wanted += ["torch_pruning"]
    if until in ("export", "bench"):
        for target in setup.targets:
            wanted += _FORMAT_PACKAGES[target.format]
    if until == "bench":
        wanted += _REPORT_PACKAGES
    _require(wanted)
    if until == "bench":
        for target in setup.targets:
            _require_tools(target)


def _of_classifier(recipe: Recipe) -> list[str]:
    wanted = ["tokenizers"] if recipe.data.text else []
    for member in recipe.teacher.members:
        wanted += _TEACHER_PACKAGES[member.kind]
    return wanted


def _require_tools(target: Target) -> None:
    """Compilers, emulators and ports: better missed now than after the training.

    Without a vendor's SDK the cells of its target are unavailable, each with that reason.
    """
    if target.sdk is not None:
        return
    for missing in missing_for(target):
        if missing.needed:
            raise MissingPackage(
                f"{target.name} needs {missing.what}",
                mend=f"edgekd setup {target.name}, or {missing.mend}",
            )


def require_report_packages() -> None:
    """Say which package of the reports is missing.

    Raises:
        MissingPackage: the first one, with the extra that brings it.
    """
    _require(_REPORT_PACKAGES)


def _require(names: Sequence[str]) -> None:
    for name in names:
        if find_spec(name) is None:
            raise MissingPackage(
                f"the package {name} is not installed",
                mend=f'pip install "edgekd[{_EXTRAS[name]}]"',
            )
