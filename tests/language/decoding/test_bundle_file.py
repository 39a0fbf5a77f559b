"""``language.json`` is read as what somebody else may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekd.errors import BadInput
from edgekd.language.decoding.bundle_file import LANGUAGE_FILE, read_language_bundle
from edgekd.language.decoding.text import open_text
from tests.language.decoding.small_artifacts import END, write_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An artifact whose model is any bytes: nothing here loads it."""
    (tmp_path / "model.onnx").write_bytes(b"weights")
    write_bundle(tmp_path, "onnx")
    return tmp_path


def change(folder: Path, **changes: Any) -> None:
    path = folder / LANGUAGE_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_was_written_is_read_again(folder: Path) -> None:
    bundle = read_language_bundle(folder)
    assert (bundle.model, bundle.end_tokens, bundle.prefill) == ("model.onnx", [END], [])
    assert json.loads((folder / LANGUAGE_FILE).read_text())["schema"] == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"schema": 2}, "schema"),
        ({"model": "../model.onnx"}, "model"),
        ({"model": "/etc/passwd"}, "model"),
        ({"tokenizer": "a/b.json"}, "tokenizer"),
        ({"token_map": ".hidden", "token_map_sha256": "0" * 64}, "token_map"),
        ({"token_map": "map.safetensors"}, "token_map and token_map_sha256 belong together"),
        ({"chat_template": "a.jinja"}, "chat_template and chat_template_sha256 belong together"),
        ({"chat_template": "a.jinja", "chat_template_sha256": "0" * 64}, "a.jinja is missing"),
        (
            {"chat_template": "model.onnx", "chat_template_sha256": "0" * 64},
            r"is not the chat template that language\.json names",
        ),
        ({"template_tokens": {"__class__": "x"}}, "template_tokens"),
        ({"template_tokens": {"bos_token": "x" * 201}}, "template_tokens"),
        ({"sha256": "x"}, "sha256"),
        ({"vocabulary": 2**40}, "vocabulary"),
        ({"cache_length": 0}, "cache_length"),
        ({"prefill": [1] * 65}, "prefill"),
        ({"prefill": [1000]}, "a prefill chunk is longer than the cache"),
        ({"end_tokens": [290]}, "an end token lies outside the vocabulary"),
        ({"format": "coreml"}, "format"),
        ({"more": 1}, "more"),
        ({"bytes": 8}, r"model\.onnx: has 7 bytes, and language\.json says 8"),
        ({"sha256": "0" * 64}, r"is not the model that language\.json names: its SHA-256 differs"),
        ({"tokenizer_sha256": "0" * 64}, "is not the tokenizer that"),
        ({"model": "other.onnx"}, r"model: other\.onnx is missing"),
    ],
)
def test_a_bundle_that_is_not_sound_is_refused(
    folder: Path, changes: dict[str, Any], line: str
) -> None:
    change(folder, **changes)
    with pytest.raises(BadInput, match=line):
        read_language_bundle(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"schema": 1}', "[" * 100_000])
def test_what_is_no_bundle_is_refused_in_one_line(folder: Path, content: str) -> None:
    (folder / LANGUAGE_FILE).write_text(content)
    with pytest.raises(BadInput) as caught:
        read_language_bundle(folder)
    assert LANGUAGE_FILE in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_huge_bundle_is_not_parsed(folder: Path) -> None:
    with (folder / LANGUAGE_FILE).open("r+b") as stream:
        stream.truncate(5 * 1024 * 1024)
    with pytest.raises(BadInput, match="is larger than"):
        read_language_bundle(folder)


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside.bin"
    outside.write_bytes(b"weights")
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(outside)
    with pytest.raises(BadInput, match=r"model: model\.onnx is no file of this folder"):
        read_language_bundle(folder)


def test_a_folder_without_a_bundle_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no language\.json"):
        read_language_bundle(tmp_path)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"version": "1.0", "model": {"type": "BPE"}}', "holds no vocabulary"),
        ('{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 1}}}', "have gaps"),
        ('{"version": "1.0", "mod', "is not valid JSON"),
    ],
)
def test_a_damaged_tokenizer_is_bad_input(folder: Path, content: str, line: str) -> None:
    (folder / "tokenizer.json").write_text(content)
    write_bundle(folder, "onnx", keep_tokenizer=True)
    with pytest.raises(BadInput, match=rf"tokenizer\.json: .*{line}"):
        open_text(folder, read_language_bundle(folder))
