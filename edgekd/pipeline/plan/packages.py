"""Which packages a stage computes with: their versions are part of its key."""

from __future__ import annotations

from edgekd.recipe import Teacher

TRAINING = ("torch", "accelerate", "safetensors")
QUANTIZING = ("torch", "torchao", "executorch")
PRUNING = (*TRAINING, "torch-pruning")
EXPORTING = {
    "tflite": ("torch", "litert-torch", "litert-converter", "ai-edge-quantizer"),
    "executorch": QUANTIZING,
    "onnx": ("torch", "onnx", "onnxscript", "onnxruntime"),
}
RUNTIMES = {"litert": "ai-edge-litert", "executorch": "executorch", "onnx": "onnxruntime"}
_TEACHERS = {
    "torch": (),
    "onnx": ("onnxruntime",),
    "tflite": ("ai-edge-litert",),
    "keras": ("tensorflow-cpu", "tensorflow"),
    "hugging-face": ("transformers",),
    "recorded": (),
}


def teacher_packages(teacher: Teacher) -> tuple[str, ...]:
    """Those that a teacher of this kind is run with."""
    return _TEACHERS[teacher.kind]
