"""A run from beginning to end: the Python side of ``edgekd run``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from edgekd.files import digest, files_below, read_json, sha256_of, write_json, write_text
from edgekd.measure.parity import how_far
from edgekd.pipeline.engine import Engine, Reporter
from edgekd.pipeline.environment import environment, git_commit, tool_versions
from edgekd.pipeline.ladders import AnySetup, assemble, stages_of
from edgekd.pipeline.launch import DistributedEngine, launched_processes
from edgekd.pipeline.manifest import (
    Manifest,
    RunFolder,
    finished_stages,
    open_run_folder,
)
from edgekd.pipeline.parts import Until
from edgekd.pipeline.requirements import require_packages
from edgekd.records import Report

_REPORTS = ("report.json", "report.md", "report.html")


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Attributes:
        path: the run folder.
        report: ``None`` where the run was asked to stop before measuring.
        failures: one line for each failed gate or measurement; the exit status is 1 if any.
    """

    path: Path
    report: Report | None
    failures: list[str] = field(default_factory=list)


def run_plan(
    setup: AnySetup,
    path: Path,
    reporter: Reporter,
    *,
    until: Until = "bench",
    jobs: int | None = None,
) -> Outcome:
    """Run a plan into a folder, up to a part of the ladder; redo only what changed.

    Args:
        setup: from ``plan_run``.
        path: the run folder, made where it is missing.
        reporter: is told what happens.
        until: the last part of the ladder.
        jobs: worker processes; ``None``: one for each core, or one in all where a GPU computes.

    Raises:
        EdgekdError: a stage failed; what finished before it stays.
    """
    require_packages(setup, until)
    stages = stages_of(setup, until)
    if launched_processes() > 1:
        return DistributedEngine(path, fresh_manifest(setup), reporter).run(
            stages, lambda folder: _finish(setup, folder, until)
        )
    with open_run_folder(path, fresh_manifest(setup)) as folder:
        folder.forget_all_but({stage.name for stage in stages_of(setup)})
        Engine(folder, reporter, jobs or default_jobs()).run(stages)
        return _finish(setup, folder, until)


def dry_run_lines(setup: AnySetup, path: Path, until: Until) -> list[str]:
    """One line for each stage: whether it would be reused or run. Nothing is written."""
    require_packages(setup, until)
    folder = finished_stages(path)
    lines = []
    unchanged: set[str] = set()
    for stage in stages_of(setup, until):
        known = all(name in unchanged for name in stage.needs)
        if known and folder.holds(stage.name, stage.key(folder.outputs_of)):
            unchanged.add(stage.name)
        lines.append(f"{'reuse' if stage.name in unchanged else 'run  '} {stage.name}")
    return lines


def render_report(setup: AnySetup, folder: RunFolder) -> Report:
    """Write ``report.json``, ``report.md`` and ``report.html`` if anything under them changed."""
    from edgekd.report.html import render_html
    from edgekd.report.markdown import render_markdown

    names = [stage.name for stage in stages_of(setup)]
    key = digest(
        {
            "stages": {name: folder.outputs_of(name) for name in names},
            "targets": [target.model_dump(mode="json") for target in setup.targets],
            "recipe": setup.recipe.model_dump(mode="json"),
            "tools": tool_versions(),
            "renderer": _renderer_digest(),
        }
    )
    if folder.manifest.report_key == key and _intact(folder):
        return Report.model_validate(read_json(folder.path / _REPORTS[0]))
    report = assemble(setup, folder.path, environment(setup.folder))
    write_json(folder.path / _REPORTS[0], report.model_dump(mode="json", by_alias=True))
    write_text(folder.path / _REPORTS[1], render_markdown(report))
    write_text(folder.path / _REPORTS[2], render_html(report, folder.path))
    folder.manifest.report_key = key
    folder.record_files(*_REPORTS)
    return report


def failures_of(report: Report) -> list[str]:
    """Failed gates: an artifact that is wrong, crashed, or over its target's budget.

    A latency that was disturbed is invalid, and said so in the report, but no failure. An estimate
    has no outputs that could be wrong.
    """
    failures = []
    for measurement in report.measurements:
        where = f"{measurement.rung} on {measurement.target}"
        failures += [f"{where}: over budget, {line}" for line in measurement.budget.exceeded]
        if measurement.kind == "estimate":
            continue
        if measurement.accuracy is None and measurement.parity is None:
            failures.append(f"{where}: {'; '.join(measurement.reasons)}")
        elif measurement.parity and measurement.parity.steps[-1].diverged:
            failures.append(f"{where}: {how_far(measurement.parity)}")
        elif not measurement.has_figures:
            failures.append(f"{where}: {'; '.join(measurement.reasons) or 'nothing was measured'}")
    return failures


def _finish(setup: AnySetup, folder: RunFolder, until: Until) -> Outcome:
    if until != "bench":
        folder.save()
        return Outcome(folder.path, None)
    report = render_report(setup, folder)
    return Outcome(folder.path, report, failures_of(report))


def _renderer_digest() -> str:
    """The hash of the room that renders: a report is written anew when its look changes."""
    room = Path(__file__).resolve().parent.parent / "report"
    files = (path for path in files_below(room) if "__pycache__" not in path.parts)
    return digest({str(path.relative_to(room)): sha256_of(path) for path in files})


def _intact(folder: RunFolder) -> bool:
    files = folder.manifest.files
    return all(
        name in files
        and (folder.path / name).is_file()
        and sha256_of(folder.path / name) == files[name]
        for name in _REPORTS
    )


def fresh_manifest(setup: AnySetup) -> Manifest:
    """The manifest of a run that begins."""
    return Manifest(
        recipe=setup.name,
        recipe_sha256=digest(setup.recipe.model_dump(mode="json")),
        seeds=list(setup.recipe.seeds),
        tools=tool_versions(),
        git_commit=git_commit(setup.folder),
        data_sha256=setup.data_hash,
    )


def default_jobs() -> int:
    """One process for each core, or one in all where a GPU computes."""
    if find_spec("torch") is not None and Path("/proc/driver/nvidia").exists():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
