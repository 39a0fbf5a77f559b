"""The words in which a model was trained to be spoken to: a Jinja template that came with it.

The template is somebody else's program. It runs in Jinja's sandbox, which knows no files, no
modules and no attribute that leads to them, and what it may write is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict

from edgekd.errors import BadInput, MissingPackage

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE_FILE = "chat_template.jinja"
_LONGEST_TEMPLATE = 256 * 1024
_LONGEST_TEXT = 4 * 1024 * 1024


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
        self._template = _compiled(source)
        self._tokens = dict(tokens)

    def render(self, messages: Sequence[Message]) -> str:
        """The text of a conversation up to where the model's next answer begins.

        Raises:
            BadInput: the template refuses these messages, fails, or writes too much.
        """
        text = ""
        try:
            for part in self._template.generate(
                messages=list(messages),
                add_generation_prompt=True,
                tools=None,
                documents=None,
                **self._tokens,
            ):
                text += part
                if len(text) > _LONGEST_TEXT:
                    raise BadInput(f"writes more than {_LONGEST_TEXT} characters")
        except BadInput as error:
            raise BadInput(error.what, where=TEMPLATE_FILE) from error
        # A template can raise whatever its expressions raise.
        except Exception as error:
            raise BadInput(f"fails: {_line(error)}", where=TEMPLATE_FILE) from error
        return text


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


def _compiled(source: str) -> Template:
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingPackage(
            "jinja2 is not installed", mend='pip install "edgekd[language]"'
        ) from error

    class Bounded(ImmutableSandboxedEnvironment):
        """Jinja's sandbox, in which no short expression makes a long value."""

        intercepted_binops = frozenset(("*", "**"))

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or _size(left) * _size(right) > _LONGEST_TEXT:
                raise BadInput(f"computes a value too large with {operator}")
            return super().call_binop(context, operator, left, right)

    # White space and loop controls as transformers has them: templates are written for these.
    environment = Bounded(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _json
    environment.globals["raise_exception"] = _refuse
    try:
        return environment.from_string(source)
    except (TemplateError, RecursionError) as error:
        raise BadInput(f"is no Jinja template: {_line(error)}", where=TEMPLATE_FILE) from error


def _size(value: Any) -> float:
    """Of a number itself, of anything else its length."""
    return abs(value) if isinstance(value, int | float) else len(value)


def _line(told: object) -> str:
    return " ".join(str(told).split())[:200]


def _refuse(message: str) -> NoReturn:
    """What templates call where they do not take a conversation."""
    raise BadInput(f"refuses the conversation: {_line(message)}")


def _json(value: Any, indent: int | None = None) -> str:
    """JSON as it is, where Jinja's own filter writes for HTML."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=indent)
