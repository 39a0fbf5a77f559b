"""What a run was made with: tools, machine, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgekd import __version__
from edgekd.pipeline.stage import package_version

_TOOLS = (
    "torch",
    "torchao",
    "accelerate",
    "executorch",
    "litert-torch",
    "litert-converter",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "numpy",
    "torch-pruning",
    "optuna",
    "transformers",
    "tensorflow-cpu",
)


def tool_versions() -> dict[str, str | None]:
    """Version of each tool that can change a figure; null where it is not installed."""
    return {"edgekd": __version__} | {name: package_version(name) for name in _TOOLS}


def git_commit(folder: Path) -> str | None:
    """The commit of the repository that holds a folder; ``None`` outside one."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def environment(folder: Path) -> dict[str, Any]:
    """The ``environment`` of a report."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "python": platform.python_version(),
        },
        "git_commit": git_commit(folder),
        "tools": tool_versions(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
