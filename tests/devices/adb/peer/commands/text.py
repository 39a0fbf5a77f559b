"""Commands that print or filter text."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.devices.adb.peer.process import Failed, Process


def _echo(process: Process) -> int:
    arguments = process.arguments[1:]
    end = "" if arguments[:1] == ["-n"] else "\n"
    process.stdout.write((" ".join(arguments[not end :]) + end).encode(errors="surrogateescape"))
    return 0


def _true(process: Process) -> int:
    return 0


def _false(process: Process) -> int:
    return 1


def _pwd(process: Process) -> int:
    process.say(process.folder)
    return 0


def _id(process: Process) -> int:
    name = "shell" if process.user.package is None else "u0_a100"
    number = 2000 if process.user.package is None else 10100
    process.say(f"uid={number}({name}) gid={number}({name})")
    return 0


def _grep(process: Process) -> int:
    flags, (pattern, *paths) = process.split("HhoqE")
    expression, found = re.compile(pattern.encode()), False
    contents = [(path, process.readable(path).read_bytes()) for path in paths]
    for path, content in contents or [("", process.stdin.read())]:
        named = "H" in flags or ("h" not in flags and len(paths) > 1)
        prefix = f"{path}:".encode() if named else b""
        for line in content.splitlines():
            if match := expression.search(line):
                found = True
                if "q" not in flags:
                    process.stdout.write(prefix + (match[0] if "o" in flags else line) + b"\n")
    return 0 if found else 1


def _head(process: Process) -> int:
    arguments = process.arguments[1:]
    if len(arguments) < 2 or arguments[0] not in ("-c", "-n"):
        raise Failed("head: the stand-in needs -c or -n")
    count = int(arguments[1])
    files = [process.readable(path).read_bytes() for path in arguments[2:]]
    data = b"".join(files) if files else process.stdin.read()
    lines = b"".join(data.splitlines(keepends=True)[:count])
    process.stdout.write(data[:count] if arguments[0] == "-c" else lines)
    return 0


def _wc(process: Process) -> int:
    flags, paths = process.split("cl")
    for data in [process.readable(path).read_bytes() for path in paths] or [process.stdin.read()]:
        process.say(str(len(data) if "c" in flags else data.count(b"\n")))
    return 0


COMMANDS: dict[str, Callable[[Process], int]] = {
    "echo": _echo,
    "true": _true,
    "false": _false,
    "sync": _true,
    "pwd": _pwd,
    "id": _id,
    "grep": _grep,
    "head": _head,
    "wc": _wc,
}
