"""The files that travel with an exported language model."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekd.errors import BadInput, RunFailed
from edgekd.files import sha256_of
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.export.bundle import DecoderDescription, write_decoder_bundle
from edgekd.language.export.contract import ExportedDecoder
from edgekd.records import Preflight


@pytest.fixture
def exported(tmp_path: Path) -> ExportedDecoder:
    """A file that stands where a model would."""
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(b"weights")
    preflight = Preflight(operators={"ADD": 1}, delegated=1)
    return ExportedDecoder(folder / "model.tflite", "float32", {"torch": "2"}, preflight, [8])


def describe(folder: Path, **changes: Path) -> DecoderDescription:
    tokenizer = folder / "given.json"
    tokenizer.write_text("{}")
    return DecoderDescription("small", "student", 20, 16, [1], tokenizer, **changes)


def test_what_is_written_is_read_back(exported: ExportedDecoder, tmp_path: Path) -> None:
    token_map = tmp_path / "token_map.safetensors"
    token_map.write_bytes(b"numbers")
    about = describe(tmp_path, token_map=token_map)
    written = write_decoder_bundle(exported, "tflite", "fp32", about)
    folder = exported.path.parent
    assert read_language_bundle(folder) == written
    assert written.prefill == [8]
    assert written.bytes == 7
    assert written.sha256 == sha256_of(exported.path)
    assert written.token_map_sha256 == sha256_of(token_map)
    assert (folder / written.tokenizer).read_text() == "{}"


def test_a_tokenizer_in_its_place_stays(exported: ExportedDecoder, tmp_path: Path) -> None:
    folder = exported.path.parent
    about = describe(tmp_path)
    about.tokenizer.rename(folder / "tokenizer.json")
    about = DecoderDescription("small", "student", 20, 16, [1], folder / "tokenizer.json")
    written = write_decoder_bundle(exported, "tflite", "fp32", about)
    assert written.token_map is None
    assert read_language_bundle(folder) == written


def test_another_model_in_its_place_is_noticed(exported: ExportedDecoder, tmp_path: Path) -> None:
    write_decoder_bundle(exported, "tflite", "fp32", describe(tmp_path))
    exported.path.write_bytes(b"Weights")
    with pytest.raises(BadInput, match="SHA-256"):
        read_language_bundle(exported.path.parent)


def test_a_missing_tokenizer_is_one_line(exported: ExportedDecoder, tmp_path: Path) -> None:
    about = DecoderDescription("small", "student", 20, 16, [1], tmp_path / "none.json")
    with pytest.raises(RunFailed, match="cannot be copied") as caught:
        write_decoder_bundle(exported, "tflite", "fp32", about)
    assert "\n" not in str(caught.value)
