"""Sweeps, searches and fits on digits, as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekd.pipeline.manifest import read_manifest
from edgekd.records import Fit, Sweep
from tests.conftest import ONE_JOB, ROOT, run_edgekd

SMALL = (
    *("--set", "teacher.steps=60", "--set", "distill.steps=60", "--set", "augmentation.views=2"),
    *("--set", "distill.learning_rates=[0.02]", *ONE_JOB),
)


def sweep_of(folder: Path) -> Sweep:
    return Sweep.model_validate_json((folder / "sweep.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid") / "run"
    over = ("--over", "distill.temperature=1,4", "distill.alpha=0,0.5")
    result = run_edgekd(
        "sweep", "digits", *over, *SMALL, "--seed", "0", "--seed", "1", "--out", folder
    )
    assert result.returncode == 0, result.stderr
    assert "points of test accuracy over" in result.stdout
    return folder


def test_a_grid_trains_the_teacher_once(grid: Path) -> None:
    stages = read_manifest(grid).stages
    assert sum(name.endswith("teacher/network") for name in stages) == 1
    assert sum(name.endswith("teacher/outputs") for name in stages) == 1
    assert sum(name.endswith("scratch-fp32/seed-0") for name in stages) == 1
    assert sum(name.endswith("distilled-fp32/seed-1") for name in stages) == 4


def test_the_best_is_chosen_on_validation_data(grid: Path) -> None:
    sweep = sweep_of(grid)
    assert [tuple(point.values.values()) for point in sweep.points] == [
        (1, 0),
        (1, 0.5),
        (4, 0),
        (4, 0.5),
    ]
    means = [sum(point.validation) / len(point.validation) for point in sweep.points]
    assert sweep.best is not None
    assert means[sweep.best] == max(means)
    assert sweep.control is not None
    assert len(sweep.control.per_seed) == 2
    assert sweep.lead is not None
    best = sweep.points[sweep.best].accuracy
    second = next(p for p in sweep.points if p.values == sweep.lead.over).accuracy
    assert best is not None
    assert second is not None
    assert sweep.lead.gain == pytest.approx(best.value - second.value)
    assert sweep.lead.beyond_noise == (sweep.lead.ci95[0] > 0)


def test_a_point_is_what_the_ladder_gives(grid: Path, tmp_path: Path) -> None:
    """The sweep's setting and the same recipe on its own have the same weights, bit by bit."""
    alone = tmp_path / "run"
    setting = ("--set", "distill.temperature=1", "--set", "distill.alpha=0.5")
    result = run_edgekd("distill", "digits", *SMALL, *setting, "--seed", "0", "--out", alone)
    assert result.returncode == 0, result.stderr
    weights = "rungs/distilled-fp32/seed-0/weights.safetensors"
    expected = (alone / weights).read_bytes()
    assert expected in [path.read_bytes() for path in grid.glob(f"**/{weights}")]


def test_a_second_sweep_redoes_nothing_and_a_larger_one_little(grid: Path) -> None:
    over = ("--over", "distill.temperature=1,4", "distill.alpha=0,0.5,0.9")
    result = run_edgekd(
        "sweep", "digits", *over, *SMALL, "--seed", "0", "--seed", "1", "--out", grid
    )
    assert result.returncode == 0, result.stderr
    trained = [line for line in result.stderr.splitlines() if "tuning/distilled/rate" in line]
    assert len(trained) == 2


def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = (
        *("sweep", "digits", "--search", "3", "--out", str(folder), "--seed", "0", *SMALL),
        *("--over", "distill.temperature=1.0..16.0:log", "distill.alpha=0,0.1,0.5"),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekd", *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not list(folder.glob("**/tuning/distilled/rate-0.02/rung.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    result = run_edgekd(*command)
    assert result.returncode == 0, result.stderr
    sweep = sweep_of(folder)
    assert sum(point.state in ("trial", "stopped") for point in sweep.points) == 3
    finished = [point for point in sweep.points if point.state == "finished"]
    assert 1 <= len(finished) <= 2
    assert sweep.over["distill.temperature"] == "1..16:log"
    again = run_edgekd(*command)
    assert again.returncode == 0
    assert "rate-0.02 " not in again.stderr


def test_two_folders_may_share_a_study(tmp_path: Path) -> None:
    study = f"sqlite:///{tmp_path / 'study.db'}"
    for name, trials in (("one", 1), ("two", 2)):
        result = run_edgekd(
            *("sweep", "digits", "--search", trials, "--study", study, "--seed", "0", *SMALL),
            *("--over", "distill.temperature=1,2,4,8", "--out", tmp_path / name),
        )
        assert result.returncode == 0, result.stderr
    points = sweep_of(tmp_path / "two").points
    assert sum(point.state != "finished" for point in points) == 2
    trained = list((tmp_path / "two").glob("**/tuning/distilled/rate-0.02"))
    assert trained


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "digits"), "nothing to sweep over"),
        (("sweep", "digits", "--over", "distill.tau=1,2"), "distill.tau"),
        (("sweep", "digits", "--over", "distill.alpha=0.0..1.0"), "is a range"),
        (("sweep", "digits", "--over", "a=1", "--study", "sqlite://"), "goes with --search"),
        (("sweep", "digits", "--over", "distill.alpha=0,2"), "less than or equal to 1"),
        (
            ("sweep", "digits", "--over", "distill.alpha=0.0..1.0", "--search", "2"),
            "one learning rate",
        ),
        (("fit", "digits"), "there is no budget"),
        (("fit", "digits", "--ram", "64"), "nothing to search"),
        (("fit", "digits", "--ram", "big"), "is not a size"),
    ],
)
def test_wrong_use_is_one_line(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run_edgekd(*arguments, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


FIT = (
    *("fit", "digits", *SMALL, "--seed", "0"),
    *("--set", "fit.prune=[0.0, 0.4]", "--set", "fit.precisions=[int8, int4]"),
    *("--over", "student.arguments.first=4,12", "student.arguments.second=8,64"),
)


def fit_of(folder: Path) -> Fit:
    return Fit.model_validate_json((folder / "fit.json").read_text(encoding="utf-8"))


def test_fit_finds_what_fits(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run_edgekd(*FIT, "--flash", "2KB", "--ram", "1KB", "--trials", "3", "--out", folder)
    assert result.returncode == 0, result.stderr
    fit = fit_of(folder)
    # int4 is not made of pruned students: 4 widths x (2 + 1).
    assert len(fit.candidates) == 12
    assert fit.binding is None
    assert fit.chosen is not None
    trained = [c for c in fit.candidates if c.validation is not None]
    assert len(trained) == 3
    for candidate in fit.candidates:
        fits = candidate.flash_bytes <= 2048 and candidate.ram_bytes <= 1024
        assert bool(candidate.refused) != fits
        assert fits or candidate.validation is None
    best = fit.candidates[fit.chosen]
    assert best.validation == max(c.validation or 0 for c in trained)
    # What was refused was never trained.
    assert "second" not in [s for s in read_manifest(folder).stages if "64" in s]


def test_fit_names_what_stands_in_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run_edgekd(*FIT, "--flash", "100", "--json", "--out", folder)
    assert result.returncode == 1
    assert json.loads(result.stdout)["binding"] == "flash"
    assert not list(folder.glob("teacher"))
    result = run_edgekd(*FIT, "--flash", "100KB", "--ram", "10", "--out", folder)
    assert result.returncode == 1
    assert "ram is what nothing fits into" in result.stdout
    result = run_edgekd(*FIT, "--accuracy", "1.0", "--trials", "1", "--out", folder)
    assert result.returncode == 1
    assert fit_of(folder).binding == "accuracy"
