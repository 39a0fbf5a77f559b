"""The program that runs a chat template; see :mod:`edgekd.language.decoding.chat_template`.

Reads a request from standard input and writes an answer to standard output, both JSON:
``{"source": ..., "tokens": {...}, "messages": [...]}``, where null instead of messages only parses
the template, and ``{"text": ...}`` or ``{"problem": ...}``. It may take little memory and little
time: a few characters of Jinja can ask for any amount of both.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

_LONGEST_TEXT = 4 * 1024 * 1024
_PROCESSOR_SECONDS = 5
_MEMORY_BYTES = 2**30


class _Refused(Exception):
    """What the template, or this program, has to say against going on."""


def _render(source: str, tokens: dict[str, str], messages: list[dict[str, str]] | None) -> str:
    # White space and loop controls as transformers has them: templates are written for these.
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _json
    environment.globals["raise_exception"] = _refuse
    try:
        template = environment.from_string(source)
    except (TemplateError, RecursionError) as error:
        raise _Refused(f"is no Jinja template: {error}") from error
    if messages is None:
        return ""
    text = ""
    for part in template.generate(
        messages=messages, add_generation_prompt=True, tools=None, documents=None, **tokens
    ):
        text += part
        if len(text) > _LONGEST_TEXT:
            raise _Refused(f"writes more than {_LONGEST_TEXT} characters")
    # Half of a surrogate pair is no text.
    text.encode()
    return text


def _refuse(message: str) -> NoReturn:
    """What templates call where they do not take a conversation."""
    raise _Refused(f"refuses the conversation: {message}")


def _json(value: Any, indent: int | None = None) -> str:
    """JSON as it is, where Jinja's own filter writes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _PROCESSOR_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        # Not every system takes each of them.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def _main() -> None:
    request = json.load(sys.stdin)
    _limit()
    try:
        answer = {"text": _render(**request)}
    except _Refused as error:
        answer = {"problem": str(error)}
    except MemoryError:
        answer = {"problem": "needs too much memory"}
    # A template can raise whatever its expressions raise.
    except Exception as error:
        answer = {"problem": f"fails: {error}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
