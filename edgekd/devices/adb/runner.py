"""What runs a model on a phone: the benchmark app, or a program without an app."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgekd.devices.adb.problems import shown
from edgekd.devices.adb.result import AppResult, Engine, Pass
from edgekd.devices.contract import Array
from edgekd.errors import RunFailed


@dataclass(frozen=True)
class Launch:
    """One start.

    Attributes:
        pass_: what it is for.
        threads: of one inference.
        warmup: inferences dropped before the timed ones.
        iterations: timed inferences.
        delegate: what the engine is asked for; null: its own choice.
        run_id: names its result.
    """

    pass_: Pass
    threads: int
    warmup: int
    iterations: int
    delegate: str | None = None
    run_id: str = field(default_factory=lambda: secrets.token_hex(16))


class Runner(Protocol):
    """A way of running one artifact on one phone."""

    @property
    def engine(self) -> Engine:
        """What runs the model."""
        ...

    @property
    def identity(self) -> str:
        """Hex sha256 of the model as it is on the phone; each result repeats it."""
        ...

    def place(self, stored: Sequence[Array]) -> None:
        """Bring model and inputs to the phone, and check that they arrived whole.

        Called again, it replaces the inputs.

        Args:
            stored: ``[samples, *shape]`` for each input, as the artifact stores them.

        Raises:
            RunFailed: they do not fit, or the phone was lost.
        """
        ...

    def start(self, launch: Launch) -> AppResult:
        """Start once and wait for the result, which may be an error.

        Raises:
            RunFailed: no whole result came.
        """
        ...

    def remove(self) -> None:
        """Leave nothing on the phone.

        Raises:
            RunFailed: the phone was lost.
        """
        ...


def started(runner: Runner, launch: Launch) -> AppResult:
    """A result that is what was asked for.

    Raises:
        RunFailed: the start failed, or what came is the result of something else.
    """
    result = runner.start(launch)
    if result.error is not None:
        raise RunFailed(f"the app says: {result.error.reason}: {shown(result.error.message)}")
    used = result.engine
    asked = (launch.pass_, runner.engine, launch.threads, runner.identity)
    if (result.pass_, used and used.name, result.threads, result.model_sha256) != asked:
        raise RunFailed("the phone measured another model, engine, pass or number of threads")
    _refuse_fallback(launch.delegate, used.delegate if used else None)
    timed = result.latency_ms
    if timed is not None and (timed.n, timed.warmup) != (launch.iterations, launch.warmup):
        raise RunFailed(f"the phone timed {timed.n} inferences instead of {launch.iterations}")
    return result


def _refuse_fallback(asked: str | None, used: str | None) -> None:
    """Raise unless the engine used what it was asked for: a fallback would go unseen."""
    if asked is None or used == asked:
        return
    instead = f"but {shown(used)!r}" if used else "or does not tell"
    raise RunFailed(
        f"the phone did not use the delegate {asked!r}, {instead}: a silent fallback",
        mend="ask for another in android.delegate, or for none",
    )
