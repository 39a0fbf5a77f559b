"""The cifar10 recipe on a tiny archive of the real layout, with a public checkpoint's layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from edgekd.data import cifar10
from edgekd.networks import build_network
from edgekd.recipe import Network
from tests.conftest import ONE_JOB, ROOT, run_edgekd
from tests.data.test_cifar10 import write_archive


def archive(folder: Path) -> Path:
    """Twenty images of each class in every batch, each class of its own colour."""
    draw = np.random.default_rng(0)
    files = {}
    for name in (*cifar10.TRAINING, cifar10.TEST):
        labels = np.arange(200, dtype=np.uint8)[:, None] % 10
        pixels = draw.integers(0, 30, (200, 3072)) + 20 * labels
        files[name] = np.concatenate([labels, pixels.astype(np.uint8)], axis=1).tobytes()
    return write_archive(folder / cifar10.ARCHIVE, files)


def test_a_checkpoint_teaches_resnet8(tmp_path: Path) -> None:
    zoo = ROOT / "models/zoo/cifar_resnet.py"
    torch.manual_seed(0)
    teacher = build_network(Network(network="cifar_resnet", arguments={"depth": 8}), zoo)
    state = {f"module.{name}": value for name, value in teacher.state_dict().items()}
    torch.save({"state_dict": state, "best_prec1": 90.0}, tmp_path / "resnet.th")
    result = run_edgekd(
        *("distill", "cifar10", "--out", tmp_path / "run", "--seed", "0"),
        *("--set", f"data.path={archive(tmp_path)}", "--set", "data.split.validation=100"),
        *("--set", "teacher.arguments.depth=8"),
        *("--set", f"teacher.weights={tmp_path / 'resnet.th'}"),
        *("--set", "distill.steps=4", "--set", "distill.batch_size=16"),
        *("--set", "augmentation.views=2", *ONE_JOB),
    )
    assert result.returncode == 0, result.stderr
    facts = json.loads((tmp_path / "run/data/facts.json").read_text())
    assert (facts["train_samples"], facts["test_samples"]) == (900, 200)
    assert json.loads((tmp_path / "run/networks/networks.json").read_text())["student"]
    rung = json.loads((tmp_path / "run/rungs/distilled-fp32/seed-0/rung.json").read_text())
    assert rung["parameters"] == 77_706
