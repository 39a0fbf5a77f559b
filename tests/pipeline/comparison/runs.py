"""Small run folders as edgekd leaves them: a report, data, outputs of the rungs, latency runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data.dataset import Dataset, save_dataset
from edgekd.files import write_json
from edgekd.measure.statistics import latency_summary, rung_accuracy
from edgekd.pipeline.actions.rung_files import RungFacts, RungOutputs, save_answers
from edgekd.records import (
    MeasuredAccuracy,
    Measurement,
    Memory,
    Parity,
    ParityStep,
    Precision,
    Report,
    Rung,
)

SAMPLES = 5000
TEACHER, FLOAT, INT8 = "teacher-fp32", "distilled-fp32", "distilled-int8"
_RUNGS: dict[str, tuple[Precision, float]] = {
    TEACHER: ("fp32", 0.98),
    FLOAT: ("fp32", 0.96),
    INT8: ("int8", 0.96),
}

Edit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Run:
    """What a run folder is made from.

    Attributes:
        seeds: of the students.
        lost: accuracy that the INT8 rung loses.
        slower: factor on the instructions of the INT8 file.
        latency: factor on all milliseconds of the host.
        slow_file: factor on those of the INT8 file beside that.
        version: of the code after training; another gives other files of the same weights.
    """

    seeds: tuple[int, ...] = (0,)
    lost: float = 0.0
    slower: float = 1.0
    latency: float = 1.0
    slow_file: float = 1.0
    version: int = 1

    def but(self, **changes: Any) -> Run:
        """The same with something changed."""
        return replace(self, **changes)

    def write(self, folder: Path) -> Path:
        """Write the run folder."""
        dataset = _dataset()
        (folder / "data").mkdir(parents=True)
        save_dataset(dataset, folder / "data")
        outputs = {
            name: [self._outputs(name, seed, dataset) for seed in self._seeds(name)]
            for name in _RUNGS
        }
        rungs = [_rung(name, outputs[name], dataset) for name in _RUNGS]
        for name, answers in outputs.items():
            for seed, answer in zip(self._seeds(name), answers, strict=True):
                _save(folder, name, seed, answer)
        report = Report(
            recipe="small",
            seeds=list(self.seeds),
            environment={"machine": {"processor": "one", "cores": 2}, "tools": {"edgekd": "1"}},
            rungs=rungs,
            measurements=[
                measurement for rung in rungs for measurement in self._measurements(folder, rung)
            ],
            facts={"data": {"source": "made", "test_samples": SAMPLES}},
        )
        write_json(folder / "report.json", report.model_dump(mode="json", by_alias=True))
        return folder

    def _seeds(self, name: str) -> Sequence[int]:
        return (7,) if name == TEACHER else self.seeds

    def _outputs(self, name: str, seed: int, dataset: Dataset) -> np.ndarray:
        """Logits of 10 classes: INT8 differs from fp32 on one sample of 500."""
        base = FLOAT if name == INT8 else name
        draw = np.random.default_rng([seed, len(base)])
        right = draw.random(SAMPLES) < _RUNGS[base][1] + draw.normal(0, 0.002)
        if name == INT8:
            other = np.random.default_rng([seed, 2])
            right ^= other.random(SAMPLES) < 0.002
            right &= other.random(SAMPLES) >= self.lost / _RUNGS[base][1]
        labels = dataset.part_labels("test")
        logits = np.zeros((SAMPLES, 10), np.float32)
        logits[np.arange(SAMPLES), np.where(right, labels, (labels + 1) % 10)] = 1
        return logits

    def _measurements(self, folder: Path, rung: Rung) -> list[Measurement]:
        seed = self._seeds(rung.name)[0]
        said = [rung.name, seed, 1 if rung.name == TEACHER else self.version]
        base = Measurement(
            rung=rung.name,
            target="host-litert",
            format="tflite",
            precision=rung.precision,
            device="host",
            artifact=f"artifacts/host-litert/{rung.name}/model.tflite",
            sha256=hashlib.sha256(repr(said).encode()).hexdigest(),
            kind="host",
            valid=True,
            accuracy=MeasuredAccuracy(value=rung.accuracy.per_seed[0], n=SAMPLES),
            parity=_parity(),
            memory=Memory(peak_rss_bytes=50_000_000, model_bytes=40_000),
            seed=seed,
        )
        counts = [700_000 + 13 * seed + 100 * index for index in range(4)]
        if rung.name == INT8:
            counts = [round(count * self.slower) for count in counts]
        emulated = base.model_copy(
            update={
                "target": "phone-a76-litert",
                "device": "qemu-arm64",
                "kind": "emulated",
                "instructions": round(sum(counts) / len(counts)),
                "instruction_counts": counts,
            }
        )
        return [self._timed(folder, base), emulated]

    def _timed(self, folder: Path, base: Measurement) -> Measurement:
        draw = np.random.default_rng([len(base.rung), *self.seeds, round(self.latency * 1000)])
        factor = self.slow_file if base.rung == INT8 else 1.0
        samples = self.latency * factor * np.exp(draw.normal(0, 0.02, 1000))
        place = f"speed/host-litert/{base.rung}/latency_ms.npy"
        (folder / place).parent.mkdir(parents=True)
        np.save(folder / place, samples)
        latency = latency_summary(samples, warmup=10, threads=1)
        return base.model_copy(update={"latency_ms": latency.model_copy(update={"samples": place})})


def _dataset() -> Dataset:
    draw = np.random.default_rng(0)
    order = np.arange(SAMPLES + 4)
    return Dataset(
        inputs=draw.integers(0, 255, (SAMPLES + 4, 1, 1, 1), dtype=np.uint8),
        labels=draw.integers(0, 10, SAMPLES + 4),
        parts={"train": order[:2], "validation": order[2:4], "test": order[4:]},
        labelled=np.arange(2),
        class_names=tuple("0123456789"),
        scale=1 / 255,
        mean=(0.0,),
        std=(1.0,),
    )


def _rung(name: str, outputs: list[np.ndarray], dataset: Dataset) -> Rung:
    outcomes = np.stack([dataset.outcomes("test", answer) for answer in outputs])
    return Rung(
        name=name,
        precision=_RUNGS[name][0],
        parameters=1000,
        macs=1000,
        bytes=4000,
        accuracy=rung_accuracy("top-1", outcomes),
    )


def _save(folder: Path, name: str, seed: int, outputs: np.ndarray) -> None:
    place = folder / ("teacher/network" if name == TEACHER else f"rungs/{name}/seed-{seed}")
    place.mkdir(parents=True)
    facts = RungFacts(
        precision=_RUNGS[name][0],
        folded=False,
        parameters=1000,
        macs=1000,
        bytes=4000,
        scheme="",
        validation_accuracy=None,
        learning_rate=None,
        steps=None,
    )
    save_answers(place, RungOutputs(outputs, outputs), facts)
    trained = FLOAT if name == INT8 else name
    (place / "weights.safetensors").write_bytes(f"{trained} {seed}".encode())


def _parity() -> Parity:
    step = ParityStep(
        step="there",
        against="torch",
        max_abs=0.1,
        sqnr_db=40.0,
        top1_agreement=0.999,
        n=SAMPLES,
        diverged=False,
    )
    return Parity(
        against="torch",
        max_abs=0.1,
        sqnr_db=40.0,
        top1_agreement=0.999,
        n=SAMPLES,
        steps=[step],
    )


def edited(run: Path, folder: Path, edit: Edit) -> Path:
    """A copy of a report, without its run folder."""
    content = json.loads((run / "report.json").read_text())
    edit(content)
    path = folder / "report.json"
    path.write_text(json.dumps(content))
    return path


def cell(content: dict[str, Any], rung: str, kind: str) -> dict[str, Any]:
    [found] = [m for m in content["measurements"] if (m["rung"], m["kind"]) == (rung, kind)]
    return found


def starts(lines: list[str], *beginnings: str) -> bool:
    return len(lines) == len(beginnings) and all(map(str.startswith, lines, beginnings))
