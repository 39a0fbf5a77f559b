"""Distillation steps per second and accuracy, beside the loop that one would write by hand.

    python benchmarks/distillation.py [--steps 2000] [--seeds 0 1 2]

All run on the mnist recipe with one thread, in turn, seed after seed: the hand-written loop (the
teacher is asked at every step), edgekd with the teacher's answers kept, and edgekd with
``distill.cache=false``.
The first 100 steps are not timed.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from edgekd.cli.progress import make_reporter
from edgekd.data.dataset import Dataset, load_dataset
from edgekd.networks import build_network, load_weights, run_network
from edgekd.pipeline.actions.rung_files import load_outputs
from edgekd.pipeline.engine import Engine
from edgekd.pipeline.ladders import plan_run
from edgekd.pipeline.manifest import open_run_folder
from edgekd.pipeline.plan import plan_stages
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.variants import needed_for
from edgekd.pipeline.run import default_jobs, fresh_manifest
from edgekd.pipeline.stage import StageContext, perform

WARM_UP = 100
RATE = 0.02


class Clock:
    """Steps per second after the warm-up."""

    def __init__(self) -> None:
        self._began = 0.0
        self.rate = 0.0

    def __call__(self, done: int, total: int) -> None:
        if done == WARM_UP:
            self._began = time.perf_counter()
        elif done > WARM_UP:
            self.rate = (done - WARM_UP) / (time.perf_counter() - self._began)


def by_hand(setup: Setup, run: Path, seed: int, clock: Clock) -> float:
    """The plain loop: batch, augment, ask the teacher, step. Gives the test accuracy."""
    recipe, dataset = setup.recipe, load_dataset(run / "data")
    teacher = build_network(recipe.teacher.architecture, setup.folder / "students.py").eval()
    load_weights(teacher, run / "teacher/network/weights.safetensors")
    torch.manual_seed(seed)
    student = build_network(recipe.student, setup.folder / "students.py").train()
    distill = recipe.distill
    optimizer = torch.optim.AdamW(student.parameters(), lr=RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=distill.steps + 1, pct_start=0.1
    )
    inputs = torch.from_numpy(dataset.inputs[dataset.parts["train"]])
    labels = torch.from_numpy(dataset.visible_labels)
    order = torch.randperm(len(inputs))
    position = 0
    for step in range(1, distill.steps + 1):
        if position + distill.batch_size > len(order):
            order, position = torch.randperm(len(inputs)), 0
        picked = order[position : position + distill.batch_size]
        position += distill.batch_size
        batch = augmented(inputs[picked].float() / 255, setup)
        batch = (batch - dataset.mean[0]) / dataset.std[0]
        with torch.no_grad():
            told = teacher(batch)
        said = student(batch)
        tau = distill.temperature
        soft = functional.kl_div(
            functional.log_softmax(said / tau, 1),
            functional.softmax(told / tau, 1),
            reduction="batchmean",
        )
        hard = functional.cross_entropy(said, labels[picked], ignore_index=-1, reduction="sum")
        loss = distill.alpha * hard / len(picked) + (1 - distill.alpha) * tau**2 * soft
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            clock(step, distill.steps)
    return accuracy(dataset, run_network(student.eval(), dataset.part_inputs("test")))


def augmented(images: torch.Tensor, setup: Setup) -> torch.Tensor:
    """Random rotation, scaling and shift of each image."""
    spec = setup.recipe.augmentation
    assert spec is not None
    count = len(images)
    angle = (torch.rand(count) * 2 - 1) * math.radians(spec.rotation)
    size = 1 + (torch.rand(count) * 2 - 1) * spec.scaling
    shift = (torch.rand(count, 2) * 2 - 1) * 2 * spec.translation
    cosine, sine = torch.cos(angle) / size, torch.sin(angle) / size
    matrix = torch.stack(
        [
            torch.stack([cosine, -sine, shift[:, 0]], 1),
            torch.stack([sine, cosine, shift[:, 1]], 1),
        ],
        1,
    )
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def edgekd(setup: Setup, run: Path, seed: int, clock: Clock) -> float:
    """The stage that ``edgekd distill`` runs, in this process."""
    setup = replace(setup, recipe=setup.recipe.model_copy(update={"seeds": [seed]}))
    stage = next(
        s for s in plan_stages(setup, "distill") if s.name.startswith("tuning/distilled/rate")
    )
    with tempfile.TemporaryDirectory() as out:
        context = StageContext(run, Path(out), stage.parameters, stage.locations, clock)
        perform(stage.action, context)
        return accuracy(load_dataset(run / "data"), load_outputs(Path(out)).test)


def accuracy(dataset: Dataset, outputs: np.ndarray) -> float:
    """On the test data."""
    return float(dataset.outcomes("test", outputs).mean())


def prepare(setup: Setup, run: Path) -> None:
    """Train the teacher and keep its answers."""
    stages = needed_for(plan_stages(setup, "distill"), ["networks", "teacher/outputs"])
    with open_run_folder(run, fresh_manifest(setup)) as folder, make_reporter() as reporter:
        Engine(folder, reporter, default_jobs()).run(stages)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shared = [f"distill.steps={arguments.steps}", f"distill.learning_rates=[{RATE}]"]
    kept = plan_run("mnist", overrides=shared)
    live = plan_run("mnist", overrides=[*shared, "distill.cache=false"])
    ways: dict[str, tuple[Callable[[Setup, Path, int, Clock], float], Setup]] = {
        "by hand": (by_hand, kept),
        "edgekd, answers kept": (edgekd, kept),
        "edgekd, cache off": (edgekd, live),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    accuracies: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        prepare(kept, run)
        for seed in arguments.seeds:
            for name, (train, setup) in ways.items():
                clock = Clock()
                accuracies[name].append(train(setup, run, seed, clock))
                rates[name].append(clock.rate)
    base = rates["by hand"]
    print(f"{'':22}  steps/s   ratio  accuracy by seed")
    for name, found in rates.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(found, base, strict=True))
        points = " ".join(f"{value:.4f}" for value in accuracies[name])
        print(f"{name:22} {statistics.median(found):8.1f} {ratio:7.2f}  {points}")


if __name__ == "__main__":
    main()
