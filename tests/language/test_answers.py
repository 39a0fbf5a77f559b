from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgekd.errors import BadInput, RunFailed
from edgekd.language.answers import AnswerPlan, Answers, finish_answers, record_answers
from edgekd.language.tokens import Windows
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, make_tokens, sample_text

TEXT = sample_text(0, 400)
TOKENIZER = byte_level_tokenizer(TEXT, 300)
TEACHER = tiny_model(vocabulary=TOKENIZER.get_vocab_size())


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(make_tokens(TEXT, TOKENIZER, tmp_path / "text"), 16)


def plan_of(windows: Windows, **changes: float) -> AnswerPlan:
    sizes = {
        "teacher": "t",
        "corpus": windows.tokens.identity,
        "vocabulary": TOKENIZER.get_vocab_size(),
        "windows": windows.count,
        "context": windows.context,
        "k": 5,
        "temperature": 2.0,
        "windows_per_shard": 7,
    }
    return AnswerPlan.model_validate({**sizes, **changes})


def record(windows: Windows, plan: AnswerPlan, folder: Path, worker: int = 0, of: int = 1) -> None:
    record_answers(
        TEACHER, windows, plan, folder, lambda *_: None, worker=worker, workers=of, batch_size=3
    )


def test_what_is_kept_is_what_the_teacher_says(windows: Windows, tmp_path: Path) -> None:
    plan = plan_of(windows)
    record(windows, plan, tmp_path / "kept")
    finish_answers(plan, tmp_path / "kept")
    answers = Answers(tmp_path / "kept")
    numbers = np.array([9, 0, windows.count - 1])
    values, indices, log_sum, *none = answers.read(numbers)
    assert none == [None, None]
    with torch.no_grad():
        logits = TEACHER(torch.from_numpy(windows.read(numbers)[:, :-1])) / 2.0
    expected = logits.log_softmax(-1)
    told = values - log_sum[..., None]
    torch.testing.assert_close(told, expected.gather(-1, indices), atol=5e-3, rtol=0)
    assert torch.equal(indices[..., 0], logits.argmax(-1))
    assert (values[..., 0] == 0).all()
    mass = expected.topk(5, dim=-1).values.exp().sum(-1)
    torch.testing.assert_close(told.exp().sum(-1), mass, atol=2e-3, rtol=0)
    assert 0 < answers.kept_mass() < 1


def test_samples_are_drawn_from_what_is_left_by_its_probability(
    windows: Windows, tmp_path: Path
) -> None:
    plan = plan_of(windows, samples=400)
    record(windows, plan, tmp_path)
    finish_answers(plan, tmp_path)
    numbers = np.array([9, 0, windows.count - 1])
    kept = Answers(tmp_path).read(numbers)
    assert kept.sampled is not None
    assert kept.sampled_values is not None
    with torch.no_grad():
        logits = TEACHER(torch.from_numpy(windows.read(numbers)[:, :-1])) / 2.0
    told = kept.sampled_values - kept.log_sum[..., None]
    torch.testing.assert_close(
        told, logits.log_softmax(-1).gather(-1, kept.sampled), atol=5e-3, rtol=0
    )
    tail = logits.softmax(-1).scatter(-1, kept.indices, 0.0)
    counts = torch.zeros_like(tail).scatter_add(-1, kept.sampled, torch.ones_like(told))
    assert (counts[tail == 0] == 0).all()
    # The comb takes each token as often as it should, or one time more or less.
    expected = tail / tail.sum(-1, keepdim=True) * plan.samples
    assert (counts - expected).abs().max() < 1.001
    # Which of the rare ones it takes is another draw at each position.
    rare = (counts - expected)[expected < 1]
    assert rare.std() > 0.2
    assert abs(rare.mean()) < 0.01


@pytest.mark.parametrize("samples", [0, 3])
def test_two_workers_write_what_one_writes(windows: Windows, tmp_path: Path, samples: int) -> None:
    plan = plan_of(windows, samples=samples)
    record(windows, plan, tmp_path / "one")
    record(windows, plan, tmp_path / "two", 1, 2)
    with pytest.raises(RunFailed, match=r"shards are missing, the first is 0"):
        finish_answers(plan, tmp_path / "two")
    record(windows, plan, tmp_path / "two", 0, 2)
    for folder in ("one", "two"):
        finish_answers(plan, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 2 * plan.shards + 1 > 5
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_killed_worker_goes_on_after_its_last_whole_shard(
    windows: Windows, tmp_path: Path
) -> None:
    plan, asked = plan_of(windows), []

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done > 10:
            raise Killed

    with pytest.raises(Killed):
        record_answers(TEACHER, windows, plan, tmp_path, kill, batch_size=3)
    handle = TEACHER.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
    record(windows, plan, tmp_path)
    handle.remove()
    assert sum(asked) == windows.count - 7
    finish_answers(plan, tmp_path)
    assert Answers(tmp_path).plan == plan


def test_shards_of_another_teacher_are_not_taken(windows: Windows, tmp_path: Path) -> None:
    record(windows, plan_of(windows), tmp_path)
    other = plan_of(windows, k=6)
    with pytest.raises(RunFailed, match="are missing, the first is 0"):
        finish_answers(other, tmp_path)
    record(windows, other, tmp_path)
    finish_answers(other, tmp_path)
    assert Answers(tmp_path).read(np.array([0]))[0].shape == (1, 16, 6)


def test_damage_is_noticed(windows: Windows, tmp_path: Path) -> None:
    plan = plan_of(windows)
    record(windows, plan, tmp_path)
    finish_answers(plan, tmp_path)
    shard = tmp_path / "shard-00001.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(BadInput, match=r"shard-00001\.npy: was changed or damaged"):
        Answers(tmp_path)
    shard.write_bytes(content[:-10])
    with pytest.raises(BadInput, match="not a whole"):
        Answers(tmp_path)
    (tmp_path / "answers.json").write_text("{}")
    with pytest.raises(BadInput, match="plan: Field required"):
        Answers(tmp_path)


def test_a_teacher_that_gives_nan_is_told(windows: Windows, tmp_path: Path) -> None:
    broken = tiny_model(vocabulary=TOKENIZER.get_vocab_size())
    with torch.no_grad():
        broken.norm.weight[0] = float("nan")
    with pytest.raises(RunFailed, match="NaN"):
        record_answers(broken, windows, plan_of(windows), tmp_path, lambda *_: None)


def test_sizes_are_those_on_disk(windows: Windows, tmp_path: Path) -> None:
    plan = plan_of(windows)
    record(windows, plan, tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.glob("*.npy"))
    assert 0 <= size - plan.cache_bytes() <= 256 * plan.shards
    large = plan.model_copy(update={"vocabulary": 49_152, "k": 64})
    assert large.cache_bytes() / large.full_bytes() < 0.003
    assert large.model_copy(update={"vocabulary": 2**17}).row.itemsize == 64 * 6 + 4
