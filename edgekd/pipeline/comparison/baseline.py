"""One side of a comparison: a report, what its run folder adds to it, and how both are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from edgekd.errors import BadInput
from edgekd.files import read_json, write_json
from edgekd.pipeline.comparison.evidence import cell_name, gather_evidence, outcomes_of
from edgekd.records import Latency, Measurement, Record, Report
from edgekd.records.comparison import Baseline

_LARGEST_COUNT = 2**53
# Milliseconds: a picosecond to thirty years. Ratios of what lies between are no infinities.
_SHORTEST, _LONGEST = 1e-9, 1e12
_MOST_SEEDS = 1000
_MOST_MEASUREMENTS = 10_000

RecordType = TypeVar("RecordType", bound=Record)


@dataclass(frozen=True)
class Side:
    """What was read.

    Attributes:
        name: of the file or folder, as it was given.
        known: the report and what intervals need.
        notes: what was found in the run folder but cannot be used.
    """

    name: str
    known: Baseline
    notes: tuple[str, ...] = ()


def read_side(path: Path) -> Side:
    """Read a run folder, a ``report.json`` (with what lies beside it) or a kept baseline.

    Raises:
        BadInput: it is none of these, holds values that cannot be, or names files that are damaged
            or outside of the run folder.
    """
    file = path / "report.json" if path.is_dir() else path
    if not file.is_file():
        raise BadInput(
            "there is no such report", where=str(file), mend="give a run folder or a report.json"
        )
    content = read_json(file)
    _refuse_nan(content, file)
    if isinstance(content, dict) and "baseline" in content:
        known = _parsed(content, Baseline, "baseline", file)
        _check_report(known.report, file)
        _check_evidence(known, file)
        return Side(str(path), known)
    report = _parsed(content, Report, "report", file)
    _check_report(report, file)
    return Side(str(path), *gather_evidence(report, file.parent))


def keep_baseline(path: Path, known: Baseline, accepted: list[str]) -> None:
    """Write a baseline; an older one is replaced.

    Raises:
        BadInput: the file is there and is no baseline.
        RunFailed: it cannot be written; an older one is intact.
    """
    if path.exists():
        content = read_json(path)
        if not isinstance(content, dict) or "baseline" not in content:
            raise BadInput(
                "is there already and is no baseline", where=str(path), mend="choose another name"
            )
    kept = known.model_copy(update={"accepted": accepted})
    write_json(path, kept.model_dump(mode="json", by_alias=True))


def _refuse_nan(content: Any, file: Path) -> None:
    try:
        json.dumps(content, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise BadInput("holds NaN or infinity, or nests too deep", where=str(file)) from error


def _parsed(content: Any, model: type[RecordType], name: str, file: Path) -> RecordType:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"is no {name} of schema 1: {first['msg']}", where=f"{file}: {key}"[:300]
        ) from error


def _check_report(report: Report, file: Path) -> None:
    """What the types of the records let through and no figure can be."""
    if len(report.seeds) > _MOST_SEEDS or len(report.measurements) > _MOST_MEASUREMENTS:
        raise BadInput("holds too many seeds or measurements", where=str(file))
    for index, rung in enumerate(report.rungs):
        accuracy = rung.accuracy
        shares = [accuracy.value, *accuracy.per_seed, *accuracy.ci95]
        if not accuracy.per_seed or not _shares(shares) or not _counts([accuracy.n], least=1):
            raise BadInput("is no accuracy", where=f"{file}: rungs.{index}.accuracy")
    for index, found in enumerate(report.measurements):
        if not _plausible(found):
            raise BadInput(
                "holds a share, a count or a time that cannot be",
                where=f"{file}: measurements.{index}",
            )
    names = [cell_name(measurement) for measurement in report.measurements]
    for what in (names, [rung.name for rung in report.rungs]):
        if len(set(what)) < len(what):
            raise BadInput("lists the same rung or measurement twice", where=str(file))


def _check_evidence(known: Baseline, file: Path) -> None:
    for name, medians in known.stretches.items():
        if not _times(medians):
            raise BadInput("is no latency", where=f"{file}: stretches.{name}"[:300])
    for rung in known.report.rungs:
        outcomes = outcomes_of(known.rungs.get(rung.name))
        if outcomes is not None and len(outcomes) != len(rung.accuracy.per_seed):
            raise BadInput("has outcomes of other seeds", where=f"{file}: rungs.{rung.name}"[:300])


def _plausible(found: Measurement) -> bool:
    shares: list[float] = []
    samples: list[int] = []
    if found.accuracy is not None:
        shares.append(found.accuracy.value)
        samples.append(found.accuracy.n)
    if found.parity is not None:
        agreements = [found.parity.top1_agreement]
        agreements += [step.top1_agreement for step in found.parity.steps]
        shares += [agreement for agreement in agreements if agreement is not None]
        samples += [found.parity.n, *[step.n for step in found.parity.steps]]
    counts = [*found.instruction_counts, found.instructions, found.cycles]
    counts += found.memory.model_dump().values()
    return (
        _shares(shares)
        and _counts(samples, least=1)
        and _counts([count for count in counts if count is not None])
        and _counts_have_their_mean(found)
        and (found.latency_ms is None or _is_latency(found.latency_ms))
    )


def _counts_have_their_mean(found: Measurement) -> bool:
    each, mean = found.instruction_counts, found.instructions
    return not each or (mean is not None and abs(sum(each) / len(each) - mean) < 1)


def _is_latency(latency: Latency) -> bool:
    percentiles = (latency.p50, latency.p90, latency.p99)
    return latency.n > 0 and _times([value for value in percentiles if value is not None])


def _shares(values: list[float]) -> bool:
    return all(0 <= value <= 1 for value in values)


def _times(values: list[float]) -> bool:
    return all(_SHORTEST <= value <= _LONGEST for value in values)


def _counts(values: list[int], least: int = 0) -> bool:
    return all(least <= value <= _LARGEST_COUNT for value in values)
