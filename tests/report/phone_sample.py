"""The sample report with phones: emulated cores, a phone that never was, and a stand-in for one.

Nothing here was measured: these are a test's records.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.records import (
    Cost,
    DeviceFacts,
    Format,
    Latency,
    LoadTime,
    MeasuredAccuracy,
    Measurement,
    Memory,
    Profile,
    Report,
    Rung,
    UnavailableCell,
    VsTeacher,
)

from .sample import TEACHER, TEST_SAMPLES, sample_report

SAMPLES = 1000
THROTTLED = "throttled: thermal status 2 of 6"
NO_PHONE = "a stand-in answered, and no phone"
NO_INT4 = "the runtime has no int4 kernel for conv2d"
CORES = {
    "phone-a53-litert": "cortex-a53",
    "phone-a76-litert": "cortex-a76",
    "phone-a76-onnx": "cortex-a76",
}
PHONE = DeviceFacts(
    manufacturer="Testmaker",
    model="Imaginary 1",
    soc="Unreal 900",
    android_version="14",
    api_level=34,
    abi="arm64-v8a",
    cpu_features=["fp", "asimd", "aes", "asimddp", "i8mm"],
    page_bytes=4096,
    governor={"policy0": "schedutil", "policy4": "schedutil", "policy7": "performance"},
    thermal_status=0,
    thermal_headroom=0.42,
    battery_percent=81,
    battery_celsius=31.4,
    charging=True,
    fixed_performance=True,
    application="edgekd-demo 1.0",
    runtime_version="2.3.4",
    delegate="xnnpack",
)
STAND_IN = DeviceFacts(
    manufacturer="edgekd", model="stand-in", abi="arm64-v8a", android_version="14", stand_in=True
)
# target: format, instructions a MAC, instructions that no MAC explains
_EMULATED: dict[str, tuple[Format, float, int]] = {
    "phone-a53-litert": ("tflite", 0.61, 41_000),
    "phone-a76-litert": ("tflite", 0.27, 33_000),
    "phone-a76-onnx": ("onnx", 0.29, 58_000),
}
_RUNGS = (TEACHER, "scratch-fp32", "distilled-fp32", "distilled-int8", "distilled-int8-qat")


def phone_report() -> Report:
    """One host target, three emulated ones, a phone with a throttled rung, and a stand-in."""
    report = sample_report()
    rungs = [rung for rung in report.rungs if rung.name in _RUNGS]
    host = [found for found in report.measurements if found.target == "host-litert"]
    measurements = [found for found in host if found.rung in _RUNGS]
    measurements += [_emulated(rung, target) for target in _EMULATED for rung in rungs]
    for rung in rungs:
        throttled = rung.name == "distilled-int8-qat"
        measurements.append(on_phone(rung, "android-arm64-litert", PHONE, throttled=throttled))
    measurements += [on_phone(rung, "android-arm64-onnx", STAND_IN) for rung in rungs[-2:]]
    cell = UnavailableCell(
        rung="distilled-int4",
        target="android-arm64-litert",
        format="tflite",
        precision="int4",
        reason=NO_INT4,
    )
    return report.model_copy(
        update={
            "rungs": rungs,
            "measurements": measurements,
            "unavailable": [cell],
            "losses": [loss for loss in report.losses if loss.rung in _RUNGS],
            "facts": {**report.facts, "cores": CORES},
        }
    )


def on_phone(
    rung: Rung, target: str, facts: DeviceFacts, *, throttled: bool = False
) -> Measurement:
    """A file on a phone; its raw samples are those of ``write_samples``.

    It is invalid on a hot phone, and on a stand-in for one.
    """
    samples = course(rung.name, throttled=throttled)
    teacher = course(TEACHER, throttled=False)
    p50, p90, p99 = (float(value) for value in np.percentile(samples, (50, 90, 99)))
    state = {"thermal_status": 2, "battery_celsius": 41.9} if throttled else {}
    reasons = [THROTTLED] if throttled else [NO_PHONE] if facts.stand_in else []
    ratios = VsTeacher() if reasons else _ratios(rung, speedup=float(np.median(teacher)) / p50)
    return Measurement(
        rung=rung.name,
        target=target,
        format="tflite" if target.endswith("litert") else "onnx",
        precision=rung.precision,
        device="adb",
        artifact=f"artifacts/{target}/{rung.name}/model",
        sha256="12" * 32,
        kind="device",
        valid=not reasons,
        reasons=reasons,
        accuracy=MeasuredAccuracy(value=rung.accuracy.per_seed[0], n=200, sampled_from=1000),
        latency_ms=Latency(
            p50=p50,
            p90=p90,
            p99=p99,
            n=SAMPLES,
            warmup=50,
            samples=f"speed/{target}/{rung.name}/latency_ms.npy",
        ),
        load_ms=None if facts.stand_in else LoadTime(cold=p50 * 30, warm=p50 * 4),
        memory=_memory(rung).model_copy(update={"pss_bytes": 52_000_000, "native_heap_bytes": 9}),
        vs_teacher=ratios,
        seed=0,
        device_facts=facts.model_copy(update=state),
    )


def course(rung: str, *, throttled: bool) -> npt.NDArray[np.float64]:
    """Float64 ``[SAMPLES]`` milliseconds: skewed, some slow ones, slower and slower where hot."""
    random = np.random.default_rng(len(rung))
    base = 4.1 if rung == TEACHER else 0.31 if "int8" in rung else 0.52
    samples = base * (1 + random.gamma(2, 0.02, SAMPLES))
    samples[random.integers(0, SAMPLES, 5)] *= 3
    if throttled:
        samples *= np.linspace(1, 1.8, SAMPLES)
    return np.asarray(samples, dtype=np.float64)


def write_samples(report: Report, folder: Path) -> None:
    """The raw samples that a run would have left in its folder."""
    for found in report.measurements:
        if found.latency_ms and found.latency_ms.samples:
            path = folder / found.latency_ms.samples
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, course(found.rung, throttled=THROTTLED in found.reasons))


def _emulated(rung: Rung, target: str) -> Measurement:
    format_, slope, fixed = _EMULATED[target]
    assert rung.macs
    cost = 1.0 if rung.precision == "fp32" else 0.3
    mean = round((slope * rung.macs + fixed) * cost)
    teacher = slope * 27_384_832 + fixed
    return Measurement(
        rung=rung.name,
        target=target,
        format=format_,
        precision=rung.precision,
        device="qemu-arm64",
        artifact=f"artifacts/{target}/{rung.name}/model.{format_}",
        sha256="34" * 32,
        kind="emulated",
        valid=True,
        accuracy=MeasuredAccuracy(value=rung.accuracy.per_seed[0], n=TEST_SAMPLES),
        instructions=mean,
        instruction_counts=[mean - 20, mean, mean + 20],
        memory=_memory(rung),
        vs_teacher=_ratios(rung, instructions_ratio=teacher / mean),
        seed=0,
        profile=_profile(mean),
        preflight=sample_report().measurements[0].preflight,
    )


def _profile(whole: int) -> Profile:
    """Functions of a runtime; where the bytes of a firmware went is not known of a phone."""
    shares = {"qs8_gemm_minmax_neondot": 0.61, "qs8_dwconv_neon": 0.2, "memcpy": 0.1}
    costs = [Cost(name=name, instructions=round(whole * s)) for name, s in shares.items()]
    ran_on = {"XNNPACK": {"CONV_2D": 5}, "LiteRT's own kernels": {"SOFTMAX": 1}}
    return Profile(counted_by="TCG plugin, by symbol", functions=costs, ran_on=ran_on)


def _memory(rung: Rung) -> Memory:
    assert rung.bytes is not None
    return Memory(
        peak_rss_bytes=38_000_000 + rung.bytes * 3,
        ram_bytes=210_000 + rung.bytes * 3,
        model_bytes=rung.bytes + 3_260,
    )


def _ratios(
    rung: Rung, *, speedup: float | None = None, instructions_ratio: float | None = None
) -> VsTeacher:
    assert rung.bytes is not None
    return VsTeacher(
        accuracy_retained=rung.accuracy.per_seed[0] / 0.993,
        speedup=speedup,
        instructions_ratio=instructions_ratio,
        size_ratio=(1_152_680 + 3_260) / (rung.bytes + 3_260),
        memory_ratio=(210_000 + 1_152_680 * 3) / (210_000 + rung.bytes * 3),
    )
