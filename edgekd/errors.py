"""Errors a user sees: what is wrong, where, and how to mend it, in one line."""

from __future__ import annotations

from typing import ClassVar


class EdgekdError(Exception):
    """Base of every error that the command line prints as one line.

    Args:
        what: what is wrong.
        where: file, key or line that it was found at; empty where there is none.
        mend: what the user can do about it; empty where there is nothing.
    """

    exit_status: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what, where, mend)
        self.what = what
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line} ({self.mend})" if self.mend else line
        return " ".join(line.split())

    def __reduce__(self) -> tuple[object, ...]:
        # Stages run in other processes: the error must come back whole.
        return (_rebuild, (type(self), self.what, self.where, self.mend))


def _rebuild(kind: type[EdgekdError], what: str, where: str, mend: str) -> EdgekdError:
    return kind(what, where=where, mend=mend)


class BadInput(EdgekdError):
    """The recipe, the data, a file or an option is wrong. Exit status 2."""

    exit_status = 2


class RunFailed(EdgekdError):
    """The input was fine, but a stage, a gate or a measurement failed. Exit status 1."""

    exit_status = 1


class MissingPackage(BadInput):
    """An optional package that this work needs is not installed. Exit status 2."""


class Unavailable(EdgekdError):
    """A format cannot honestly hold what was asked; reported as a cell with its reason."""

    exit_status = 1
