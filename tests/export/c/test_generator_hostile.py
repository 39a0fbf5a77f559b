"""Hostile model files through the whole export: one clear error, or a library that compiles."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from edgekd.errors import EdgekdError
from edgekd.export.c.generate import Library, generate
from edgekd.export.c.step import Instructions
from edgekd.pipeline.foreign.export import export_file
from tests.export.c.executable import run_sanitized
from tests.export.c.host_library import WARNINGS, build_for_host, random_inputs
from tests.export.c.mutants import mutants
from tests.export.c.one_operator import ONE_OPERATOR, small_network

FILES = {"model.c", "model.h", "CMakeLists.txt", "example.c", "model.tflite", "bundle.json"}
# Seconds for any small file, however it was damaged, with much to spare for a busy machine.
LIMIT = 60
unshrunk = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)


def generated(content: bytes, instructions: Instructions) -> Library | None:
    """The library; ``None`` where the file is refused."""
    with tempfile.TemporaryDirectory() as name:
        model = Path(name) / "model.tflite"
        model.write_bytes(content)
        began = time.monotonic()
        try:
            return generate(model, instructions, "size")
        except EdgekdError:
            return None
        finally:
            assert time.monotonic() - began < LIMIT
            assert os.listdir(name) == ["model.tflite"]


def survived(content: bytes, instructions: Instructions) -> bool:
    """In a process of its own: what aborts must not take the other tests with it."""
    child = os.fork()
    if not child:
        status = 1
        try:
            generated(content, instructions)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@settings(unshrunk, max_examples=300)
@given(content=mutants(), instructions=st.sampled_from(["plain", "dsp", "mve"]))
def test_the_generator_survives(content: bytes, instructions: Instructions) -> None:
    assert survived(content, instructions)


@pytest.mark.parametrize("scale", [4e-45, 3e38])
def test_extreme_scales(scale: float) -> None:
    """Of each tensor of each operator, where LiteRT stops the process instead of failing."""
    failed = []
    for name, build in ONE_OPERATOR.items():
        for number in range(len(build()[0].graph.tensors)):
            model, outputs = build()
            quantization = model.graph.tensors[number].quantization
            if quantization is not None and quantization.scale is not None:
                quantization.scale = [scale] * len(quantization.scale)
                if not survived(model.build(outputs), "plain"):
                    failed.append((name, number))
    assert not failed


@settings(unshrunk, max_examples=25)
@given(content=mutants().filter(lambda content: survived(content, "plain")))
def test_what_is_accepted_compiles_and_runs_clean(content: bytes) -> None:
    library = generated(content, "plain")
    assume(library is not None)
    assert library is not None
    with tempfile.TemporaryDirectory() as name:
        run_sanitized(library, Path(name), [random_inputs(library, seed=0)])


@settings(unshrunk, max_examples=15)
@given(content=mutants())
def test_the_command_writes_all_or_nothing(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "given").mkdir()
        model = root / "given" / "a.tflite"
        model.write_bytes(content)
        try:
            final = export_file(model, "cortex-m4", "int8", root / "out", None)
        except EdgekdError:
            found = {path for path in root.rglob("*") if path.is_file()}
            assert found == {model}
            assert not list(root.glob("out/*"))
        else:
            assert final == root / "out" / "cortex-m4"
            assert {path.name for path in final.iterdir()} == FILES
            assert set(root.glob("out/*")) == {final}
        assert set(root.iterdir()) <= {root / "given", root / "out"}
        assert model.read_bytes() == content


NAMES = [
    *(
        "../../evil",
        "/etc/passwd",
        '"; #error "',
        "*/ #error /*",
        "// /* */",
        "a\\",
        "a\\\nb",
        "\r\n",
    ),
    *(
        "??/\n",
        "??/",
        "%s%n",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "{input0}",
        "{missing}",
        "",
        "n" * 5000,
    ),
]


@pytest.mark.parametrize("name", NAMES, ids=map(repr, range(len(NAMES))))
def test_names_stay_names(name: str, tmp_path: Path) -> None:
    model, outputs = small_network()
    for number, tensor in enumerate(model.graph.tensors):
        tensor.name = name + str(number) * bool(name)
    file = tmp_path / "model.tflite"
    file.write_bytes(model.build(outputs))
    library = generate(file, "plain", "size")
    compiled = build_for_host(library, tmp_path / "c")
    compiled.run(random_inputs(library, seed=0))
    flags = (*WARNINGS, "-I", tmp_path / "c", "-c", tmp_path / "c" / "example.c")
    subprocess.run(["gcc", *flags, "-o", tmp_path / "example.o"], check=True)
