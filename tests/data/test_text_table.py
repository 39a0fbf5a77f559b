from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekd.data import find_source, text_table
from edgekd.data.split import split_samples
from edgekd.errors import BadInput
from edgekd.recipe import Data, Split

SOURCE = find_source("text_table")
ROWS = [
    {"text": "play\na  song", "label": "music"},
    {"text": 'what is "5,0" in €', "label": "7"},
    {"text": "hm", "label": ""},
    {"text": "louder, please", "label": "music"},
]


def table_data(path: Path | None, split: Split | None = None) -> Data:
    named = None if path is None else str(path)
    return Data(source="text_table", path=named, split=split or Split(validation=1, test=1))


def write_csv(path: Path, *more: str) -> Path:
    lines = ["number,label,text", '1,music,"play\na  song"', '2,7,"what is ""5,0"" in €"']
    lines += ["3,,hm", '4,music,"louder, please"', *more]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")
    return path


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.jsonl", "a.ndjson"])
def test_both_kinds_of_table_are_read_alike(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix.lower() == ".csv":
        write_csv(path)
    else:
        write_lines(path, ROWS[0], {**ROWS[1], "label": 7}, {"text": "hm", "label": None}, ROWS[3])
    samples = SOURCE.load(table_data(path))
    texts = ("play a song", 'what is "5,0" in €', "hm", "louder, please")
    assert samples.texts == texts
    assert samples.class_names == ("7", "music")
    assert samples.labels.tolist() == [1, 0, -1, 1]
    assert samples.names == ("1", "2", "3", "4")
    assert samples.inputs.shape == (4, 0)
    assert samples.official_test is None


def test_a_split_column_is_the_official_split(tmp_path: Path) -> None:
    rows = [
        {"text": f"{label} {part} {number}", "label": label, "split": part}
        for label in ("a", "b")
        for part in ("train", "", "validation", "test")
        for number in range(2)
    ]
    path = write_lines(tmp_path / "t.jsonl", *rows, {"text": "unlabelled"})
    data = table_data(path, Split(kind="official", validation=2))
    samples = SOURCE.load(data)
    dataset = split_samples(samples, data)
    assert samples.texts is not None
    tested = [samples.texts[number] for number in dataset.parts["test"]]
    assert tested == ["a test 0", "a test 1", "b test 0", "b test 1"]
    assert len(dataset.parts["train"]) == 12 - 2 + 1
    assert np.flatnonzero(samples.labels == -1).tolist() == [16]


def test_fingerprint_follows_the_content(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv")
    before = SOURCE.fingerprint(table_data(path))
    assert SOURCE.fingerprint(table_data(path)) == before
    write_csv(path, "5,music,more")
    assert SOURCE.fingerprint(table_data(path)) != before


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("{", "line 2: is not JSON"),
        ("[" * 100_000, "line 2: is not JSON"),
        ("[1]", "line 2: is no JSON object"),
        ('{"label": "a"}', "row 2: text: is no text"),
        ('{"text": 5, "label": "a"}', "row 2: text: is no text"),
        ('{"text": " ", "label": "a"}', "row 2: text: is empty"),
        ('{"text": "\\ud83d", "label": "a"}', "row 2: text: holds half a surrogate pair"),
        ('{"text": "x", "label": [1]}', "row 2: label: is no text"),
        ('{"text": "x", "label": 0.5}', "row 2: label: is no text"),
        ('{"text": "x", "label": "a", "split": "Test"}', "row 2: the split 'Test' is not known"),
        ('{"text": "x", "split": "test"}', "row 2: is test data without a label"),
    ],
)
def test_the_bad_row_is_named(tmp_path: Path, row: str, what: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "x", "label": "a"}\n' + row)
    with pytest.raises(BadInput, match=what):
        SOURCE.load(table_data(path))


def test_bad_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for content, what in [
        (b"words,label\nx,a\n", r"t\.csv: has no column 'text'"),
        (b"", r"t\.csv: has no column 'text'"),
        (b'text,label\nx,a\n"y,b', "after line 2: is not CSV"),
        (b"text,label\n" + b"x" * 200_000 + b",a", "after line 1: is not CSV .*field limit"),
        (b"text,label\ncaf\xe9,a", "is not UTF-8 text"),
        (b"text,label\n,a\n", "row 1: text: is empty"),
    ]:
        path.write_bytes(content)
        with pytest.raises(BadInput, match=what):
            SOURCE.load(table_data(path))


def test_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "a.csv")
    monkeypatch.setattr(text_table, "MAX_TABLE_BYTES", path.stat().st_size - 1)
    for action in (SOURCE.fingerprint, SOURCE.load):
        with pytest.raises(BadInput, match=r"data\.path: is missing"):
            action(table_data(None))
        with pytest.raises(BadInput, match=r"is no table .*\.csv, \.jsonl, \.ndjson"):
            action(table_data(tmp_path / "a.xlsx"))
        with pytest.raises(BadInput, match="there is no such file"):
            action(table_data(tmp_path / "b.csv"))
        with pytest.raises(BadInput, match="is larger than"):
            action(table_data(path))
