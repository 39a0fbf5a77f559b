"""``python -m tools.android``: exit status 0 where every piece is there, else 1."""

from __future__ import annotations

import sys

from edgekd.errors import EdgekdError
from tools.android.pieces import shipped_pieces
from tools.android.pins import shipped_pins
from tools.android.setup import Setup


def _say(line: str) -> None:
    sys.stderr.write(f"android: {line}\n")


def main() -> int:
    """Set up, and say what is still missing, one line each."""
    try:
        missing = Setup(shipped_pins(), shipped_pieces(), _say).set_up()
    except EdgekdError as error:
        _say(str(error))
        return 1
    for one in missing:
        _say(str(one))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
