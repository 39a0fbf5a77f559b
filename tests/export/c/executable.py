"""A generated library as a program of its own: sanitizers, and an arena of the exact size."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgekd.export.c.generate import Library
from tests.export.c.host_library import WARNINGS, write_library
from tests.export.c.models import Array

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

# Samples from standard input, outputs to standard output. The arena has exactly the bytes that the
# library asks for: what lies behind it is poisoned. It is filled with rubbish before each run.
DRIVER = """
#define _POSIX_C_SOURCE 200112L
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    void *memory;
    if (posix_memalign(&memory, MODEL_ARENA_ALIGNMENT, MODEL_ARENA_BYTES)) return 1;
    uint8_t *arena = memory;
    for (;;) {
        memset(arena, 0xA5, MODEL_ARENA_BYTES);
        for (int i = 0; i < MODEL_INPUT_COUNT; ++i) {
            const struct model_tensor *t = &model_inputs[i];
            if (fread(arena + t->offset, 1, t->bytes, stdin) != t->bytes) {
                free(arena);
                return i != 0;
            }
        }
        model_run(arena);
        for (int i = 0; i < MODEL_OUTPUT_COUNT; ++i) {
            const struct model_tensor *t = &model_outputs[i];
            if (fwrite(arena + t->offset, 1, t->bytes, stdout) != t->bytes) return 1;
        }
    }
}
"""


def run(*command: str | Path, data: bytes = b"") -> bytes:
    done = subprocess.run(list(map(str, command)), input=data, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')[-3000:]}"
    return done.stdout


def joined(arrays: Sequence[Array]) -> bytes:
    """The bytes of all, one after the other."""
    return b"".join(values.tobytes() for values in arrays)


def run_sanitized(library: Library, folder: Path, samples: Sequence[Sequence[Array]]) -> bytes:
    """The bytes of all outputs; fails on any error that a sanitizer finds."""
    write_library(library, folder)
    (folder / "main.c").write_text(DRIVER)
    flags = (*WARNINGS, *SANITIZERS, "-g1", "-DMODEL_OWN_ARENA", "-I", folder)
    run("gcc", *flags, folder / "model.c", folder / "main.c", "-o", folder / "a")
    return run(folder / "a", data=b"".join(map(joined, samples)))
