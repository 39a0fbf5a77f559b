from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.answers import AnswerPlan, Answers, finish_answers, record_answers
from edgekd.language.batches import WindowBatches
from edgekd.language.evaluation import mean_nll
from edgekd.language.network import load_language_model, save_language_model
from edgekd.language.sharding import make_accelerator
from edgekd.language.tokens import Windows
from edgekd.language.training import (
    LanguageObjective,
    LanguageTraining,
    TrainedLanguageModel,
    train_language_model,
)
from tests.language.launched import SHARDED, launch
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, make_tokens, sample_text

TEXT = sample_text(0, 900)
TOKENIZER = byte_level_tokenizer(TEXT, 300)
VOCABULARY = TOKENIZER.get_vocab_size()


class Together(NamedTuple):
    """What two processes did, and what it is compared with."""

    folder: Path
    windows: Windows
    plan: AnswerPlan
    found: list[dict[str, Any]]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Together:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("together")
    windows = Windows(make_tokens(TEXT, TOKENIZER, folder), 16)
    # One model with shared weights, one without.
    save_language_model(
        tiny_model(7, vocabulary=VOCABULARY, tied_embeddings=False), folder / "teacher"
    )
    save_language_model(tiny_model(1, vocabulary=VOCABULARY), folder / "student")
    plan = AnswerPlan(
        teacher="t",
        corpus=windows.tokens.identity,
        vocabulary=VOCABULARY,
        windows=windows.count,
        context=16,
        k=5,
        temperature=2.0,
        windows_per_shard=9,
    )
    (folder / "plan.json").write_text(plan.model_dump_json())
    launch(Path(__file__).with_name("sharded_worker.py"), str(folder), options=SHARDED)
    found = [json.loads((folder / f"found-{number}.json").read_text()) for number in (0, 1)]
    return Together(folder, windows, plan, found)


def alone(together: Together, folder: Path) -> TrainedLanguageModel:
    return train_language_model(
        load_language_model(together.folder / "student"),
        WindowBatches(together.windows, 4, seed=0),
        LanguageObjective(0.3, teacher=load_language_model(together.folder / "teacher")),
        LanguageTraining(steps=6, learning_rate=3e-3, evaluate_every=3, identity="a"),
        lambda model: mean_nll(model, together.windows, 4),
        folder,
        lambda *_: None,
    )


def test_a_sharded_teacher_says_the_same_bytes(together: Together, tmp_path: Path) -> None:
    plan, folder = together.plan, together.folder / "together"
    # Worker 0 has a whole shard beside the last, shorter one; worker 1 one without a second.
    assert len(plan.windows_of(plan.shards - 1)) <= 6
    assert plan.shards % 4 == 3
    teacher = load_language_model(together.folder / "teacher")
    record_answers(teacher, together.windows, plan, tmp_path, lambda *_: None, batch_size=3)
    for place in (tmp_path, folder):
        finish_answers(plan, place)
    assert (folder / "answers.json").read_bytes() == (tmp_path / "answers.json").read_bytes()
    assert Answers(folder).plan == plan
    assert not (together.folder / "elsewhere").exists()


def test_two_processes_with_halves_train_what_one_trains(
    together: Together, tmp_path: Path
) -> None:
    one = alone(together, tmp_path)
    for found in together.found:
        assert (
            found == together.found[0] or found["no"]["curve"] == together.found[0]["no"]["curve"]
        )
        assert found["no"]["best_step"] == one.best_step
        for given, point in zip(found["no"]["curve"], one.curve, strict=True):
            assert given["validation_nll"] == pytest.approx(point.validation_nll, abs=2e-4)
            assert given["training_loss"] == pytest.approx(point.training_loss, abs=2e-4)
    best = load_language_model(together.folder / "no" / "best")
    inputs = torch.from_numpy(together.windows.read(np.array([0, 3]))[:, :-1])
    torch.testing.assert_close(best(inputs), one.model(inputs), atol=2e-3, rtol=0)
    assert best.output.weight is best.embedding.weight
    half = together.found[0]["bf16"]["curve"]
    assert half[-1]["validation_nll"] == pytest.approx(one.curve[-1].validation_nll, abs=0.05)
    assert half[-1]["validation_nll"] < half[0]["validation_nll"] - 0.1


def test_a_sharded_training_goes_on_where_it_was_stopped(together: Together) -> None:
    for found in together.found:
        assert found["resumed"]["curve"] == found["no"]["curve"]


def test_each_process_holds_half(together: Together) -> None:
    for number in (0, 1):
        sizes = together.found[number]["no"]["sizes"]
        assert sizes["student"] <= 0.52 * sizes["whole"]
        assert sizes["optimizer"] == 2 * sizes["student"]
        teacher = load_language_model(together.folder / "teacher")
        assert sizes["teacher"] <= 0.52 * sum(p.numel() for p in teacher.parameters())
    both = [together.found[number]["no"]["sizes"]["student"] for number in (0, 1)]
    assert sum(both) == together.found[0]["no"]["sizes"]["whole"]


def test_a_sharded_teacher_is_not_asked_by_one_process_alone(together: Together) -> None:
    assert all("asked by all of its processes" in found["refused"] for found in together.found)


def test_the_first_version_of_fsdp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "1")
    with pytest.raises(BadInput, match="--fsdp_version 2"):
        make_accelerator("no")
    monkeypatch.setenv("FSDP_VERSION", "2")
    assert not make_accelerator("no").is_fsdp2
