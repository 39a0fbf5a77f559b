"""``edgekd chat``: a conversation with an exported language model in the terminal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from edgekd.errors import BadInput

if TYPE_CHECKING:
    from edgekd.language.decoding.chat import Chat, Told
    from edgekd.language.decoding.contract import LanguageBundle

ArtifactArgument = Annotated[
    Path, typer.Argument(metavar="RUN/RUNG", help="Or a folder with a language.json.")
]
TargetOption = Annotated[str | None, typer.Option(help="That it was exported for.")]
TemperatureOption = Annotated[
    float, typer.Option(help="0: the likeliest token; higher: more variety.")
]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same answers.")]
TokensOption = Annotated[int, typer.Option(min=1, help="Longest answer.")]
PromptOption = Annotated[str | None, typer.Option(metavar="TEXT", help="Answer this, and leave.")]


def chat(
    artifact: ArtifactArgument,
    target: TargetOption = None,
    temperature: TemperatureOption = 0.7,
    seed: SeedOption = 0,
    tokens: TokensOption = 200,
    prompt: PromptOption = None,
) -> int:
    """Talk to an exported language model; Ctrl-C stops an answer, Ctrl-D leaves."""
    from edgekd.language.decoding.artifacts import find_artifact
    from edgekd.language.decoding.chat import Chat
    from edgekd.language.decoding.chat_template import read_chat_template
    from edgekd.language.decoding.contract import open_decoder
    from edgekd.language.decoding.sampling import Sampling
    from edgekd.language.decoding.text import open_text

    sampling = Sampling(temperature=temperature, seed=seed)
    folder = find_artifact(artifact, target)
    decoder = open_decoder(folder)
    bundle = decoder.bundle
    template = None
    if bundle.chat_template is not None:
        template = read_chat_template(folder / bundle.chat_template, bundle.template_tokens)
    codec = open_text(folder, bundle)
    conversation = Chat(decoder, codec, sampling, tokens, bundle.end_tokens, template)
    if prompt is not None:
        _answer(conversation, prompt)
    elif sys.stdin.isatty():
        _aside(_introduction(folder, bundle))
        _talk(conversation)
    else:
        for line in sys.stdin:
            if line.strip():
                _answer(conversation, line.rstrip("\r\n"))
    return 0


def _talk(conversation: Chat) -> None:
    """Prompts from the terminal until its input ends."""
    # Gives the line editing of a shell to input().
    with suppress(ImportError):
        import readline  # noqa: F401
    while True:
        try:
            prompt = input("> ")
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            # As in a shell: the line is given up.
            print()
            continue
        if prompt.strip():
            try:
                _answer(conversation, prompt)
            except BadInput as error:
                _aside(str(error))


def _answer(conversation: Chat, prompt: str) -> None:
    """Print an answer as it comes, and what it took."""
    with _interrupts() as interrupts:
        pieces = conversation.answer(prompt)
        for piece in pieces:
            print(_printable(piece), end="", flush=True)
            if interrupts:
                pieces.close()
                break
    print(flush=True)
    if conversation.told is not None:
        _aside(_figures(conversation.told))


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Ctrl-C is noted, and stops nothing: the model's cache stays that of whole tokens."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted:
            # The second one is meant.
            raise KeyboardInterrupt
        noted.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _figures(told: Told) -> str:
    parts = [f"{told.tokens} tokens"]
    if told.first_token_seconds is not None:
        parts.append(f"first after {told.first_token_seconds * 1000:.0f} ms")
    if told.tokens_per_second is not None:
        parts.append(f"then {told.tokens_per_second:.1f} tokens/s")
    if told.anew:
        parts.append("the cache was full: the conversation started anew")
    if told.ended == "full":
        parts.append("the cache is full: the next prompt starts anew")
    if told.ended == "stopped":
        parts.append("stopped")
    return " · ".join(parts)


def _introduction(folder: Path, bundle: LanguageBundle) -> str:
    from edgekd.report.units import clean, size

    # In a run's folder that is the target.
    name = f"{folder.resolve().parent.name}/{bundle.rung}"
    return clean(
        f"{name}: {bundle.format}, {bundle.precision}, {size(bundle.bytes)}, "
        f"{bundle.cache_length} tokens; Ctrl-C stops an answer, Ctrl-D leaves"
    )


def _aside(text: str) -> None:
    typer.secho(text, dim=True, err=True)


def _printable(piece: str) -> str:
    """What a terminal may be given: a model can say any character, those of commands included."""
    from edgekd.report.units import clean

    return "".join(part if part in " \n\t" else clean(part) for part in piece)
