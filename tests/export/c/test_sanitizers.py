"""Generated C as a user's tools see it: sanitizers, warnings, symbols, C++, threads, CMake."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgekd.export.c.generate import Library, generate
from tests.conftest import MLPERF_TINY
from tests.export.c.executable import SANITIZERS, joined, run, run_sanitized
from tests.export.c.host_library import WARNINGS, random_inputs, write_library
from tests.export.c.models import builtin_ref
from tests.export.c.one_operator import small_network
from tests.export.c.random_models import KINDS, RandomModel
from tests.export.c.random_networks import BLOCKS, RandomNetwork

# What a library may take from outside itself.
OUTSIDE = {"memcpy", "memset", "memmove"}
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]

# Each thread runs all samples in its own arena, many times, and its outputs must stay the same.
THREADS = """
#define _POSIX_C_SOURCE 200112L
#include "model.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define REPEATS 2000

static uint8_t *run(uint8_t *arena, int value, uint8_t *output)
{
    memset(arena + model_inputs[0].offset, value, model_inputs[0].bytes);
    model_run(arena);
    return memcpy(output, arena + model_outputs[0].offset, model_outputs[0].bytes);
}

static void *repeat(void *value)
{
    void *arena;
    if (posix_memalign(&arena, MODEL_ARENA_ALIGNMENT, MODEL_ARENA_BYTES)) exit(1);
    uint8_t *first = malloc(model_outputs[0].bytes), *again = malloc(model_outputs[0].bytes);
    run(arena, *(int *)value, first);
    for (int i = 0; i < REPEATS; ++i)
        if (memcmp(first, run(arena, *(int *)value, again), model_outputs[0].bytes)) exit(2);
    free(arena);
    free(again);
    return first;
}

int main(void)
{
    int values[2] = {3, 100};
    pthread_t threads[2];
    void *together[2], *alone;
    for (int i = 0; i < 2; ++i) pthread_create(&threads[i], 0, repeat, &values[i]);
    for (int i = 0; i < 2; ++i) pthread_join(threads[i], &together[i]);
    for (int i = 0; i < 2; ++i) {
        alone = repeat(&values[i]);
        if (memcmp(alone, together[i], model_outputs[0].bytes)) return 3;
        free(alone);
    }
    if (!memcmp(together[0], together[1], model_outputs[0].bytes)) return 4;
    free(together[0]);
    free(together[1]);
    return 0;
}
"""


def written(content: bytes, folder: Path) -> Library:
    model = folder / "model.tflite"
    model.write_bytes(content)
    library = generate(model, "plain", "size")
    write_library(library, folder)
    return library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network's library."""
    folder = tmp_path_factory.mktemp("library")
    model, outputs = small_network()
    written(model.build(outputs), folder)
    return folder


def assert_clean(content: bytes, samples: int) -> None:
    """Under the sanitizers, and equal to the reference."""
    with tempfile.TemporaryDirectory() as name:
        library = written(content, Path(name))
        inputs = [random_inputs(library, seed) for seed in range(samples)]
        found = run_sanitized(library, Path(name), inputs)
        assert found == b"".join(joined(builtin_ref(content, one)) for one in inputs)


seeds = st.integers(0, 2**32)
quick = settings(
    deadline=None,
    max_examples=6,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)


@settings(quick)
@given(seed=seeds, order=st.permutations(KINDS))
def test_every_operator_is_clean(seed: int, order: list[str]) -> None:
    chains = [order[first : first + 3] for first in range(0, len(order), 3)]
    assert_clean(RandomModel(seed).build(*chains), samples=3)


@settings(quick)
@given(seed=seeds, order=st.permutations(BLOCKS))
def test_networks_are_clean(seed: int, order: list[str]) -> None:
    chains = [order[first : first + 3] for first in range(0, len(order), 3)]
    assert_clean(RandomNetwork(seed).build(*chains), samples=3)


@pytest.mark.skipif(not MLPERF_TINY.is_dir(), reason=f"there are no models in {MLPERF_TINY}")
@pytest.mark.parametrize("name", ["kws", "ic", "vww", "ad"])
def test_published_models_are_clean(name: str) -> None:
    assert_clean((MLPERF_TINY / f"{name}_int8.tflite").read_bytes(), samples=2)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("optimization", ["-O0", "-O2", "-O3", "-Os"])
def test_no_warnings(folder: Path, compiler: str, optimization: str, tmp_path: Path) -> None:
    run(compiler, *WARNINGS, optimization, "-c", folder / "model.c", "-o", tmp_path / "model.o")
    run(compiler, *WARNINGS, "-I", folder, "-c", folder / "example.c", "-o", tmp_path / "example.o")


@pytest.mark.skipif(not shutil.which("g++"), reason="g++ is not installed")
def test_cpp_includes_the_header_and_links(folder: Path, tmp_path: Path) -> None:
    run("gcc", *WARNINGS, "-c", folder / "model.c", "-o", tmp_path / "model.o")
    source = '#include "model.h"\n#include "model.h"\nint main() { model_run(model_arena); }\n'
    (tmp_path / "main.cpp").write_text(source)
    flags = ("-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I", folder)
    run("g++", *flags, tmp_path / "main.cpp", tmp_path / "model.o", "-o", tmp_path / "a")
    run(tmp_path / "a")


@settings(quick)
@given(seed=seeds, order=st.permutations(KINDS))
def test_symbols(seed: int, order: list[str]) -> None:
    """Nothing that can be written but the arena; nothing from outside but three functions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(RandomModel(seed).build(order), folder)
        for flag in ("-DMODEL_OWN_ARENA", "-UMODEL_OWN_ARENA"):
            run(
                "gcc",
                *WARNINGS,
                "-fno-pie",
                flag,
                "-c",
                folder / "model.c",
                "-o",
                folder / "model.o",
            )
            lines = run("nm", folder / "model.o").decode().splitlines()
            symbols = [line.split()[-2:] for line in lines]
            writable = {symbol for kind, symbol in symbols if kind in "BbCDSsGgDd"}
            assert writable == ({"model_arena"} if flag.startswith("-U") else set())
            outside = {symbol for kind, symbol in symbols if kind == "U"}
            assert outside - {"_GLOBAL_OFFSET_TABLE_"} <= OUTSIDE
            shown = {symbol for kind, symbol in symbols if kind.isupper() and kind != "U"}
            assert shown - writable == {"model_run", "model_inputs", "model_outputs"}


def test_two_arenas_in_two_threads(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(THREADS)
    files = (folder / "model.c", tmp_path / "main.c")
    flags = ("-std=c99", "-O1", "-g1", "-fsanitize=thread", "-pthread", "-I", folder)
    run("gcc", *flags, *files, "-o", tmp_path / "a")
    run(tmp_path / "a")


def test_example_runs(folder: Path, tmp_path: Path) -> None:
    files = (folder / "model.c", folder / "example.c")
    run("gcc", *WARNINGS, *SANITIZERS, "-I", folder, *files, "-o", tmp_path / "a")
    values = np.array(run(tmp_path / "a").split(), np.int64)
    content = (folder / "model.tflite").read_bytes()
    # The example's input holds what stands for zero.
    zero = np.full((1, 7, 6, 2), -3, np.int8)
    np.testing.assert_array_equal(values, builtin_ref(content, [zero])[0].reshape(-1))


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_cmake_builds(folder: Path, tmp_path: Path) -> None:
    own = (
        "cmake_minimum_required(VERSION 3.13)\nproject(application C)\n"
        f"add_subdirectory({folder} model)\nadd_executable(application {folder}/example.c)\n"
        "target_link_libraries(application model)\n"
    )
    (tmp_path / "CMakeLists.txt").write_text(own)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_C_FLAGS=-Werror")
    run("cmake", "--build", tmp_path / "build")
    assert len(run(tmp_path / "build" / "application").split()) == 5
