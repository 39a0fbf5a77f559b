"""Which packages a stage computes with: their versions are part of its key."""

from __future__ import annotations

from edgekd.recipe import Teacher

TRAINING = ("torch", "accelerate", "safetensors")
QUANTIZING = ("torch", "torchao", "executorch")
PRUNING = (*TRAINING, "torch-pruning")
_CONVERTING = ("torch", "litert-torch", "litert-converter", "ai-edge-quantizer")
EXPORTING = {
    "tflite": (*_CONVERTING, "ethos-u-vela"),
    "executorch": (*QUANTIZING, "coremltools", "tosa-tools", "ethos-u-vela"),
    "onnx": ("torch", "onnx", "onnxscript", "onnxruntime"),
    "coreml": (*QUANTIZING, "coremltools"),
    "c": (*_CONVERTING, "ai-edge-litert"),
}
# By format: what runs, estimates or checks a file of it.
RUNNING = {
    "tflite": ("ai-edge-litert", "ethos-u-vela"),
    "executorch": ("executorch",),
    "onnx": ("onnxruntime",),
    "coreml": ("coremltools",),
    "c": ("ai-edge-litert", "pyelftools", "capstone"),
}
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
