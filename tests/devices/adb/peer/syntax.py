"""The part of the shell's syntax that the stand-in knows; the rest is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_OPERATOR = re.compile(r"2>&1|2>>|2>|&&|\|\||>>|>&2|>|<|;|\||\n")
_VARIABLE = re.compile(r"\$(?:(\?|[A-Za-z_]\w*)|\{(\?|[A-Za-z_]\w*)\})")
_REDIRECTIONS = frozenset({"<", ">", ">>", "2>", "2>>"})
_BETWEEN = frozenset({";", "\n", "&&", "||"})
_RESERVED = frozenset({"if", "for", "while", "until", "case", "function", "{", "!", "[["})


class NotUnderstood(Exception):
    """This syntax is not known here."""


@dataclass(frozen=True)
class Part:
    """A piece of a word: text, or the name of a variable to put in."""

    text: str
    variable: bool = False
    quoted: bool = False


Word = tuple[Part, ...]


@dataclass
class Command:
    """One simple command: assignments, words, redirections (operator and file)."""

    assignments: dict[str, Word] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    redirections: list[tuple[str, Word]] = field(default_factory=list)


@dataclass
class Pipeline:
    """Commands of which each reads what the one before it wrote; run if ``after`` allows it."""

    after: str
    commands: list[Command]


def parse(line: str) -> list[Pipeline]:
    """The pipelines of a command line, in order.

    Raises:
        NotUnderstood: the line holds syntax that is not known here.
    """
    pipelines = [Pipeline(";", [Command()])]
    tokens = _tokens(line)
    for token in tokens:
        command = pipelines[-1].commands[-1]
        if not isinstance(token, str):
            _add_word(command, token)
        elif token in _REDIRECTIONS:
            file = next(tokens, "")
            if isinstance(file, str):
                raise NotUnderstood(f"{token} without a file")
            command.redirections.append((token, file))
        elif token in ("2>&1", ">&2"):
            command.redirections.append((token, ()))
        elif token == "|":
            pipelines[-1].commands.append(Command())
        elif token in _BETWEEN:
            pipelines.append(Pipeline(token, [Command()]))
    return [pipeline for pipeline in pipelines if any(_is_there(c) for c in pipeline.commands)]


def _is_there(command: Command) -> bool:
    return bool(command.words or command.assignments or command.redirections)


def _add_word(command: Command, word: Word) -> None:
    plain = "".join(part.text for part in word if not (part.variable or part.quoted))
    if not command.words:
        match = re.match(r"([A-Za-z_]\w*)=", word[0].text)
        if match and not (word[0].variable or word[0].quoted):
            rest = Part(word[0].text[match.end() :])
            command.assignments[match[1]] = (rest, *word[1:])
            return
        if plain in _RESERVED:
            raise NotUnderstood(plain)
    command.words.append(word)


def _tokens(line: str) -> Iterator[str | Word]:
    position = 0
    while position < len(line):
        operator = _OPERATOR.match(line, position)
        if operator:
            position = operator.end()
            yield operator[0]
        elif line[position] in " \t":
            position += 1
        elif line[position] == "#":
            position = (line + "\n").index("\n", position)
        else:
            word, position = _word(line, position)
            yield word


def _word(line: str, position: int) -> tuple[Word, int]:
    parts: list[Part] = []
    while position < len(line) and line[position] not in " \t":
        character = line[position]
        # ``2>`` is an operator only at the start of a word.
        if character in ";|<>\n" or line.startswith("&&", position):
            break
        if character == "'":
            position = _single(line, position, parts)
        elif character == '"':
            position = _double(line, position, parts)
        elif character == "\\":
            parts.append(Part(line[position + 1 : position + 2], quoted=True))
            position += 2
        elif character == "$":
            position = _variable(line, position, parts, quoted=False)
        elif character in "`&()":
            raise NotUnderstood(line)
        else:
            parts.append(Part(character))
            position += 1
    return _joined(parts), position


def _single(line: str, position: int, parts: list[Part]) -> int:
    end = _closing(line, "'", position + 1)
    parts.append(Part(line[position + 1 : end], quoted=True))
    return end + 1


def _double(line: str, position: int, parts: list[Part]) -> int:
    position += 1
    parts.append(Part("", quoted=True))
    while position < len(line) and line[position] != '"':
        if line[position] == "$":
            position = _variable(line, position, parts, quoted=True)
        elif line[position] == "`":
            raise NotUnderstood(line)
        else:
            escaped = line[position] == "\\" and line[position + 1 : position + 2] in tuple('"\\$`')
            position += escaped
            parts.append(Part(line[position], quoted=True))
            position += 1
    _closing(line, '"', position)
    return position + 1


def _closing(line: str, quote: str, position: int) -> int:
    end = line.find(quote, position)
    if end < 0:
        raise NotUnderstood(f"no closing {quote}")
    return end


def _variable(line: str, position: int, parts: list[Part], *, quoted: bool) -> int:
    match = _VARIABLE.match(line, position)
    if not match:
        if line[position + 1 : position + 2] in tuple("({"):
            raise NotUnderstood(line)
        parts.append(Part("$", quoted=True))
        return position + 1
    parts.append(Part(match[1] or match[2], variable=True, quoted=quoted))
    return match.end()


def _joined(parts: list[Part]) -> Word:
    """Neighbouring pieces of the same kind become one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last and not (last.variable or part.variable) and last.quoted == part.quoted:
            joined[-1] = Part(last.text + part.text, quoted=part.quoted)
        else:
            joined.append(part)
    return tuple(joined)
