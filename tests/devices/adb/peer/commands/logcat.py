"""``logcat`` and ``log``."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.devices.adb.peer.process import Failed, Process

_FORMATS: dict[str, Callable[[str, str], str]] = {
    "raw": lambda tag, message: message,
    "brief": lambda tag, message: f"I/{tag}( 4242): {message}",
    "threadtime": lambda tag, message: f"01-01 00:00:00.000  4242  4242 I {tag}: {message}",
}


@dataclass
class _Query:
    """What was asked for.

    Attributes:
        dump: end with the last line there is, instead of waiting for more.
        clear: empty the log.
        tags: only these; none: all.
        expression: only messages that it is found in.
        most: end after so many lines.
        last: begin with so many of the lines that are there; null: all.
        layout: of a line.
    """

    dump: bool = False
    clear: bool = False
    tags: frozenset[str] = frozenset()
    expression: re.Pattern[str] = re.compile("")
    most: int | None = None
    last: int | None = None
    layout: str = "threadtime"


def _query(arguments: list[str]) -> _Query:
    query, silent, tags = _Query(), False, set[str]()
    rest = iter(arguments)
    for argument in rest:
        name, _, value = argument.partition("=")
        if name == "--regex" or argument == "-e":
            query.expression = re.compile(value or next(rest))
        elif argument in ("-d", "-c"):
            query.dump, query.clear = argument == "-d", argument == "-c"
        elif argument == "-s":
            silent = True
        elif argument == "-m":
            query.most = int(next(rest))
        elif argument in ("-t", "-T"):
            query.last, query.dump = int(next(rest)), argument == "-t"
        elif argument == "-v":
            query.layout = next(rest)
        elif argument == "-b":
            next(rest)
        elif argument.startswith("-"):
            raise Failed(f"logcat: the stand-in does not know {argument}")
        else:
            tags.add(argument.partition(":")[0])
    query.tags = frozenset(tags - {"*"}) if silent or "*:S" in arguments else frozenset()
    return query


def _logcat(process: Process) -> int:
    query, log = _query(process.arguments[1:]), process.phone.log
    if query.clear:
        log.clear()
        return 0
    enough = threading.Event()

    def end() -> None:
        enough.set()
        log.wake()

    process.when_ended(end)
    known = len(log.lines())
    position = 0 if query.last is None else max(0, known - query.last)
    printed = 0
    while query.most is None or printed < query.most:
        lines = log.lines()
        if position < len(lines):
            tag, message = lines[position]
            position += 1
            if (query.tags and tag not in query.tags) or not query.expression.search(message):
                continue
            if not printed:
                process.say("--------- beginning of main")
            process.say(_FORMATS[query.layout](tag, message))
            printed += 1
        elif query.dump or not log.wait_for_more(position, enough):
            break
    return 0


def _log(process: Process) -> int:
    match process.arguments[1:]:
        case ["-t", tag, *words]:
            process.phone.log.write(tag, " ".join(words))
        case words:
            process.phone.log.write("log", " ".join(words))
    return 0


COMMANDS: dict[str, Callable[[Process], int]] = {"logcat": _logcat, "log": _log}
