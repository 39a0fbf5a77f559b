"""Commands on the file tree, with toybox's messages."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from tests.devices.adb.peer.process import Failed, Process

_BLOCK = 1024
_STAT_FORMATS: dict[str, Callable[[str, os.stat_result], object]] = {
    "%s": lambda name, found: found.st_size,
    "%a": lambda name, found: f"{stat.S_IMODE(found.st_mode):o}",
    "%Y": lambda name, found: int(found.st_mtime),
    "%n": lambda name, found: name,
    "%F": lambda name, found: "directory" if stat.S_ISDIR(found.st_mode) else "regular file",
}


def _cat(process: Process) -> int:
    _, paths = process.split("")
    if not paths:
        for part in process.stdin.parts():
            process.stdout.write(part)
    for path in paths:
        with process.readable(path).open("rb") as stream:
            while data := stream.read(1 << 20):
                process.stdout.write(data)
    return 0


def _ls(process: Process) -> int:
    flags, paths = process.split("1adl")
    status = 0
    for path in paths or ["."]:
        own = process.readable(path)
        if not own.exists():
            status = process.complain(f"ls: {path}: No such file or directory")
        elif own.is_dir() and "d" not in flags:
            children = sorted(own.iterdir())
            process.say(*(_line(child.name, child, "l" in flags) for child in children))
        else:
            process.say(_line(path, own, "l" in flags))
    return status


def _line(name: str, path: Path, long: bool) -> str:
    found = path.stat()
    mode = stat.filemode(found.st_mode)
    return f"{mode} 1 shell shell {found.st_size} 2026-01-01 00:00 {name}" if long else name


def _mkdir(process: Process) -> int:
    flags, paths = process.split("p")
    for path in paths:
        process.writable(path).mkdir(parents="p" in flags, exist_ok="p" in flags)
    return 0


def _rm(process: Process) -> int:
    flags, paths = process.split("rRf")
    for path in paths:
        own = process.writable(path)
        if own.is_dir() and flags & {"r", "R"}:
            shutil.rmtree(own)
        elif own.exists() or "f" not in flags:
            own.unlink()
    return 0


def _target(process: Process, source: Path, path: str) -> Path:
    own = process.writable(path)
    return own / source.name if own.is_dir() else own


def _cp(process: Process) -> int:
    flags, paths = process.split("rRfp")
    for path in paths[:-1]:
        source = process.readable(path)
        target = _target(process, source, paths[-1])
        if source.is_dir():
            if not flags & {"r", "R"}:
                raise Failed(f"cp: Skipped dir '{path}'")
            shutil.copytree(source, target)
            continue
        with source.open("rb") as whole, target.open("wb", buffering=0) as stream:
            while data := whole.read(1 << 20):
                process.phone.tree.write(stream, data)
        target.chmod(source.stat().st_mode)
    return 0


def _mv(process: Process) -> int:
    _, paths = process.split("f")
    for path in paths[:-1]:
        source = process.writable(path)
        source.rename(_target(process, source, paths[-1]))
    return 0


def _chmod(process: Process) -> int:
    _, (mode, *paths) = process.split("")
    for path in paths:
        own = process.writable(path)
        if mode in ("+x", "a+x", "u+x"):
            own.chmod(own.stat().st_mode | 0o111)
        else:
            own.chmod(int(mode, 8))
    return 0


def _touch(process: Process) -> int:
    for path in process.split("")[1]:
        process.writable(path).touch()
    return 0


def _stat(process: Process) -> int:
    arguments = process.arguments[1:]
    if arguments[:1] != ["-c"]:
        raise Failed("stat: the stand-in needs -c")
    for path in arguments[2:]:
        found, line = process.readable(path).stat(), arguments[1]
        for mark, value in _STAT_FORMATS.items():
            line = line.replace(mark, str(value(path, found)))
        process.say(line)
    return 0


def _sha256sum(process: Process) -> int:
    for path in process.split("b")[1]:
        with process.readable(path).open("rb") as stream:
            process.say(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path}")
    return 0


def _df(process: Process) -> int:
    _, paths = process.split("kP")
    state = process.phone.state
    for path in paths:
        if not process.readable(path).exists():
            raise Failed(f"df: {path}: No such file or directory")
    lie = state.reported_free_bytes
    free = (process.phone.tree.room() if lie is None else lie) // _BLOCK
    used = 1_000_000
    process.say(
        "Filesystem      1K-blocks    Used Available Use% Mounted on",
        f"/dev/block/dm-1 {free + used} {used} {free} {100 * used // (used + free)}% /data",
    )
    return 0


def _test(process: Process) -> int:
    arguments = [argument for argument in process.arguments[1:] if argument != "]"]
    checks = {"-e": Path.exists, "-f": Path.is_file, "-d": Path.is_dir}
    if len(arguments) != 2 or arguments[0] not in checks:
        raise Failed("test: the stand-in knows -e, -f and -d", 2)
    return 0 if checks[arguments[0]](process.readable(arguments[1])) else 1


COMMANDS: dict[str, Callable[[Process], int]] = {
    "cat": _cat,
    "ls": _ls,
    "mkdir": _mkdir,
    "rm": _rm,
    "cp": _cp,
    "mv": _mv,
    "chmod": _chmod,
    "touch": _touch,
    "stat": _stat,
    "sha256sum": _sha256sum,
    "df": _df,
    "test": _test,
    "[": _test,
}
