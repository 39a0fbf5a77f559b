"""What is written for TensorFlow Lite Micro, compiled by real compilers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator
from torch import nn

from edgekd.errors import BadInput, RunFailed
from edgekd.export.tflite import TfliteExporter
from edgekd.export.tflm import TflmExport, write_tflm
from edgekd.export.tflm_operators import RESOLVER_METHODS
from tests.conftest import MLPERF_TINY
from tests.export.networks import SHAPES, export, network

needs_files = pytest.mark.skipif(
    not MLPERF_TINY.is_dir(), reason=f"the MLPerf Tiny models are not in {MLPERF_TINY}"
)
COMPILERS = ("arm-none-eabi-g++", "g++")
FLAGS = ("-std=c++14", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "-c")
CALL = re.compile(r"resolver\.Add(\w+)\(\)")
# Names and shapes as in TensorFlow Lite Micro's header, in either of its namespaces.
HEADER = """
namespace {outer} {{
enum TfLiteStatus {{ kTfLiteOk = 0, kTfLiteError = 1 }};
template <unsigned int tOpCount>
class MicroMutableOpResolver {{
 public:
{methods}
}};
}}
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TflmExport]:
    out = tmp_path_factory.mktemp("tflm")
    model = export(TfliteExporter(), network("28x28"), SHAPES["28x28"], "int8", out / "model")
    return model.path, write_tflm(model.path, out)


def compile_with(compiler: str, source: Path, folder: Path, *flags: str) -> Path:
    made = folder / f"{source.stem}.o"
    command = [compiler, *FLAGS, *flags, str(source), "-o", str(made)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return made


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_data_is_the_model(
    compiler: str, written: tuple[Path, TflmExport], tmp_path: Path
) -> None:
    model, made = written
    object_file = compile_with(compiler, made.data, tmp_path)
    content = tmp_path / "content"
    objcopy = compiler.replace("g++", "objcopy")
    subprocess.run(
        [objcopy, "-O", "binary", "--only-section=.rodata", object_file, content], check=True
    )
    assert model.read_bytes() in content.read_bytes()


def test_the_data_is_aligned(written: tuple[Path, TflmExport], tmp_path: Path) -> None:
    object_file = compile_with("arm-none-eabi-g++", written[1].data, tmp_path)
    symbols = subprocess.run(
        ["arm-none-eabi-nm", object_file], capture_output=True, text=True, check=True
    ).stdout
    [address] = re.findall(r"^([0-9a-f]+) R model_data$", symbols, re.MULTILINE)
    assert int(address, 16) % 16 == 0


@pytest.mark.parametrize("namespace", ["tflite", "tflite::micro"])
def test_the_resolver_compiles_in_both_namespaces(
    namespace: str, written: tuple[Path, TflmExport], tmp_path: Path
) -> None:
    header = tmp_path / "tensorflow" / "lite" / "micro" / "micro_mutable_op_resolver.h"
    header.parent.mkdir(parents=True)
    methods = [f"  TfLiteStatus Add{name}() {{ return kTfLiteOk; }}" for name in _methods()]
    nested = namespace.replace("::", " { namespace ")
    close = "}" if "::" in namespace else ""
    header.write_text(HEADER.format(outer=nested, methods="\n".join(methods)) + close)
    source = tmp_path / "use.cc"
    source.write_text(
        '#include "model_resolver.h"\n'
        "bool use(); bool use() { model_resolver::Resolver r; return AddModelOperators(r); }\n"
    )
    compile_with("g++", source, tmp_path, f"-I{tmp_path}", f"-I{written[1].resolver.parent}")


def test_the_resolver_adds_each_operator_once(written: tuple[Path, TflmExport]) -> None:
    text = written[1].resolver.read_text()
    calls = CALL.findall(text)
    assert len(calls) == len(set(calls))
    assert {"AveragePool2D", "Conv2D", "FullyConnected", "Reshape"} <= set(calls)
    assert calls == [RESOLVER_METHODS[name] for name in written[1].operators]
    assert f"MicroMutableOpResolver<{len(calls)}>" in text


def test_the_arena_is_what_the_interpreter_uses(written: tuple[Path, TflmExport]) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    model, made = written
    assert made.arena_bytes is not None
    assert f"#define MODEL_TENSOR_ARENA_BYTES {made.arena_bytes}\n" in made.resolver.read_text()
    # The size holds the model, and is no guess far above what it needs.
    runtime.Interpreter.from_file(str(model), arena_size=made.arena_bytes + 1024)
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_file(str(model), arena_size=made.arena_bytes - 1024)


@needs_files
@pytest.mark.parametrize(
    ("name", "head"), [("kws", 16_000), ("ic", 49_152), ("vww", 55_296), ("ad", 768)]
)
def test_mlperf_tiny(name: str, head: int, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="pip install edgekd[tflm]")
    made = write_tflm(MLPERF_TINY / f"{name}_int8.tflite", tmp_path)
    assert made.arena_bytes is not None
    # Its tensors alone take `head` bytes at least.
    assert head < made.arena_bytes < 2 * head + 16 * 1024
    assert len(CALL.findall(made.resolver.read_text())) == len(made.operators)


@needs_files
def test_without_the_interpreter_the_arena_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a machine for which there is no wheel, aarch64 for one.
    monkeypatch.setattr("edgekd.export.tflm.find_spec", lambda name: None)
    made = write_tflm(MLPERF_TINY / "ad_int8.tflite", tmp_path)
    text = made.resolver.read_text()
    assert made.arena_bytes is None
    assert "unknown: tflite-micro is not installed" in text
    assert "MODEL_TENSOR_ARENA_BYTES" not in text


def test_an_operator_that_it_has_not_is_named(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 4)).eval()
    exported = export(TfliteExporter(), model, (16,), "int8", tmp_path / "model")
    with pytest.raises(BadInput, match="GELU"):
        write_tflm(exported.path, tmp_path)
    assert not list(tmp_path.glob("model_*"))


@needs_files
def test_a_model_that_the_interpreter_refuses(tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="pip install edgekd[tflm]")
    with pytest.raises(BadInput, match="Hybrid models are not supported"):
        write_tflm(MLPERF_TINY / "kws_float32.tflite", tmp_path)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "noise.tflite"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(BadInput, match="is not a TFLite file"):
        write_tflm(path, tmp_path)


def test_a_folder_that_cannot_be_written(written: tuple[Path, TflmExport], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailed, match="cannot be written"):
        write_tflm(written[0], tmp_path / "file")


def test_the_table_names_operators_of_the_schema() -> None:
    schema = {name for name in vars(BuiltinOperator) if name.isupper()}
    assert set(RESOLVER_METHODS) <= schema
    for operator, method in RESOLVER_METHODS.items():
        assert method.upper() == operator.replace("_", "")


def _methods() -> list[str]:
    return sorted(set(RESOLVER_METHODS.values()))
