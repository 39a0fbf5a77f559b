"""Stage actions for the engine's tests: small, but run in real worker processes."""

from __future__ import annotations

import os
import signal
import time

from edgekd.errors import BadInput
from edgekd.pipeline.stage import StageContext


def write(context: StageContext) -> None:
    """Write the sum of what the needed stages wrote and of the own value."""
    time.sleep(context.parameters.get("sleep", 0))
    needed = [context.folder(name) / "value" for name in context.parameters.get("needs", [])]
    total = sum(int(path.read_text()) for path in needed) + context.parameters["value"]
    (context.out / "value").write_text(str(total))
    context.progress(1, 1)


def log_time(context: StageContext) -> None:
    """Write when the stage began and ended."""
    began = time.monotonic()
    time.sleep(0.2)
    (context.out / "times").write_text(f"{began} {time.monotonic()}")


def log_threads(context: StageContext) -> None:
    """Write when the stage began and ended, and with how many threads it computes."""
    import torch

    log_time(context)
    (context.out / "threads").write_text(str(torch.get_num_threads()))


def refuse(context: StageContext) -> None:
    """Fail as an action should."""
    (context.out / "half").write_text("half")
    raise BadInput("is wrong", where="here", mend="mend it")


def break_down(context: StageContext) -> None:
    """Fail as an action should not."""
    raise ZeroDivisionError("first line\nsecond line")


def die(context: StageContext) -> None:
    """Be killed, as by the kernel when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk(context: StageContext) -> None:
    """Write to a device that is full."""
    with open("/dev/full", "w") as stream:
        stream.write("x")
