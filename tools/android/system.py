"""What this system's own Debian brings."""

from __future__ import annotations

import shutil
from pathlib import Path


def is_installed(brings: str) -> bool:
    """Whether this system has a program, or a file where an absolute path is named."""
    return Path(brings).is_file() if brings.startswith("/") else shutil.which(brings) is not None
