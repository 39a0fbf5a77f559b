"""Scripts run by several processes, as a user of accelerate starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SHARDED = ("--use_fsdp", "--fsdp_version", "2")
# Its name aside, it starts processes without GPUs too; --cpu starts a single one.
WHOLE = ("--multi_gpu",)


def launch(script: Path, *arguments: str, options: tuple[str, ...], processes: int = 2) -> str:
    """Run a script under ``accelerate launch``; gives what it printed."""
    command = [sys.executable, "-m", "accelerate.commands.launch", *options]
    command += ["--num_processes", str(processes), "--num_machines", "1"]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(script), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
