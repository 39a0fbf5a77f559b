"""What edgekd needs of heavy packages: their presence, their versions and their silence."""

from __future__ import annotations

import ctypes
import importlib
import io
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import metadata
from typing import TextIO

from edgekd.errors import MissingPackage

_STDOUT, _STDERR = 1, 2
_OPERATOR = re.compile(r"\b(?:aten|prims|prim|torchvision)(?:\.|::)\w+(?:\.\w+)?")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST_REASON = 200


def require(extra: str, *modules: str) -> None:
    """Make sure that modules can be imported.

    Args:
        extra: the extra of edgekd that installs them.
        modules: import names.

    Raises:
        MissingPackage: one of them is not installed; the message names it and the extra.
    """
    for module in modules:
        try:
            # transformers would import TensorFlow too: seconds, and not used there.
            with quiet(), environment_variable("USE_TF", "0"):
                importlib.import_module(module)
        except ImportError as error:
            raise MissingPackage(
                f"the package {error.name or module!r} cannot be imported",
                mend=f'pip install "edgekd[{extra}]"',
            ) from error


def versions(*distributions: str) -> dict[str, str]:
    """Name and version of each installed distribution."""
    return {name: metadata.version(name) for name in distributions}


def reason(error: BaseException) -> str:
    """Why a converter failed, in one line: the operator if one is named, and the root cause."""
    texts = [_text(error)]
    while error.__cause__ is not None:
        error = error.__cause__
        texts.append(_text(error))
    lines = [line.strip() for line in texts[-1].splitlines() if line.strip()]
    line = lines[0][:_LONGEST_REASON] if lines else type(error).__name__
    operator = next((found for text in texts for found in _OPERATOR.findall(text)), None)
    return f"operator {operator}: {line}" if operator and operator not in line else line


def _text(error: BaseException) -> str:
    # A KeyError's own text is the repr of its key.
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return _COLOUR.sub("", str(text))


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back the chatter of converters: log lines below error, warnings, native stderr.

    Also puts the root logger back, which importing a quantizer of ONNX Runtime reconfigures.
    """
    root = logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), _without(_STDERR, sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Set a variable that a package reads while it is imported; then it is as before."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def without_output() -> Iterator[None]:
    """Hold back what tools print on standard output, from Python or from native code."""
    with _without(_STDOUT, sys.stdout), redirect_stdout(io.StringIO()):
        yield


@contextmanager
def _without(descriptor: int, stream: TextIO) -> Iterator[None]:
    """Send a file descriptor elsewhere: native code does not go through Python's streams."""
    stream.flush()
    with tempfile.TemporaryFile() as sink:
        original = os.dup(descriptor)
        os.dup2(sink.fileno(), descriptor)
        try:
            yield
        finally:
            stream.flush()
            # What C's own buffers hold would otherwise come out later.
            ctypes.CDLL(None).fflush(None)
            os.dup2(original, descriptor)
            os.close(original)
