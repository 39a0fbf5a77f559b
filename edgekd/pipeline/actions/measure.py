"""Stage actions on an exported file: is it right (check), and what does it cost (speed)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from edgekd.data.dataset import Dataset, Indices, load_dataset
from edgekd.devices import find_device
from edgekd.devices.host import HostDevice
from edgekd.errors import RunFailed, Unavailable
from edgekd.export.bundle_file import read_bundle
from edgekd.export.c import SOURCE_MODEL
from edgekd.export.contract import Bundle
from edgekd.files import read_json, write_json
from edgekd.measure.parity import Stage as ChainStep
from edgekd.measure.parity import how_far, parity_chain
from edgekd.pipeline.actions.artifacts import (
    GOLDEN_SAMPLES,
    in_layout,
    shipped_seed_folder,
)
from edgekd.pipeline.actions.rung_files import RungOutputs, load_outputs, metric_of
from edgekd.pipeline.stage import StageContext
from edgekd.records import (
    DeviceFacts,
    Estimate,
    Latency,
    LoadTime,
    MeasuredAccuracy,
    Memory,
    Parity,
    ParityStep,
    Profile,
    Record,
)
from edgekd.target import Target

SPEED_SAMPLES = 8
RecordType = TypeVar("RecordType", bound=Record)


class Check(Record):
    """``check.json``: correctness of one artifact, over the whole test set."""

    accuracy: MeasuredAccuracy | None = None
    parity: Parity | None = None
    failures: list[str] = Field(default_factory=list)


class Speed(Record):
    """``speed.json``: cost of one artifact. ``reasons`` says why the figures are invalid."""

    reasons: list[str] = Field(default_factory=list)
    latency_ms: Latency | None = None
    load_ms: LoadTime | None = None
    instructions: int | None = None
    instruction_counts: list[int] = Field(default_factory=list)
    cycles: int | None = None
    memory: Memory = Memory()
    profile: Profile | None = None
    estimate: Estimate | None = None
    assumptions: list[str] = Field(default_factory=list)
    device_facts: DeviceFacts | None = None


@dataclass(frozen=True)
class _Exported:
    """An exported rung with what it is measured with.

    Attributes:
        dataset: with the test samples that the target is asked to run.
        rows: which of all test samples these are; ``None``: all of them.
        test_samples: how many there are in all.
    """

    bundle: Bundle
    file: Path
    target: Target
    dataset: Dataset
    rows: Indices | None
    test_samples: int

    def test_inputs(self) -> npt.NDArray[Any]:
        """Preprocessed test inputs in the artifact's own layout."""
        return in_layout(self.dataset.part_inputs("test"), self.bundle.inputs[0].layout)


def check_rung(context: StageContext) -> None:
    """Run the exported file over the test set; compare it with torch, step by step."""
    exported = _exported(context)
    if exported is None:
        return
    target = exported.target
    try:
        device = find_device(target.device)
        outputs = device.run_outputs(exported.file, target, [exported.test_inputs()])[0]
        check = _compare(context, exported, outputs.astype(np.float32))
    except Unavailable:
        # An estimator or a target without a runtime: there are no outputs to check.
        check = Check()
    except RunFailed as error:
        check = Check(failures=[str(error)])
    write_json(context.out / "check.json", check.model_dump(mode="json"))


def measure_rung(context: StageContext) -> None:
    """Latency and memory of the exported file, each in a process of its own."""
    exported = _exported(context)
    if exported is None:
        return
    inputs = exported.test_inputs()[:SPEED_SAMPLES]
    device = find_device(exported.target.device)
    figures = device.measure(exported.file, exported.target, [inputs])
    latency = figures.latency_ms
    if figures.samples_ms is not None and latency is not None:
        np.save(context.out / "latency_ms.npy", figures.samples_ms, allow_pickle=False)
        latency = latency.model_copy(
            update={"samples": f"{context.parameters['stage']}/latency_ms.npy"}
        )
    speed = Speed(
        reasons=figures.reasons,
        latency_ms=latency,
        load_ms=figures.load_ms,
        instructions=figures.instructions,
        instruction_counts=figures.instruction_counts,
        cycles=figures.cycles,
        memory=figures.memory,
        profile=figures.profile,
        estimate=figures.estimate,
        assumptions=figures.assumptions,
        device_facts=figures.device_facts,
    )
    write_json(context.out / "speed.json", speed.model_dump(mode="json"))


def _exported(context: StageContext) -> _Exported | None:
    """``None`` where the format could not hold the rung: there is nothing to measure."""
    folder = context.folder(context.parameters["artifact"])
    bundle = read_bundle(folder)
    if bundle is None:
        return None
    target = Target.model_validate(context.parameters["target"])
    dataset = load_dataset(context.folder("data"))
    if context.parameters["of_teacher"]:
        dataset = dataset.as_teacher_sees()
    test_samples, rows = len(dataset.parts["test"]), None
    limit = target.accuracy_samples
    if limit is not None and limit < test_samples:
        dataset, rows = dataset.drawn("test", limit, context.parameters["draw_seed"])
    return _Exported(bundle, folder / bundle.model, target, dataset, rows, test_samples)


def read_check(folder: Path) -> Check:
    """Read ``check.json``."""
    return _read(folder / "check.json", Check)


def read_speed(folder: Path) -> Speed:
    """Read ``speed.json``."""
    return _read(folder / "speed.json", Speed)


def _compare(context: StageContext, exported: _Exported, outputs: npt.NDArray[np.float32]) -> Check:
    reference = _reference(context, exported)
    bundle, target = exported.bundle, exported.target
    quantized = bundle.precision not in ("fp32", "fp16")
    classes = exported.dataset.task == "classification"
    chain = [ChainStep("torch", reference.test_float, quantized=False)]
    if bundle.precision != "fp32":
        chain.append(ChainStep(f"torch-{bundle.precision}", reference.test, quantized=quantized))
    generated = bundle.library is not None
    if generated:
        chain.append(ChainStep("litert-reference", _source_outputs(exported), quantized=True))
    chain.append(ChainStep(target.name, outputs, quantized=quantized, exact=generated))
    parity = parity_chain(chain, classes=classes)
    if exported.rows is None:
        golden = float(np.abs(outputs - reference.test)[:GOLDEN_SAMPLES].max())
        parity = parity.model_copy(update={"golden_max_abs": golden})
    failures = []
    if parity.steps[-1].diverged:
        failures.append(f"parity: {target.name} {how_far(parity)}")
    elif generated and parity.steps[-2].diverged:
        failures.append(f"parity: the TFLite file it was generated from {_below(parity.steps[-2])}")
    accuracy = MeasuredAccuracy(
        value=metric_of(exported.dataset, "test", outputs),
        n=len(outputs),
        sampled_from=None if exported.rows is None else exported.test_samples,
    )
    return Check(accuracy=accuracy, parity=parity, failures=failures)


def _reference(context: StageContext, exported: _Exported) -> RungOutputs:
    """What torch gave for the samples that the target ran."""
    outputs = load_outputs(context.folder(shipped_seed_folder(context)))
    if exported.rows is None:
        return outputs
    return RungOutputs(outputs.test[exported.rows], outputs.test_float[exported.rows])


def _source_outputs(exported: _Exported) -> npt.NDArray[np.float32]:
    """What LiteRT's reference kernels say of the file that a C library was generated from."""
    target = exported.target.model_copy(update={"runtime": "litert"})
    file = exported.file.with_name(SOURCE_MODEL)
    inputs = [exported.test_inputs()]
    return HostDevice().run_outputs(file, target, inputs, reference=True)[0].astype(np.float32)


def _below(step: ParityStep) -> str:
    return f"agrees with {step.against} on {step.top1_agreement or 0:.1%} of {step.n} samples"


def _read(path: Path, model: type[RecordType]) -> RecordType:
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        raise RunFailed("is damaged", where=str(path), mend="delete it and run again") from error
