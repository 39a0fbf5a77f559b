"""What a run folder adds to its report for a comparison: weights, outcomes, latency runs."""

from __future__ import annotations

import base64
import binascii
from math import isclose
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.data.dataset import Dataset, load_dataset
from edgekd.errors import BadInput, EdgekdError
from edgekd.files import sha256_of
from edgekd.measure.comparison_accuracy import Outcomes
from edgekd.measure.comparison_cost import stretch_medians
from edgekd.pipeline.actions.rung_files import load_outputs
from edgekd.records import Measurement, Report, Rung
from edgekd.records.comparison import Baseline, RungEvidence
from edgekd.third_party import reason

_LARGEST_FILE = 1024**3
_MOST_OUTCOMES = 20_000_000
# A mean over a test set is exact; float32 values of pseudo-outcomes are not.
_SAME_MEAN = 1e-5


def cell_name(measurement: Measurement) -> str:
    """``target/rung/kind``; an estimate's ends in its model, which is its device."""
    name = f"{measurement.target}/{measurement.rung}/{measurement.kind}"
    return f"{name}/{measurement.device}" if measurement.kind == "estimate" else name


def gather_evidence(report: Report, folder: Path) -> tuple[Baseline, tuple[str, ...]]:
    """Read what is there; a report without its run folder has nothing beside it.

    Returns:
        The report with it, and a line for each thing that does not fit the report.

    Raises:
        BadInput: a file is damaged, or the report names one outside of the folder.
    """
    notes: list[str] = []
    dataset, data_sha256, note = _dataset(folder)
    notes += [note] if note else []
    rungs = {}
    for rung in report.rungs:
        evidence, note = _rung_evidence(rung, report, folder, dataset)
        rungs[rung.name] = evidence
        notes += [note] if note else []
    stretches = {}
    for measurement in report.measurements:
        medians, note = _stretches(measurement, folder)
        notes += [note] if note else []
        if medians:
            stretches[cell_name(measurement)] = medians
    known = Baseline(report=report, data_sha256=data_sha256, rungs=rungs, stretches=stretches)
    return known, tuple(notes)


def outcomes_of(evidence: RungEvidence | None) -> Outcomes | None:
    """Float64 ``[seeds, samples]``; ``None`` where they are not known.

    Raises:
        BadInput: the text is no base64, not as long as it says, or too long.
    """
    if evidence is None or evidence.outcomes is None:
        return None
    seeds, samples = len(evidence.seeds), evidence.samples
    if seeds * samples > _MOST_OUTCOMES:
        raise BadInput(f"a baseline holds {seeds * samples} outcomes of a rung: too many")
    try:
        packed = base64.b64decode(evidence.outcomes, validate=True)
    except binascii.Error as error:
        raise BadInput("the outcomes of a baseline are damaged", mend=str(error)) from error
    bits = evidence.encoding == "bits"
    expected = -(-seeds * samples // 8) if bits else seeds * samples * 4
    if len(packed) != expected or expected == 0:
        raise BadInput(f"a baseline holds {len(packed)} bytes of outcomes and not {expected}")
    if bits:
        flat = np.unpackbits(np.frombuffer(packed, np.uint8), count=seeds * samples)
    else:
        flat = np.frombuffer(packed, "<f4")
    if not np.isfinite(flat).all():
        raise BadInput("the outcomes of a baseline hold NaN or infinity")
    return flat.reshape(seeds, samples).astype(np.float64)


def _dataset(folder: Path) -> tuple[Dataset | None, str | None, str]:
    """The stored data with their hash; a note where they cannot be read."""
    stored = folder / "data" / "dataset.safetensors"
    if not _readable(stored) or not (folder / "data" / "dataset.json").is_file():
        return None, None, ""
    data_sha256 = sha256_of(stored)
    try:
        return load_dataset(folder / "data"), data_sha256, ""
    except (EdgekdError, ImportError, ValueError, TypeError):
        # Of an older edgekd, damaged, or without the packages to read them.
        return None, data_sha256, "the stored data cannot be read: not used"


def _rung_evidence(
    rung: Rung, report: Report, folder: Path, dataset: Dataset | None
) -> tuple[RungEvidence, str]:
    """Hashes of weights and outcomes of all seeds; a note where these do not fit the report."""
    places = {seed: _inside(folder, place) for seed, place in _places(rung, report).items()}
    weights = {
        seed: sha256_of(place / "weights.safetensors")
        for seed, place in places.items()
        if _readable(place / "weights.safetensors")
    }
    bare = RungEvidence(weights=weights)
    if dataset is None or not all(_readable(p / "outputs.safetensors") for p in places.values()):
        return bare, ""
    try:
        outcomes = np.stack([_outcomes(place, dataset) for place in places.values()])
    except (EdgekdError, ValueError, IndexError, TypeError):
        return bare, f"the stored outputs of {rung.name} cannot be read: not used"
    means = outcomes.mean(axis=1)
    said = rung.accuracy.per_seed
    if len(said) != len(means) or not np.allclose(means, said, rtol=0, atol=_SAME_MEAN):
        return bare, f"the stored outputs of {rung.name} do not give its accuracy: not used"
    return _packed(outcomes, weights, list(places)), ""


def _places(rung: Rung, report: Report) -> dict[str, str]:
    if rung.name == "teacher-fp32":
        return {"teacher": "teacher/network"}
    return {str(seed): f"rungs/{rung.name}/seed-{seed}" for seed in report.seeds}


def _outcomes(place: Path, dataset: Dataset) -> Outcomes:
    outputs = load_outputs(place).test
    if outputs.ndim < 2 or len(outputs) != len(dataset.parts["test"]):
        raise ValueError("outputs of another shape than the test set")
    return dataset.outcomes("test", outputs)


def _packed(outcomes: Outcomes, weights: dict[str, str], seeds: list[str]) -> RungEvidence:
    bits = bool(np.isin(outcomes, (0.0, 1.0)).all())
    packed = np.packbits(outcomes.astype(np.uint8).ravel()) if bits else outcomes.astype("<f4")
    return RungEvidence(
        weights=weights,
        seeds=seeds,
        samples=outcomes.shape[1],
        encoding="bits" if bits else "float32",
        outcomes=base64.b64encode(packed.tobytes()).decode("ascii"),
    )


def _stretches(measurement: Measurement, folder: Path) -> tuple[list[float], str]:
    latency = measurement.latency_ms
    if latency is None or latency.samples is None:
        return [], ""
    path = _inside(folder, latency.samples)
    if not path.exists():
        return [], ""
    samples = _samples(path, latency.n)
    if not isclose(float(np.median(samples)), latency.p50, rel_tol=1e-6):
        return [], f"{latency.samples} does not give the median of the report: not used"
    return stretch_medians(samples), ""


def _samples(path: Path, count: int) -> npt.NDArray[np.float64]:
    try:
        if not _readable(path):
            raise ValueError("no file, or too large")
        samples = np.load(path, allow_pickle=False)
    # numpy raises whatever its parser of a damaged header raises.
    except Exception as error:
        raise BadInput("holds no latency samples", where=str(path), mend=reason(error)) from error
    shaped = isinstance(samples, np.ndarray) and samples.shape == (count,)
    if not shaped or samples.dtype.kind != "f":
        raise BadInput(f"is no array of {count} floats", where=str(path))
    if not np.isfinite(samples).all() or samples.min() <= 0:
        raise BadInput("a latency sample is not positive and finite", where=str(path))
    return np.asarray(samples, np.float64)


def _inside(folder: Path, relative: str) -> Path:
    """A path that a report names, which must not lead out of its run folder."""
    try:
        path = (folder / relative).resolve()
        path.exists()  # A name that is too long is found out here.
        inside = path.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise BadInput(
            f"{relative[:200]!r} is no path or leads out of the run folder", where=str(folder)
        )
    return path


def _readable(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size <= _LARGEST_FILE
    except OSError:
        return False
