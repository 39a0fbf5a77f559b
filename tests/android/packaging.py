"""The app's package from its own code, as far as Debian's tools can make it.

It holds manifest, resources, a bundle, and ``core`` and ``app`` as one dex file: neither Kotlin's
library nor the runtimes, which dx cannot read. It is there to be inspected; a phone could install
it, but not run it.
"""

from __future__ import annotations

import inspect
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from edgekd.android import assets, bundles
from edgekd.android.project import APPLICATION, bundles_folder
from edgekd.files import sha256_of
from tests.android import small_bundle
from tests.android.toolchain import DEMO, app_jar, core_jar, keep, need, pieces, r_jar, run_tool
from tests.android.toolchain.demo import resources
from tests.android.toolchain.resources import LEAST_API, TARGET_API, for_older_aapt2
from tools.android.pins import shipped_pins

# What the project's androidResources.noCompress names.
STORED = ("onnx", "pte", "tflite", "safetensors")
_ANDROID = "http://schemas.android.com/apk/res/android"
_TOOLS = "http://schemas.android.com/tools"
_JVM = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx768m")
_MANIFEST = DEMO / "app" / "src" / "main" / "AndroidManifest.xml"
_PASSWORD = "throwaway"
# What is packed otherwise, or holds another bundle, is packed again.
_RECIPE = [
    sha256_of(Path(one))
    for one in (__file__, *map(inspect.getfile, (assets, bundles, small_bundle)))
]


def built_package() -> Path:
    """The package: aligned, and signed with a key that is thrown away."""
    need("android-framework-res", "aapt", "zipalign", "apksigner", "dexdump", "dx")
    dex, base = _dex([core_jar(), app_jar(), r_jar()]), resources().base

    def build(made: Path) -> None:
        folder = made.parent
        linked = _link(base.with_name("compiled.zip"), folder)
        with zipfile.ZipFile(linked, "a", zipfile.ZIP_DEFLATED) as package:
            package.write(dex, "classes.dex")
        aligned = folder / "aligned.apk"
        run_tool(["zipalign", "-p", "-f", "4", linked, aligned])
        _sign(aligned, made, folder)

    return keep("package.apk", [_RECIPE, dex.name, base.parent.name], build)


def _merged_manifest(text: str) -> str:
    """What Gradle's merger makes of the app's manifest.

    What it marks ``tools:node="remove"`` is there only to keep a library's element out.
    """
    ElementTree.register_namespace("android", _ANDROID)
    manifest = ElementTree.fromstring(text.replace("${applicationId}", APPLICATION))
    manifest.set("package", APPLICATION)
    for parent in list(manifest.iter()):
        for child in list(parent):
            if child.get(f"{{{_TOOLS}}}node") == "remove":
                parent.remove(child)
    for element in manifest.iter():
        for key in [key for key in element.attrib if key.startswith(f"{{{_TOOLS}}}")]:
            del element.attrib[key]
    return ElementTree.tostring(manifest, encoding="unicode")


def _dex(jars: Sequence[Path]) -> Path:
    """Class files as Android's; dx takes those of Java 8 without invokedynamic."""
    key = [_RECIPE, shipped_pins().bullseye["dx"].sha256, [jar.name for jar in jars]]

    def build(made: Path) -> None:
        dx = (*_JVM, "-cp", pieces().dx, "com.android.dx.command.Main", "--dex")
        run_tool([*dx, f"--min-sdk-version={LEAST_API}", f"--output={made}", *jars])

    return keep("classes.dex", key, build)


def _link(compiled: Path, folder: Path) -> Path:
    """Manifest, resources and the assets that ``edgekd android export`` fills."""
    manifest, linked = folder / "AndroidManifest.xml", folder / "linked.apk"
    project = folder / "project"
    text = for_older_aapt2(_MANIFEST.read_text(encoding="utf-8"))
    manifest.write_text(_merged_manifest(text), encoding="utf-8")
    bundle = bundles.check_bundle(small_bundle.write_bundle(folder / "bundle"))
    assets.export_bundles([bundle], project)
    run_tool(
        [
            *("aapt2", "link", "-I", pieces().framework, "--manifest", manifest, "-o", linked),
            *("--min-sdk-version", str(LEAST_API), "--target-sdk-version", str(TARGET_API)),
            *("--version-code", "1", "--version-name", "1", "-A", bundles_folder(project).parent),
            *(word for suffix in STORED for word in ("-0", f".{suffix}")),
            *("--auto-add-overlay", compiled),
        ]
    )
    return linked


def _sign(package: Path, signed: Path, folder: Path) -> None:
    store = folder / "throwaway.keystore"
    run_tool(
        [
            *("keytool", "-genkeypair", "-keystore", store, "-storetype", "PKCS12"),
            *("-storepass", _PASSWORD, "-alias", "check", "-keyalg", "EC", "-groupname"),
            *("secp256r1", "-validity", "10000", "-dname", "CN=a packaging check"),
        ]
    )
    run_tool(
        [
            *("apksigner", "sign", "--ks", store, "--ks-pass", f"pass:{_PASSWORD}"),
            *("--min-sdk-version", str(LEAST_API), "--out", signed, package),
        ]
    )
