"""``edgekd android``: the demo app's project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekd.cli.push import BundlesArgument

app = typer.Typer(help="Fill and build the demo app.", no_args_is_help=True)

ProjectOption = Annotated[Path, typer.Option(help="Folder of the app's sources.")]
_PROJECT = Path("android-demo")


@app.command()
def export(bundles: BundlesArgument, project: ProjectOption = _PROJECT) -> int:
    """Put exported models into the app's assets, so that its package carries them."""
    from edgekd.android.assets import export_bundles
    from edgekd.android.bundles import check_bundles
    from edgekd.android.project import bundles_folder, find_project
    from edgekd.cli.tables import print_table
    from edgekd.report.units import size

    folder = find_project(project)
    carried = export_bundles(check_bundles(bundles), folder)
    print_table(("bundle", "size", ""), [(one.name, size(one.size), one.state) for one in carried])
    print(f"{bundles_folder(folder)}: {size(sum(one.size for one in carried))}")
    return 0


@app.command()
def build(project: ProjectOption = _PROJECT) -> int:
    """Build the app as a debuggable package, or say all that is missing for it."""
    from edgekd.android.build import build_package
    from edgekd.android.project import find_project
    from edgekd.android.requirements import find_tools
    from edgekd.report.units import size

    folder = find_project(project)
    package = build_package(folder, find_tools(folder), lambda line: typer.echo(line, err=True))
    print(f"{package} ({size(package.stat().st_size)})")
    return 0
