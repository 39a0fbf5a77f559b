"""What ``Preprocess.kt`` is asked for, and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tests.android.toolchain import compile_kotlin, core_jar, pieces, run_java

Pixels = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]

_SOURCE = Path(__file__).with_name("Preprocess.kt")


@dataclass(frozen=True)
class Case:
    """Samples for one bundle.

    Attributes:
        kind: what the app is to do with them.
        bundle: its folder.
        samples: from :func:`pictures`, :func:`sounds` or :func:`texts`.
    """

    kind: Literal["picture", "drawing", "sound", "text"]
    bundle: Path
    samples: bytes


def prepare(cases: Mapping[str, Case], folder: Path) -> dict[str, bytes]:
    """The bytes of every input of every sample, or the line of the problem, by case."""
    core = core_jar()
    program = compile_kotlin("preprocess", [_SOURCE], [core])
    lines = []
    for name, case in cases.items():
        (folder / f"{name}.samples").write_bytes(case.samples)
        files = [case.bundle, folder / f"{name}.samples", folder / f"{name}.inputs"]
        lines.append("\t".join([case.kind, *map(str, files)]))
    (folder / "cases").write_text("\n".join(lines), encoding="utf-8")
    classpath = [program, core, pieces().kotlin_runtime]
    done = run_java("dev.edgekd.host.PreprocessKt", classpath, [folder / "cases"])
    assert done.returncode == 0, done.stderr
    return {name: (folder / f"{name}.inputs").read_bytes() for name in cases}


def pictures(images: Sequence[Pixels]) -> bytes:
    """``[height, width]`` or ``[height, width, 3]`` each."""
    parts = [_integers(len(images))]
    for image in images:
        colours = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
        wide = colours.astype(np.uint32)
        argb = 0xFF000000 | wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
        parts += [_integers(image.shape[1], image.shape[0]), argb.astype(">u4").tobytes()]
    return b"".join(parts)


def sounds(clips: Sequence[tuple[Sound, int]]) -> bytes:
    """Samples between -1 and 1, and their rate in hertz."""
    parts = [_integers(len(clips))]
    for samples, rate in clips:
        parts += [_integers(len(samples)), samples.astype(">f4").tobytes(), _integers(rate)]
    return b"".join(parts)


def texts(lines: Sequence[str]) -> bytes:
    """Any text."""
    coded = [line.encode() for line in lines]
    return _integers(len(lines)) + b"".join(_integers(len(one)) + one for one in coded)


def tensor(name: str, shape: Sequence[int], **more: Any) -> dict[str, Any]:
    """An input or output of a bundle, float32 where nothing else is said."""
    return {"name": name, "shape": list(shape), "dtype": "float32", **more}


def _integers(*values: int) -> bytes:
    return np.asarray(values, dtype=">i4").tobytes()
