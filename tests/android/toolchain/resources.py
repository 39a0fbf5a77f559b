"""The app's resources as aapt2 links them: the package's base, and the numbers of ``R``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgekd.android.project import APPLICATION
from edgekd.files import sha256_of
from tests.android.toolchain.compilers import run_tool
from tests.android.toolchain.kept import content_of, keep
from tests.android.toolchain.pieces import need, pieces
from tests.conftest import ROOT

LEAST_API, TARGET_API = 26, 35
# What is linked otherwise is linked again.
_RECIPE = sha256_of(Path(__file__))


@dataclass(frozen=True)
class Resources:
    """What aapt2 made.

    Attributes:
        base: a package with manifest and resources, and without code.
        r_java: the source of ``R``.
    """

    base: Path
    r_java: Path


def for_older_aapt2(manifest: str) -> str:
    """The text of a manifest without what Debian's aapt2, that of Android 10, does not know."""
    return re.sub(r"<uses-native-library\b[^>]*/>", "", manifest)


def link_resources(main: Path, folder: str = "resources") -> Resources:
    """Compile and link the resources of a source set.

    Args:
        main: the source set, with ``AndroidManifest.xml`` and ``res``.
        folder: name to keep it under.

    Raises:
        BuildFailed: what aapt2 said.
    """
    need("aapt", "android-framework-res")
    manifest = main / "AndroidManifest.xml"
    files = [manifest, *sorted(path for path in (main / "res").rglob("*") if path.is_file())]

    def build(made: Path) -> None:
        made.mkdir()
        # Gradle names the package in its own file, aapt2 wants it in the manifest.
        text = for_older_aapt2(manifest.read_text(encoding="utf-8"))
        if not re.search(r"<manifest[^>]*\spackage=", text):
            text = text.replace("<manifest", f'<manifest package="{APPLICATION}"', 1)
        (made / "AndroidManifest.xml").write_text(text, encoding="utf-8")
        flat = made / "compiled.zip"
        run_tool(["aapt2", "compile", "--dir", main / "res", "-o", flat])
        run_tool(
            [
                *("aapt2", "link", "-I", pieces().framework, "-o", made / "base.apk"),
                *("--manifest", made / "AndroidManifest.xml", "--java", made / "java"),
                *("--min-sdk-version", str(LEAST_API), "--target-sdk-version", str(TARGET_API)),
                *("--version-code", "1", "--version-name", "1", "--auto-add-overlay", flat),
            ]
        )

    made = keep(folder, [_RECIPE, content_of(ROOT, files)], build)
    return Resources(made / "base.apk", made / "java" / Path(*APPLICATION.split(".")) / "R.java")
