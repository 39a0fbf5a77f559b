"""Resident memory of this process: now, its peak, and a peak that starts afresh.

Linux reads ``/proc/self/status`` (VmRSS, VmHWM) and resets the peak through
``/proc/self/clear_refs``, see proc_pid_status(5) and proc_pid_clear_refs(5). Elsewhere only the
peak since the process started is known, from getrusage(2).
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
_SMAPS = Path("/proc/self/smaps")
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(?P<path>.*)$")
_LIBRARY = re.compile(r"\.so(\.[0-9.]+)?$")


def resident_bytes() -> int | None:
    """Resident set size now; ``None`` where the system does not tell."""
    return _status_bytes("VmRSS")


def peak_resident_bytes() -> int:
    """Largest resident set size since the process started, or since :func:`reset_peak`."""
    peak = _status_bytes("VmHWM")
    if peak is not None:
        return peak
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else usage * 1024


def reset_peak() -> bool:
    """Let the peak start again from what is resident now; false where that cannot be done."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def library_resident_bytes() -> int:
    """Resident part of the shared libraries mapped by this process; 0 where it is not told.

    Their pages come in as code is first run, so a first inference makes a process grow by
    megabytes that belong to the runtime and not to the model.
    """
    # Line by line: the whole text at once would leave a megabyte of free heap behind, in which the
    # allocations to be measured would hide.
    total = 0
    in_library = False
    try:
        with _SMAPS.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if mapping := _MAPPING.match(line):
                    in_library = _LIBRARY.search(mapping["path"]) is not None
                elif in_library and line.startswith("Rss:"):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return 0
    return total


def _status_bytes(field: str) -> int | None:
    try:
        status = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    match = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else None
