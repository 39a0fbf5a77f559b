"""What the exporters need of other people's packages."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import warnings

import pytest

from edgekd.errors import MissingPackage
from edgekd.third_party import quiet, reason, require, versions, without_output


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(MissingPackage) as caught:
        require("tflite", "json", "no_such_package_of_edgekd.inner")
    assert str(caught.value) == (
        "the package 'no_such_package_of_edgekd' cannot be imported "
        '(pip install "edgekd[tflite]")'
    )


def test_versions_are_those_that_are_installed() -> None:
    import numpy

    assert versions("numpy") == {"numpy": numpy.__version__}


def test_converters_of_language_models_leave_tensorflow_alone() -> None:
    asked = (
        "import sys; from edgekd.third_party import require; "
        "require('language', 'transformers', 'optimum.onnxruntime', 'optimum.exporters.onnx'); "
        "print('tensorflow' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "USE_TF"}
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, env=environment, check=True
    )
    assert told.stdout.strip() == "False"


def test_the_root_cause_and_its_operator_are_the_reason() -> None:
    error = RuntimeError("\x1b[96mlowering aten.fft_c2c.default\x1b[0m failed")
    error.__cause__ = KeyError("complex64\nmore of it")
    assert reason(error) == "operator aten.fft_c2c.default: complex64"


def test_an_error_without_words_is_named_by_its_kind() -> None:
    assert reason(NotImplementedError()) == "NotImplementedError"


def test_quiet_holds_back_chatter_and_puts_everything_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, root.manager.disable)
    with pytest.raises(ValueError, match="kept"):
        chatter_and_fail()
    assert (root.handlers[:], root.level, root.manager.disable) == before
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


@quiet()
def chatter_and_fail() -> None:
    logging.basicConfig(level=logging.DEBUG, force=True)
    logging.getLogger("converter").warning("a logged warning")
    warnings.warn("a warning", stacklevel=1)
    os.write(2, b"native chatter\n")
    raise ValueError("kept")


def test_native_output_is_held_back_too(capfd: pytest.CaptureFixture[str]) -> None:
    native = ctypes.CDLL(None)
    with without_output():
        sys.stdout.write("from Python\n")
        native.printf(b"from C, which keeps it in a buffer of its own\n")
    native.fflush(None)
    sys.stdout.write("after it\n")
    assert capfd.readouterr().out == "after it\n"
