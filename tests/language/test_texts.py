from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekd.errors import BadInput
from edgekd.language.batches import Process, TextBatches
from edgekd.language.generation import Sampling
from edgekd.language.teacher import LanguageTeacher
from edgekd.language.texts import read_texts, tokenize_texts, write_texts
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, sample_text

TOKENIZER = byte_level_tokenizer(sample_text(0, 500), 300)
TEACHER = LanguageTeacher(tiny_model(vocabulary=TOKENIZER.get_vocab_size()), TOKENIZER, (0,))


def write(path: Path, *texts: tuple[str, str]) -> Path:
    lines = [json.dumps({"prompt": p, "completion": c, "id": 1}) for p, c in texts]
    path.write_text("\n".join(lines) + "\n\n")
    return path


def ids(text: str) -> list[int]:
    return TOKENIZER.encode(text).ids


def test_only_completions_count(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", ("the quick", " foxes"), ("dogs and", " lazy kittens, 12"))
    texts = tokenize_texts(path, TOKENIZER, 0, 64)
    rows = [
        ids("the quick") + ids(" foxes") + [0],
        ids("dogs and") + ids(" lazy kittens, 12") + [0],
    ]
    assert texts.tokens.tolist() == rows[0] + rows[1]
    batch = TextBatches(texts, 2, seed=0).read(0, Process())
    longest = max(map(len, rows))
    assert batch.inputs.shape == (2, longest - 1)
    counted = []
    for targets, weights in zip(batch.targets, batch.weights, strict=True):
        counted.append(targets[weights > 0].tolist())
    assert sorted(counted) == sorted([[*ids(" foxes"), 0], [*ids(" lazy kittens, 12"), 0]])
    assert batch.weights.sum().item() == pytest.approx(1)


def test_the_parts_of_two_processes_make_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", *(("the", " fox" * n) for n in range(1, 9)))
    batches = TextBatches(tokenize_texts(path, TOKENIZER, None, 64), 4, seed=3)
    whole = batches.read(5, Process())
    parts = [batches.read(5, Process(number, 2)) for number in (0, 1)]
    assert sum(part.weights.sum().item() for part in parts) / 2 == pytest.approx(1)
    rows = [row.tolist() for part in parts for row in part.inputs]
    assert sorted(rows) == sorted(row.tolist() for row in whole.inputs)


def test_long_texts_are_cut_and_those_without_a_completion_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", ("the fox", " sun" * 50), ("dog " * 30, "x"), ("cat", ""))
    texts = tokenize_texts(path, TOKENIZER, None, 12)
    assert len(texts.completions) == 1
    assert len(texts.tokens) == 13
    with pytest.raises(BadInput, match="no text has a completion within 1 tokens"):
        tokenize_texts(path, TOKENIZER, None, 1)


def test_wrong_lines_are_told_by_number(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    good = json.dumps({"prompt": "a", "completion": "b"})
    for line, said in (
        ("{", "is not JSON"),
        ('{"prompt": "a"}', "prompt and completion"),
        ('{"prompt": "a", "completion": 3}', "prompt and completion"),
        ("[" * 100_000, "is not JSON"),
        ('"' + "a" * 2**20 + '"', "longer than"),
    ):
        path.write_text(f"{good}\n{line}\n{good}\n")
        with pytest.raises(BadInput, match=f"jsonl:2: .*{said}"):
            list(read_texts(path))
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_texts(tmp_path / "none"))
    write(path, ("", "b"))
    with pytest.raises(BadInput, match="prompt of text 1 has no token"):
        tokenize_texts(path, TOKENIZER, None, 8)


def test_a_teacher_writes_texts_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    prompts = [f"the {number}" for number in range(20)]
    wishes = {"length": 6, "sampling": Sampling(1.0), "seed": 4}

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done >= 16:
            raise Killed

    with pytest.raises(Killed):
        write_texts(TEACHER, prompts, tmp_path / "a", kill, **wishes)  # type: ignore[arg-type]
    part = tmp_path / "a" / "part-0000000.jsonl"
    before = part.stat().st_ino
    resumed = write_texts(TEACHER, prompts, tmp_path / "a", lambda *_: None, **wishes)  # type: ignore[arg-type]
    assert part.stat().st_ino == before
    whole = write_texts(TEACHER, prompts, tmp_path / "b", lambda *_: None, **wishes)  # type: ignore[arg-type]
    assert resumed.read_bytes() == whole.read_bytes()
    texts = list(read_texts(whole))
    assert [text.prompt for text in texts] == prompts
    assert len({text.completion for text in texts}) > 10
