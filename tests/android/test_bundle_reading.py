"""What edgekd writes, read by the app's own code on the JVM: bundles, JSON, archives, tensors."""

from __future__ import annotations

import base64
import json
import random
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.devices.contract import TensorInfo
from edgekd.devices.tensors import quantize, real_values
from edgekd.export.contract import Bundle
from tests.android.random_bundle import STORED, write_random_bundle
from tests.android.toolchain import core_jar, core_tests_jar, pieces, run_java
from tests.full_disk import run_beside

PROGRAM = "dev.edgekd.core.bundle.BundleProgram"


def classpath() -> list[Path]:
    """Of the program."""
    return [core_jar(), core_tests_jar(), pieces().kotlin_runtime]


def ask(folder: Path, questions: Sequence[dict[str, Any]]) -> list[Any]:
    """The program's answers, from one JVM."""
    asked = folder / "questions"
    asked.write_text("".join(json.dumps(one) + "\n" for one in questions), encoding="utf-8")
    done = run_java(PROGRAM, classpath(), [asked], options=["-Dfile.encoding=UTF-8"])
    assert done.returncode == 0, done.stderr
    # Not splitlines(): that divides at U+2028 too.
    answers = [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]
    assert len(answers) == len(questions)
    return answers


def expected(bundle: Bundle) -> dict[str, Any]:
    """What the app should know of a bundle."""
    unread = {"schema_version", "golden_sha256", "preflight", "tools", "library"}
    return {**bundle.model_dump(mode="json", exclude=unread), "task": task(bundle)}


def task(bundle: Bundle) -> str:
    [input_], preprocessing = bundle.inputs, bundle.preprocessing
    assert preprocessing is not None
    if preprocessing.front_end or preprocessing.text:
        return "SOUND" if preprocessing.front_end else "TEXT"
    channels = input_.shape[3 if input_.layout == "NHWC" else 1]
    return "IMAGE" if channels in (1, 3) else "NUMBERS"


def test_bundles_read_back_with_the_same_values(tmp_path: Path) -> None:
    draw = random.Random(5)
    written = [tmp_path / str(index) for index in range(60)]
    bundles = [write_random_bundle(folder, draw) for folder in written]
    answers = ask(tmp_path, [{"read": str(folder)} for folder in written])
    assert {answer["task"] for answer in answers} == {"SOUND", "IMAGE", "TEXT", "NUMBERS"}
    for bundle, answer in zip(bundles, answers, strict=True):
        assert answer == expected(bundle)


def test_json_is_read_as_python_reads_it(tmp_path: Path) -> None:
    draw = random.Random(6)
    texts = [damaged(json.dumps(random_json(draw, 4)), draw) for _ in range(3000)]
    answers = ask(tmp_path, [{"parse": text} for text in texts])
    read = 0
    for text, answer in zip(texts, answers, strict=True):
        try:
            value = strict_json(text)
        except ValueError:
            assert answer.get("reason") == "model", text
        else:
            assert answer == {"value": value}, text
            read += 1
    assert 500 < read < 2500


def random_json(draw: random.Random, depth: int) -> Any:
    kind = draw.randrange(7 if depth else 5)
    if kind == 0:
        return draw.choice([None, True, False])
    if kind == 1:
        return draw.randrange(-(2**63), 2**63) >> draw.randrange(64)
    if kind == 2:
        return draw.choice([draw.gauss(0, 1), 10 ** draw.uniform(-320, 308), 5e-324, -0.0])
    if kind < 5:
        return "".join(draw.choice('aé"\\/\n\t\x01日😀\u2028') for _ in range(draw.randrange(6)))
    if kind == 5:
        return [random_json(draw, depth - 1) for _ in range(draw.randrange(4))]
    return {f"k{draw.randrange(9)}": random_json(draw, depth - 1) for _ in range(draw.randrange(4))}


def damaged(text: str, draw: random.Random) -> str:
    """With up to three characters otherwise, more or gone."""
    for _ in range(draw.randrange(4)):
        place = draw.randrange(len(text) + 1)
        new = draw.choice(["", *'[]{},:"\\0-+.eEtfnu \n\x00', "1e400", '"k0":1,'])
        text = text[:place] + new + text[place + draw.randrange(2) :]
    return text


def strict_json(text: str) -> Any:
    """Python's reading without what it adds to the standard, and without duplicate keys."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate")
        for key, _ in pairs:
            key.encode()
        return dict(pairs)

    def real(literal: str) -> float:
        value = float(literal)
        if np.isinf(value):
            raise ValueError("infinite")
        return value

    def whole(literal: str) -> int | float:
        # What 64 bits do not hold, and a zero with a sign, are real numbers.
        fits = -(2**63) <= int(literal) < 2**63 and literal != "-0"
        return int(literal) if fits else real(literal)

    def constant(name: str) -> Any:
        raise ValueError(name)

    value = json.loads(
        text, object_pairs_hook=members, parse_int=whole, parse_float=real, parse_constant=constant
    )
    # Half of a surrogate pair.
    json.dumps(value, ensure_ascii=False).encode()
    return value


@pytest.mark.parametrize(("dtype", "scale", "zero_point"), STORED)
def test_quantization_is_pythons_to_the_bit(
    tmp_path: Path, dtype: Any, scale: float | None, zero_point: int | None
) -> None:
    from safetensors.numpy import save_file

    values = hard_values(scale or 1.0)
    save_file({"values": values}, tmp_path / "values")
    question = {
        "quantize": str(tmp_path / "values"),
        "dtype": dtype,
        "scale": scale,
        "zero_point": zero_point,
    }
    [answer] = ask(tmp_path, [question])
    info = TensorInfo(
        name="x", shape=[1, len(values)], dtype=dtype, scale=scale, zero_point=zero_point
    )
    with np.errstate(over="ignore", invalid="ignore"):
        stored = values.astype(dtype) if scale is None else quantize(values, info)
    real = real_values(stored, info)
    assert base64.b64decode(answer["stored"]) == stored.tobytes()
    assert base64.b64decode(answer["real"]) == real.tobytes()


def hard_values(scale: float) -> npt.NDArray[np.float32]:
    """Ties and their neighbours, all magnitudes, and the ends of the range."""
    draw = np.random.default_rng(8)
    ties = (np.arange(-300, 300) + 0.5).astype(np.float32) * np.float32(scale)
    near = [np.nextafter(ties, np.float32(end)) for end in (-np.inf, np.inf)]
    magnitudes = draw.normal(size=5000) * 10.0 ** draw.uniform(-12, 6, 5000)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = ((halves[1:].astype(np.float64) + halves[:-1]) / 2).astype(np.float32)
    ends = np.array([0, -0.0, 3.4e38, -3.4e38, 1e-45, 65519.996, 65520], np.float32)
    parts = [ties, *near, magnitudes.astype(np.float32), halves[::7], between[::5], ends]
    return np.concatenate(parts)


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        for file in sorted(folder.iterdir()):
            made.write(file, f"{folder.name}/{file.name}")
    return archive


def test_an_archive_of_a_bundle_unpacks(tmp_path: Path) -> None:
    bundle = write_random_bundle(tmp_path / "b", random.Random(9))
    question = {"unpack": str(zipped(tmp_path / "b", tmp_path / "b.zip"))}
    [answer] = ask(tmp_path, [{**question, "into": str(tmp_path / "into")}])
    [folder] = (tmp_path / "into").iterdir()
    assert answer == {"name": folder.name}
    for file in (tmp_path / "b").iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    assert Bundle.model_validate_json((folder / "bundle.json").read_text("utf-8")) == bundle


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    write_random_bundle(folder, random.Random(9))
    archive, disk = zipped(folder, tmp_path / "b.zip"), tmp_path / "disk"
    disk.mkdir()
    questions = tmp_path / "questions"
    questions.write_text(json.dumps({"unpack": str(archive), "into": str(disk)}) + "\n")
    program = ["java", "-XX:-UsePerfData", "-cp", ":".join(map(str, classpath())), PROGRAM]
    done = run_beside({disk: 64}, [[*program, questions], ["ls", "-A", disk]])
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    answer = json.loads(line)
    assert answer["reason"] == "storage"
    assert "No space left on device" in answer["message"]
