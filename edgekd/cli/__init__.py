"""The command line: the only room that prints.

Results go to standard output, everything else to standard error. Nothing heavy is imported before
a command needs it.
"""

from __future__ import annotations

import sys
import traceback

import typer

from edgekd.errors import EdgekdError


def main() -> None:
    """Entry point of ``edgekd``. Exit status: 0 done, 1 a gate failed, 2 bad input or usage."""
    from edgekd.cli.commands import app

    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        status = typer.main.get_command(app).main(
            arguments, prog_name="edgekd", standalone_mode=False
        )
    except EdgekdError as error:
        if debug:
            traceback.print_exc()
        _say(str(error))
        status = error.exit_status
    except typer.TyperException as error:
        format_message = getattr(error, "format_message", error.__str__)
        _say(f"{format_message()} (see edgekd --help)")
        status = 2
    except (KeyboardInterrupt, typer.Abort):
        _say("stopped; what was finished is kept, run again to go on")
        status = 130
    except BrokenPipeError:
        # The reader of a pipe has left: nothing is wrong.
        sys.stderr.close()
        status = 0
    except OSError as error:
        status = _unexpected(error, debug, error.strerror or str(error))
    except Exception as error:  # A defect of ours; still one line.
        status = _unexpected(error, debug, f"internal error: {type(error).__name__}: {error}")
    sys.exit(status if isinstance(status, int) else 0)


def _unexpected(error: Exception, debug: bool, line: str) -> int:
    if debug:
        traceback.print_exception(error)
    _say(f"{' '.join(line.split())} (--debug shows where)")
    return 1


def _say(line: str) -> None:
    print(f"edgekd: {line}", file=sys.stderr)
