"""Python environments for tools that cannot live beside edgekd's own packages.

Some tools want versions that edgekd's environment cannot hold. Each gets a virtual environment of
its own, from requirements that ship with edgekd with the hash of every file, built when it is first
needed, kept in the cache, and spoken to by processes: JSON in, JSON out.
"""

from __future__ import annotations

from edgekd.tool_environments.environment import ToolEnvironment, find_tool, tool_names
from edgekd.tool_environments.script import run_script

__all__ = ["ToolEnvironment", "find_tool", "run_script", "tool_names"]
