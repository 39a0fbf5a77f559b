from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgekd.errors import BadInput, RunFailed
from edgekd.language.answers import AnswerPlan, Answers, finish_answers, record_answers
from edgekd.language.batches import OnPolicyBatches, Process, WindowBatches
from edgekd.language.evaluation import mean_nll
from edgekd.language.network import load_language_model, save_language_model
from edgekd.language.tokens import Tokens, Windows
from edgekd.language.training import (
    LanguageObjective,
    LanguageTraining,
    TrainedLanguageModel,
    train_language_model,
)
from tests.language.launched import WHOLE, launch
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, make_tokens, sample_text

TEXT = sample_text(0, 1500)
TOKENIZER = byte_level_tokenizer(TEXT, 300)
VOCABULARY = TOKENIZER.get_vocab_size()
TEACHER = tiny_model(7, vocabulary=VOCABULARY)
PLAN = LanguageTraining(steps=12, learning_rate=3e-3, evaluate_every=4, identity="a")


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    torch.set_num_threads(1)
    return make_tokens(TEXT, TOKENIZER, tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def windows(tokens: Tokens) -> Windows:
    return Windows(tokens, 16)


@pytest.fixture(scope="module")
def answers(windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder = tmp_path_factory.mktemp("answers")
    plan = AnswerPlan(
        teacher="t",
        corpus=windows.tokens.identity,
        vocabulary=VOCABULARY,
        windows=windows.count,
        context=16,
        k=VOCABULARY,
        temperature=1.0,
    )
    record_answers(TEACHER, windows, plan, folder, lambda *_: None)
    finish_answers(plan, folder)
    return Answers(folder)


def train(
    windows: Windows,
    folder: Path,
    plan: LanguageTraining = PLAN,
    objective: LanguageObjective | None = None,
    kill_at: int | None = None,
    batches: Any = None,
    model: Any = None,
) -> TrainedLanguageModel:
    def progress(done: int, total: int) -> None:
        if done == kill_at:
            raise Killed

    return train_language_model(
        model or tiny_model(1, vocabulary=VOCABULARY),
        batches or WindowBatches(windows, 4, seed=0),
        objective or LanguageObjective(),
        plan,
        lambda model: mean_nll(model, windows, 10),
        folder,
        progress,
    )


def weights(model: torch.nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_killed_training_goes_on_to_the_same_bits(
    windows: Windows, tmp_path: Path, precision: Any
) -> None:
    plan = LanguageTraining(
        steps=12, learning_rate=3e-3, evaluate_every=4, identity="a", mixed_precision=precision
    )
    whole = train(windows, tmp_path / "whole", plan)
    for kill_at in (3, 6, 9):
        with pytest.raises(Killed):
            train(windows, tmp_path / "parts", plan, kill_at=kill_at)
    resumed = train(windows, tmp_path / "parts", plan)
    assert weights(resumed.model) == weights(whole.model)
    assert resumed.curve == whole.curve
    assert [point.step for point in whole.curve] == [0, 4, 8, 12]
    assert whole.curve[-1].validation_nll < whole.curve[0].validation_nll - 0.3


def test_a_finished_training_is_not_done_again(windows: Windows, tmp_path: Path) -> None:
    first = train(windows, tmp_path)
    again = train(windows, tmp_path, kill_at=1)
    assert weights(first.model) == weights(again.model)
    other = LanguageTraining(steps=12, learning_rate=1e-3, identity="b")
    with pytest.raises(Killed):
        train(windows, tmp_path, other, kill_at=1)


def test_the_best_checkpoint_is_kept_and_its_step_told(windows: Windows, tmp_path: Path) -> None:
    values = iter([5.0, 3.0, 2.0, 4.0])
    seen = []

    def validate(model: torch.nn.Module) -> float:
        seen.append(weights(model))
        return next(values)

    result = train_language_model(
        tiny_model(1, vocabulary=VOCABULARY),
        WindowBatches(windows, 4, seed=0),
        LanguageObjective(),
        PLAN,
        validate,
        tmp_path,
        lambda *_: None,
    )
    assert result.best_step == 8
    assert weights(result.model) == seen[2] != seen[3]


def test_kept_answers_teach_what_the_live_teacher_teaches(
    windows: Windows, answers: Answers, tmp_path: Path
) -> None:
    live = train(windows, tmp_path / "live", objective=LanguageObjective(0.0, teacher=TEACHER))
    kept = train(
        windows,
        tmp_path / "kept",
        objective=LanguageObjective(0.0),
        batches=WindowBatches(windows, 4, 0, answers),
    )
    for first, second in zip(live.curve[1:], kept.curve[1:], strict=True):
        assert first.training_loss == pytest.approx(second.training_loss, rel=1e-3)
    assert live.curve[-1].training_loss < live.curve[1].training_loss
    with pytest.raises(RunFailed, match="neither kept answers nor a teacher"):
        train(windows, tmp_path / "none", objective=LanguageObjective(0.5))


def test_a_student_that_writes_itself_learns_its_teacher(windows: Windows, tmp_path: Path) -> None:
    student = tiny_model(1, vocabulary=VOCABULARY)
    plain = WindowBatches(windows, 4, seed=0)
    batches = OnPolicyBatches(plain, student, 0.5, prompt=4)
    kinds = [batches.read(step, Process()).labelled for step in range(40)]
    assert 8 < sum(kinds) < 32
    written = batches.read(kinds.index(False), Process())
    shown = plain.read(kinds.index(False), Process())
    assert torch.equal(written.inputs[:, :4], shown.inputs[:, :4])
    assert not torch.equal(written.inputs, shown.inputs)
    assert torch.equal(written.inputs[:, 1:], written.targets[:, :-1])
    assert (written.weights[:, :3] == 0).all()
    assert written.weights.sum().item() == pytest.approx(1)
    objective = LanguageObjective(0.3, "jsd", teacher=TEACHER)
    result = train(windows, tmp_path / "a", objective=objective, batches=batches, model=student)
    assert len(result.curve) == 4
    with pytest.raises(BadInput, match="prompt of 16"):
        OnPolicyBatches(plain, student, 0.5, prompt=16)


def test_on_policy_training_resumes_to_the_same_bits(windows: Windows, tmp_path: Path) -> None:
    def once(folder: Path, kill_at: int | None = None) -> TrainedLanguageModel:
        student = tiny_model(1, vocabulary=VOCABULARY)
        batches = OnPolicyBatches(WindowBatches(windows, 4, seed=0), student, 0.7, prompt=4)
        objective = LanguageObjective(0.0, "reverse-kl", teacher=TEACHER)
        return train(windows, folder, PLAN, objective, kill_at, batches, student)

    whole = once(tmp_path / "whole")
    with pytest.raises(Killed):
        once(tmp_path / "parts", 7)
    assert weights(once(tmp_path / "parts").model) == weights(whole.model)


def test_answers_about_other_text_are_refused(
    windows: Windows, answers: Answers, tmp_path: Path
) -> None:
    other = Windows(make_tokens(TEXT + " x", TOKENIZER, tmp_path), 16)
    for wrong in (other, Windows(windows.tokens, 8)):
        with pytest.raises(BadInput, match="about other text"):
            WindowBatches(wrong, 4, 0, answers)


def test_a_loss_that_explodes_is_told(windows: Windows, tmp_path: Path) -> None:
    plan = LanguageTraining(steps=8, learning_rate=1e30, evaluate_every=4)
    with pytest.raises(RunFailed, match=r"at step \d with learning rate 1e\+30"):
        train(windows, tmp_path, plan)


_WORKER = """
import os
import sys
from pathlib import Path
import numpy as np
import torch
from edgekd.language.batches import WindowBatches
from edgekd.language.evaluation import mean_nll
from edgekd.language.network import load_language_model
from edgekd.language.tokens import Tokens, Windows
from edgekd.language.training import LanguageObjective, LanguageTraining, train_language_model
torch.set_num_threads(1)
folder = Path(sys.argv[1])
windows = Windows(Tokens(folder / "tokens"), 16)
result = train_language_model(
    load_language_model(folder / "start"), WindowBatches(windows, 4, seed=0), LanguageObjective(),
    LanguageTraining(steps=6, learning_rate=3e-3, evaluate_every=3),
    lambda model: mean_nll(model, windows, 4), folder / "checkpoints", lambda *_: None,
)
# One write: the other process writes to the same pipe.
os.write(1, f"{os.environ['RANK']}/{os.environ['WORLD_SIZE']}\\n".encode())
"""


def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    windows = Windows(make_tokens(TEXT, TOKENIZER, tmp_path), 16)
    save_language_model(tiny_model(1, vocabulary=VOCABULARY), tmp_path / "start")
    (tmp_path / "worker.py").write_text(_WORKER)
    said = launch(tmp_path / "worker.py", str(tmp_path), options=WHOLE)
    assert sorted(said.split()) == ["0/2", "1/2"]
    plan = LanguageTraining(steps=6, learning_rate=3e-3, evaluate_every=3)
    alone = train(windows, tmp_path / "alone", plan, model=load_language_model(tmp_path / "start"))
    together = load_language_model(tmp_path / "checkpoints" / "best")
    inputs = torch.from_numpy(windows.read(np.array([0, 3]))[:, :-1])
    torch.testing.assert_close(together(inputs), alone.model(inputs), atol=2e-3, rtol=0)
