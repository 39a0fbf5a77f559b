"""The words in which a model was trained to be spoken to: a Jinja template that came with it.

The template is somebody else's program. It runs in a process of its own, in Jinja's sandbox, which
knows no files, no modules and no attribute that leads to them; what it may take and write is
bounded.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from edgekd.errors import BadInput
from edgekd.third_party import require

TEMPLATE_FILE = "chat_template.jinja"
_LONGEST_TEMPLATE = 256 * 1024
_WORKER = Path(__file__).with_name("chat_template_worker.py")


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class ChatTemplate:
    """A template that was read.

    Args:
        source: Jinja, as Hugging Face tokenizers carry it.
        tokens: texts of special tokens that it names, as ``bos_token``.

    Raises:
        BadInput: it is no Jinja, or too long.
        MissingPackage: jinja2 is not installed.
    """

    def __init__(self, source: str, tokens: Mapping[str, str]) -> None:
        if len(source) > _LONGEST_TEMPLATE:
            raise BadInput(f"has more than {_LONGEST_TEMPLATE} characters", where=TEMPLATE_FILE)
        require("language", "jinja2")
        self._source = source
        self._tokens = dict(tokens)
        self._work(None)

    def render(self, messages: Sequence[Message]) -> str:
        """The text of a conversation up to where the model's next answer begins.

        Raises:
            BadInput: the template refuses these messages, fails, or takes or writes too much.
        """
        return self._work(list(messages))

    def _work(self, messages: list[Message] | None) -> str:
        request = {"source": self._source, "tokens": self._tokens, "messages": messages}
        done = subprocess.run(
            [sys.executable, "-P", str(_WORKER)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BadInput("takes too long, or crashes", where=TEMPLATE_FILE)
        answer: dict[str, str] = json.loads(done.stdout)
        if "problem" in answer:
            told = " ".join(answer["problem"].split())[:200]
            raise BadInput(told, where=TEMPLATE_FILE)
        return answer["text"]


def read_chat_template(path: Path, tokens: Mapping[str, str]) -> ChatTemplate:
    """Read a template whose bundle was checked.

    Raises:
        BadInput, MissingPackage: as :class:`ChatTemplate`; also where it is no UTF-8.
    """
    try:
        with path.open(encoding="utf-8") as file:
            source = file.read(_LONGEST_TEMPLATE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("cannot be read as text", where=str(path)) from error
    return ChatTemplate(source, tokens)
