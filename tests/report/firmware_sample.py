"""The sample report with microcontrollers: emulated, estimated, by a vendor's tool, not run."""

from __future__ import annotations

from edgekd.records import (
    Cost,
    Layer,
    Library,
    MeasuredAccuracy,
    Measurement,
    Memory,
    MemoryBlock,
    MemoryMap,
    Profile,
    Report,
    UnavailableCell,
)
from edgekd.records import Latency as _Latency

from .sample import STUDENT, sample_report

INT8, QAT = "distilled-int8", "distilled-int8-qat"
CLOCK_HZ = 80_000_000
NO_WAIT_STATES = "no wait states: flash, RAM and bus answer at once"
TIMING_TABLE = "timing table of cortex-m4: the core's manual"
NOT_RUN_REASON = "exported, not run: there is no ethos-u55-128 runtime to run it with"
INVALID = "parity: does not equal litert-reference to the bit on 1000 samples"

FLASH = {
    **{"start-up": 216, "code": 4488, "c-library": 420, "unnamed": 20, "data": 96},
    **{"tables": 1024, "bias": 9276, "weights": 22032, "parameters": 392, "harness": 5000},
}
RAM = {"stack": 4096, "arena": 8784, "harness": 700}
_LAYERS = (("conv_2d", 320_000, 412_976), ("depthwise_conv_2d", 72_000, 166_673))


def library() -> Library:
    """Two layers that compute, a reshape that vanishes, and the arena they need."""
    names = [f"model_layer_{number}_{kind}" for number, (kind, _, _) in enumerate(_LAYERS)]
    layers = [
        Layer(name=name, kernel="dsp, two channels in a halfword", macs=macs)
        for name, (_, macs, _) in zip(names, _LAYERS, strict=True)
    ]
    blocks = [
        MemoryBlock(name="input", kind="tensor", first=-1, last=0, offset=7428, bytes=490),
        MemoryBlock(name="conv", kind="tensor", first=0, last=1, offset=0, bytes=8000),
        MemoryBlock(name="operator 1", kind="scratch", first=1, last=1, offset=8000, bytes=784),
    ]
    return Library(
        layers=[*layers, Layer(name="model_layer_2_reshape", kernel="-", macs=0)],
        passes=["dead channels: removed 12 of 64 channels"],
        memory_map=MemoryMap(
            steps=[*names, "model_layer_2_reshape"],
            blocks=blocks,
            arena_bytes=8784,
            lower_bound=8640,
            peak_step=1,
        ),
    )


def profile(faster: float = 1.0) -> Profile:
    """What the layers of ``library`` take; thirteen functions."""
    costs = [round(cost * faster) for _, _, cost in _LAYERS]
    layers = [
        Cost(name=f"{number} {kind}", instructions=cost)
        for number, ((kind, _, _), cost) in enumerate(zip(_LAYERS, costs, strict=True))
    ]
    small = [Cost(name=f"helper_{number}", instructions=1) for number in range(11)]
    return Profile(
        counted_by="TCG plugin",
        layers=[*layers, Cost(name="between layers", instructions=30)],
        functions=[
            Cost(name="dsp_tile", instructions=costs[0]),
            Cost(name="dsp_plane", instructions=costs[1] + 19),
            *small,
        ],
        flash=FLASH,
        ram=RAM,
    )


def emulated(rung: str, target: str, *, valid: bool = True, faster: float = 1.0) -> Measurement:
    """A C library on an emulated board."""
    spent = profile(faster)
    more = 0 if faster == 1.0 else 712
    return Measurement(
        rung=rung,
        target=target,
        format="c",
        precision="int8" if rung == INT8 else "int8-qat",
        device="qemu-cortex-m",
        artifact=f"artifacts/{target}/{rung}/model.c",
        sha256="ab" * 32,
        kind="emulated",
        valid=valid,
        reasons=[] if valid else [INVALID],
        accuracy=MeasuredAccuracy(value=0.968 if rung == INT8 else 0.970, n=1000),
        instructions=sum(cost.instructions for cost in spent.layers),
        memory=Memory(
            ram_bytes=12_880,
            arena_bytes=8784,
            stack_bytes=292,
            flash_bytes=37_964 + more,
            model_bytes=31_308,
        ),
        seed=0,
        library=library(),
        profile=spent,
    )


def estimated(measured: Measurement) -> Measurement:
    """What a model of the core makes of it."""
    cycles = round((measured.instructions or 0) * 1.5)
    milliseconds = cycles / CLOCK_HZ * 1000
    extremes = f"between {cycles - 9} and {cycles + 9} cycles"
    return Measurement(
        rung=measured.rung,
        target=measured.target,
        format="c",
        precision=measured.precision,
        device=TIMING_TABLE,
        artifact=measured.artifact,
        sha256=measured.sha256,
        kind="estimate",
        valid=measured.valid,
        reasons=measured.reasons,
        latency_ms=_Latency(p50=milliseconds, p90=None, p99=None, n=1, warmup=0),
        cycles=cycles,
        seed=0,
        assumptions=[NO_WAIT_STATES, f"{extremes} by the table's extremes"],
    )


def _npu(rung: str) -> Measurement:
    return Measurement(
        rung=rung,
        target="ethos-u55-128",
        format="tflite",
        precision="int8",
        device="vela",
        artifact=f"artifacts/ethos-u55-128/{rung}/model.tflite",
        sha256="cd" * 32,
        kind="estimate",
        valid=True,
        cycles=89_708,
        memory=Memory(ram_bytes=22_192, arena_bytes=22_192, flash_bytes=35_696, model_bytes=53_936),
        assumptions=["estimated by Vela 5.1.0, not run: ethos-u55-128 at 500 MHz"],
    )


def _not_run(rung: str) -> Measurement:
    return Measurement(
        rung=rung,
        target="executorch-ethos-u55",
        format="executorch",
        precision="int8",
        device="not-run",
        artifact=f"artifacts/executorch-ethos-u55/{rung}/model.pte",
        sha256="ef" * 32,
        kind="estimate",
        valid=False,
        reasons=[NOT_RUN_REASON],
        memory=Memory(model_bytes=12_345),
    )


def firmware_report() -> Report:
    """One host target, a Cortex-M4 and its variant for speed, an NPU, and files that never ran."""
    report = sample_report()
    host = [found for found in report.measurements if found.target == "host-litert"]
    boards = [
        emulated(INT8, "cortex-m4"),
        emulated(QAT, "cortex-m4", valid=False),
        emulated(INT8, "cortex-m4-speed", faster=0.9),
    ]
    measurements = [*host]
    for board in boards:
        measurements += [board, estimated(board)]
    measurements += [_npu(INT8), _not_run(INT8)]
    reason = "the target cortex-m4 does not list fp32"
    cell = UnavailableCell(
        rung=STUDENT, target="cortex-m4", format="c", precision="fp32", reason=reason
    )
    return report.model_copy(update={"measurements": measurements, "unavailable": [cell]})
