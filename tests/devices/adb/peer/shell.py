"""Runs command lines as the phone's shell would, on the commands that the stand-in has."""

from __future__ import annotations

import dataclasses
import glob
import posixpath
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO

from tests.devices.adb.peer.commands import COMMANDS
from tests.devices.adb.peer.process import Failed, Input, Output, Process
from tests.devices.adb.peer.program import run_program
from tests.devices.adb.peer.syntax import Command, NotUnderstood, Pipeline, Word, parse
from tests.devices.adb.peer.tree import User

_SYSTEM = ("/system/bin/", "/vendor/bin/")


class _Exit(Exception):
    pass


class _Buffer:
    """Output that another command, or nobody, reads."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data


@dataclass
class _File:
    """Output into a file of the phone, as far as there is room."""

    process: Process
    stream: FileIO

    def write(self, data: bytes) -> None:
        self.process.phone.tree.write(self.stream, data)


class Shell:
    """One shell: user, folder, variables, and the status of the last command."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._status = 0
        self._builtins: dict[str, Callable[[Process], int]] = {
            "cd": self._cd,
            "exit": self._exit,
            "export": self._export,
            "run-as": self._run_as,
            "sh": self._sh,
        }

    def run(self, line: str) -> int:
        """Run a command line; its exit status."""
        try:
            for pipeline in parse(line):
                wanted = {"&&": self._status == 0, "||": self._status != 0}
                if wanted.get(pipeline.after, True):
                    self._status = self._run_pipeline(pipeline)
        except NotUnderstood as error:
            self._process.phone.not_understood.append(line)
            return self._process.complain(f"sh: the stand-in does not understand: {error}", 2)
        except _Exit:
            pass
        return self._status

    def _run_pipeline(self, pipeline: Pipeline) -> int:
        stdin = self._process.stdin
        for command in pipeline.commands[:-1]:
            buffer = _Buffer()
            self._run_command(command, stdin, buffer)
            stdin = Input(iter([bytes(buffer.data)]))
        return self._run_command(pipeline.commands[-1], stdin, self._process.stdout)

    def _run_command(self, command: Command, stdin: Input, stdout: Output) -> int:
        values = {name: self._text(word) for name, word in command.assignments.items()}
        if not command.words:
            self._process.environment.update(values)
        process = dataclasses.replace(
            self._process,
            arguments=[part for word in command.words for part in self._expanded(word)],
            environment={**self._process.environment, **values},
            stdin=stdin,
            stdout=stdout,
        )
        with ExitStack() as files:
            try:
                self._redirect(process, command, files)
                return self.execute(process) if process.arguments else 0
            except OSError as error:
                return process.complain(f"sh: {error.filename}: {error.strerror}")

    def execute(self, process: Process) -> int:
        """Run one command whose words are already expanded; its exit status."""
        name = process.arguments[0]
        for folder in _SYSTEM:
            name = name.removeprefix(folder)
        command = self._builtins.get(name) or COMMANDS.get(name)
        try:
            if command:
                return command(process)
            return run_program(process)
        except Failed as error:
            return process.complain(str(error), error.status)
        except OSError as error:
            return process.complain(f"{name}: {_seen(process, error)}: {error.strerror}")

    def _redirect(self, process: Process, command: Command, files: ExitStack) -> None:
        tree = process.phone.tree
        for operator, word in command.redirections:
            name = self._text(word)
            if operator == "2>&1":
                process.stderr = process.stdout
            elif operator == ">&2":
                process.stdout = process.stderr
            elif operator == "<":
                path = tree.readable(name, process.user, process.folder)
                process.stdin = Input(iter([path.read_bytes()]))
            else:
                output: Output = _Buffer()
                if name != "/dev/null":
                    path = tree.writable(name, process.user, process.folder)
                    stream = path.open("ab" if operator.endswith(">>") else "wb", buffering=0)
                    output = _File(process, files.enter_context(stream))
                _set_output(process, operator, output)

    def _value(self, name: str) -> str:
        return str(self._status) if name == "?" else self._process.environment.get(name, "")

    def _text(self, word: Word) -> str:
        return "".join(self._value(part.text) if part.variable else part.text for part in word)

    def _expanded(self, word: Word) -> Iterator[str]:
        """The word, or the paths that it is a pattern of."""
        wild = any(set("*?[") & set(p.text) for p in word if not (p.variable or p.quoted))
        found = self._paths(word) if wild else []
        yield from found or [self._text(word)]

    def _paths(self, word: Word) -> list[str]:
        tree, text = self._process.phone.tree, self._text(word)
        pattern = "".join(
            p.text if not (p.variable or p.quoted) else glob.escape(self._text((p,))) for p in word
        )
        folder = tree.device(posixpath.dirname(text) or ".", self._process.folder)
        if not self._process.user.may_read(folder.split("*")[0].rstrip("/") or "/"):
            return []
        if not pattern.startswith("/"):
            base = tree.host(self._process.folder)
            return sorted(glob.glob(pattern, root_dir=base))
        whole = glob.escape(str(tree.root)) + tree.device(pattern)
        return sorted(path.removeprefix(str(tree.root)) for path in glob.glob(whole))

    def _cd(self, process: Process) -> int:
        path = process.arguments[1] if len(process.arguments) > 1 else process.user.home
        if not process.phone.tree.readable(path, process.user, process.folder).is_dir():
            return process.complain(f"cd: {path}: No such file or directory")
        self._process.folder = process.phone.tree.device(path, process.folder)
        return 0

    def _exit(self, process: Process) -> int:
        self._status = int(process.arguments[1]) if len(process.arguments) > 1 else self._status
        raise _Exit

    def _export(self, process: Process) -> int:
        for argument in process.arguments[1:]:
            name, _, value = argument.partition("=")
            self._process.environment[name] = value
        return 0

    def _sh(self, process: Process) -> int:
        if process.arguments[1:2] != ["-c"] or len(process.arguments) < 3:
            raise NotUnderstood("sh without -c")
        return Shell(dataclasses.replace(process, arguments=["sh"])).run(process.arguments[2])

    def _run_as(self, process: Process) -> int:
        package, arguments = process.arguments[1], process.arguments[2:]
        installed = process.phone.state.packages.get(package)
        if installed is None:
            return process.complain(f"run-as: unknown package: {package}")
        if not installed.debuggable:
            return process.complain(f"run-as: package not debuggable: {package}")
        user = User(package)
        inner = dataclasses.replace(process, arguments=arguments, user=user, folder=user.home)
        return Shell(inner).execute(inner)


def _set_output(process: Process, operator: str, output: Output) -> None:
    if operator.startswith("2"):
        process.stderr = output
    else:
        process.stdout = output


def _seen(process: Process, error: OSError) -> str:
    """The path as the user wrote it, not where it lies on this machine."""
    tree = process.phone.tree
    whole = str(error.filename or "").removeprefix(str(tree.root))
    written = [a for a in process.arguments[1:] if tree.device(a, process.folder) == whole]
    return written[0] if written else whole
