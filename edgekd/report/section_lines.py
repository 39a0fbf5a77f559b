"""The sentences of one target's section: what stands behind its figures, and what is missing."""

from __future__ import annotations

from edgekd.records import Latency, MeasuredAccuracy, Measurement, PromptFigures
from edgekd.report import units
from edgekd.report.summary import NOT_RUN, TargetSection

MODEL_NOTE = "These figures rest on:"
_NOT_RUN_LINE = "Exported and not run: nothing is known of these files but their size."
_NO_TEACHER_LINE = (
    "The fp32 teacher does not run on this target, so no figure here is a ratio to it: there is "
    "no speed-up."
)


def samples_line(section: TargetSection) -> str:
    """How many inferences and test samples stand behind a section's figures, and what does not."""
    answers = [found.generation for found in section.measurements if found.generation]
    latencies = [found.latency_ms for found in section.measurements if found.latency_ms]
    accuracies = [found.accuracy for found in section.measurements if found.accuracy]
    seeds = sorted({found.seed for found in section.measurements if found.seed is not None})
    parts = []
    if seeds:
        parts.append(f"Exported from seed {', '.join(str(seed) for seed in seeds)}.")
    if accuracies:
        parts.append(
            _tokens_line(accuracies) if section.of_language else _accuracy_line(accuracies)
        )
    timed = [figures for answer in answers for figures in answer.by_prompt]
    if timed:
        parts.append(_answers_line(timed, [answer.threads for answer in answers]))
    if latencies and section.kind != "estimate":
        parts.append(_latency_line(latencies))
    return " ".join(parts + _instructions_lines(section) + _missing_lines(section))


def model_lines(section: TargetSection) -> list[str]:
    """Which model made the estimates of a section, and what it assumes: never without them."""
    lines = []
    if section.kind == "estimate":
        models = {found.device: None for found in section.measurements if found.device != NOT_RUN}
        lines += [f"model: {model}" for model in models]
    assumed: dict[str, list[str]] = {}
    for found in section.measurements:
        for line in found.assumptions:
            assumed.setdefault(line, []).append(found.rung)
    assuming = [found for found in section.measurements if found.assumptions]
    shared_first = sorted(assumed.items(), key=lambda item: len(item[1]) < len(assuming))
    return lines + [f"{line}{_whose(rungs, assuming)}" for line, rungs in shared_first]


def _whose(rungs: list[str], assuming: list[Measurement]) -> str:
    """The rungs that a line is about, where it is not about all."""
    return "" if len(rungs) == len(assuming) else f" ({', '.join(rungs)})"


def _missing_lines(section: TargetSection) -> list[str]:
    measured = section.measurements
    if measured and all(found.device == NOT_RUN for found in measured):
        return [_NOT_RUN_LINE]
    compared = any(
        found.vs_teacher.speedup is not None or found.vs_teacher.instructions_ratio is not None
        for found in measured
    )
    teacher = any(found.rung.startswith("teacher") for found in measured)
    if not measured or compared or teacher or section.kind not in ("emulated", "estimate"):
        return []
    return [_NO_TEACHER_LINE]


def _accuracy_line(accuracies: list[MeasuredAccuracy]) -> str:
    tried = _range([accuracy.n for accuracy in accuracies])
    drawn = [accuracy.sampled_from for accuracy in accuracies if accuracy.sampled_from is not None]
    if not drawn:
        return f"Accuracy over {tried} test samples, by running the exported file."
    return (
        f"Accuracy on {tried} of {_range(drawn)} test samples, drawn by the run's first seed and "
        "the same for every rung, by running the exported file."
    )


def _tokens_line(accuracies: list[MeasuredAccuracy]) -> str:
    tried = _range([accuracy.n for accuracy in accuracies])
    return (
        f"Accuracy and perplexity over the first {tried} tokens of the test text, by running the "
        "exported file."
    )


def _answers_line(timed: list[PromptFigures], threads: list[int]) -> str:
    repetitions = _range([figures.repetitions for figures in timed])
    warmup = _range([figures.warmup for figures in timed])
    return (
        f"Answers timed {repetitions} times for each length of prompt after {warmup} of warm-up, "
        f"threads: {_range(threads)}."
    )


def _instructions_lines(section: TargetSection) -> list[str]:
    """Over how many inputs instructions were counted, and how far these lie apart."""
    counted = [found for found in section.measurements if found.instructions]
    several = [found.instruction_counts for found in counted if len(found.instruction_counts) > 1]
    if not several:
        return []
    apart = max((max(counts) - min(counts)) / max(1, min(counts)) for counts in several)
    inputs = _range([len(counts) for counts in several])
    spread = f"whose counts lie at most {apart * 100:.2g}% apart" if apart else "all with one count"
    return [f"Instructions are exact: the mean over {inputs} inputs, {spread}."]


def _range(values: list[int]) -> str:
    low, high = min(values), max(values)
    return units.count(low) if low == high else f"{units.count(low)} to {units.count(high)}"


def _latency_line(latencies: list[Latency]) -> str:
    inferences = _range([latency.n for latency in latencies])
    warmup = _range([latency.warmup for latency in latencies])
    threads = _range([latency.threads for latency in latencies])
    return (
        f"Latency over {inferences} single-stream inferences after {warmup} of warm-up, "
        f"threads: {threads}."
    )
