"""Teachers: one module for each kind, asked once about each view."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from edgekd.errors import BadInput
from edgekd.files import digest, files_below, sha256_of
from edgekd.recipe import Teacher

if TYPE_CHECKING:
    from edgekd.teachers.contract import LoadedTeacher

_MODULES = {"onnx": "onnx_file", "tflite": "tflite_file", "keras": "keras_model"}


def open_teacher(spec: Teacher, path: Path) -> LoadedTeacher:
    """Open a teacher that is a file of another framework.

    Args:
        spec: of kind ``onnx``, ``tflite`` or ``keras``.
        path: the file, or the folder of a SavedModel.

    Raises:
        BadInput: not a file of this kind, or a model that is no classifier of one input.
        MissingPackage: its runtime is not installed.
    """
    if spec.kind not in _MODULES:
        raise BadInput(f"{spec.kind} is no file that a runtime opens", where="teacher.kind")
    _check_exists(path)
    module = importlib.import_module(f"edgekd.teachers.{_MODULES[spec.kind]}")
    teacher: LoadedTeacher = module.open_teacher(path, spec)
    return teacher


def fingerprint(spec: Teacher, location: str) -> str:
    """What identifies a teacher that is not trained here: all that loading it would read.

    Args:
        spec: of any kind but ``torch``.
        location: its file or folder, or its Hugging Face id.

    Raises:
        BadInput: there is no such file, or it names files that are not there.
    """
    path = Path(location)
    if spec.kind == "hugging-face":
        from edgekd.teachers import hugging_face

        return hugging_face.fingerprint(location, spec.revision)
    _check_exists(path)
    if path.is_dir():
        return digest({str(file.relative_to(path)): sha256_of(file) for file in files_below(path)})
    if spec.kind == "onnx":
        from edgekd.teachers import onnx_file

        return digest([sha256_of(file) for file in onnx_file.files_of(path)])
    return sha256_of(path)


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise BadInput("there is no such file", where=str(path), mend="check teacher.path")
