"""Sets up and removes the tools that have an environment of their own."""

from __future__ import annotations

from collections.abc import Sequence


def set_up_tools(names: Sequence[str], *, remove: bool) -> None:
    """Build, or remove, the environments of tools, and say so.

    Raises:
        BadInput: there is no such tool, or none for this platform.
        RunFailed: one could not be built.
    """
    from edgekd.tool_environments import find_tool

    for tool in [find_tool(name) for name in names]:
        if remove:
            print(f"{tool.name}: {'removed' if tool.remove() else 'was not set up'}")
        else:
            tool.build()
            print(f"{tool.name}: ready")
