"""Commands on what there is: targets, recipes, and what this machine lacks or gets."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from edgekd.errors import BadInput


def targets(
    name: Annotated[str | None, typer.Argument(help="One target, in full.")] = None,
) -> int:
    """List the targets."""
    from edgekd.catalog import all_targets, find_targets
    from edgekd.cli.tables import print_table

    if name is not None:
        print(json.dumps(find_targets([name])[0].model_dump(mode="json"), indent=2))
        return 0
    rows = [
        (t.name, t.format, ", ".join(t.precisions), t.device, t.kind, t.description)
        for t in all_targets().values()
    ]
    print_table(("target", "format", "precisions", "device", "kind", ""), rows)
    return 0


def models() -> int:
    """List the recipes."""
    from edgekd.catalog import recipe_paths
    from edgekd.cli.tables import print_table
    from edgekd.recipe import load_any_recipe

    rows = [(name, load_any_recipe(path).description) for name, path in recipe_paths().items()]
    print_table(("recipe", ""), rows)
    return 0


def doctor() -> int:
    """Say for each target whether it can be used here, and what is missing."""
    from edgekd.catalog import all_targets
    from edgekd.cli.tables import print_table
    from edgekd.devices.readiness import missing_for

    rows = []
    for target in all_targets().values():
        missing = missing_for(target)
        state = "ready" if not any(one.needed for one in missing) else "not ready"
        lacks = "; ".join(f"{one.what}: {one.mend}" for one in missing)
        rows.append((target.name, target.device, state, lacks))
    print_table(("target", "device", "state", "missing"), rows)
    return 0


def setup(
    names: Annotated[
        list[str] | None, typer.Argument(help="Targets.", metavar="[TARGET...]")
    ] = None,
    tools: Annotated[
        list[str] | None,
        typer.Option("--tool", help="A tool in an environment of its own; give it again for more."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what was built for them; packages stay.")
    ] = False,
) -> int:
    """Install what targets need, as far as this user may, or say what is missing."""
    from edgekd.catalog import find_targets
    from edgekd.cli.tools import set_up_tools
    from edgekd.devices import installation

    if not names and not tools:
        raise BadInput("give a TARGET or --tool NAME", mend="edgekd targets lists the targets")
    set_up_tools(tools or [], remove=remove)
    targets = find_targets(names) if names else []
    if remove:
        for target in targets:
            removed = installation.remove(target)
            print(f"{target.name}: {'removed' if removed else 'nothing was built for it'}")
        return 0
    ready = True
    for target in targets:
        missing = installation.set_up(target)
        for one in missing:
            typer.echo(f"{target.name}: not set up: {one.what}: {one.mend}", err=True)
            ready = ready and not one.needed
        if not missing:
            for note in installation.notes_for(target):
                typer.echo(f"{target.name}: {note}", err=True)
            print(f"{target.name}: ready")
    return 0 if ready else 1
