"""The Gradle project of the demo app, as far as this side reads and fills it."""

from __future__ import annotations

from pathlib import Path

from edgekd.errors import BadInput

# Of the app, in intents and on the phone.
APPLICATION = "dev.edgekd.demo"
_SETTINGS = "settings.gradle.kts"
_MANIFEST = Path("app/src/main/AndroidManifest.xml")
_BUNDLES = Path("app/src/main/assets/bundles")


def find_project(folder: Path) -> Path:
    """The folder, made absolute, if it holds the demo app.

    Raises:
        BadInput: it does not.
    """
    for part in (_SETTINGS, _MANIFEST):
        if not (folder / part).is_file():
            raise BadInput(
                f"is not the project of the demo app: it has no {part}",
                where=str(folder),
                mend="run this where edgekd's sources are, or give --project",
            )
    return folder.resolve()


def bundles_folder(project: Path) -> Path:
    """Where bundles lie that the app's package carries; it need not exist yet."""
    return project / _BUNDLES
