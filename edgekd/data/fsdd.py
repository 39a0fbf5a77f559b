"""Free Spoken Digit Dataset: 3,000 recordings of the digits 0 to 9 by six speakers, 8 kHz.

Jackson et al. 2018, "Jakobovski/free-spoken-digit-dataset: v1.0.8", doi:10.5281/zenodo.1342401;
version 1.0.10 is read; CC BY-SA 4.0. The official test data are the indices 0 to 4.

``data.path`` names the dataset's folder, or the folder of its recordings. Without it the folder
``fsdd`` is taken from where ``edgekd.data.download`` looks, and fetched once if it is not there.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgekd.data import wav_folder
from edgekd.data.archive import read_archive
from edgekd.data.download import VARIABLE, download, find_local
from edgekd.data.samples import Samples
from edgekd.errors import BadInput, RunFailed
from edgekd.files import cache_folder, sha256_of, sync_folder
from edgekd.recipe import Data

ADDRESS = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz"
FOLDER = "fsdd"
RECORDINGS = "recordings"
# GitHub may pack an archive anew, so it has no lasting digest; the recordings have one:
# cd recordings && LC_ALL=C sha256sum *.wav | sha256sum
CONTENT = "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"
MAX_RECORDINGS = 3000
MAX_RECORDING_BYTES = 1024**2

_MEMBER = re.compile(rf"[^/]+/{RECORDINGS}/(?P<name>[0-9]_[a-z]{{1,32}}_[0-9]{{1,2}}\.wav)")
_BY_HAND = (
    f"fetch it with a browser, unpack it and put it as {FOLDER} into a folder that the "
    f"environment variable {VARIABLE} names, or name it in data.path"
)


def fingerprint(data: Data) -> str:
    """A hash over the names and contents of the recordings; nothing is fetched."""
    folder = _folder(data)
    if folder is None:
        return CONTENT
    return content_hash({path.name: sha256_of(path) for path in wav_folder.wav_files(folder, "*")})


def load(data: Data) -> Samples:
    """Read every clip: int16 ``[N, samples]``; fetches the dataset if that is needed.

    Raises:
        RunFailed: the dataset had to be fetched and could not be.
    """
    wav_folder.required_front_end(data)
    folder = _folder(data)
    if folder is None:
        fetch(ADDRESS, CONTENT, cache_folder() / FOLDER)
        folder = cache_folder() / FOLDER / RECORDINGS
    return wav_folder.load(data.model_copy(update={"path": str(folder)}))


def fetch(address: str, content: str, destination: Path) -> None:
    """Fetch the dataset; its recordings are there, all and the right ones, or not at all.

    Args:
        address: of the archive.
        content: ``content_hash`` of the recordings.
        destination: the folder that will hold the folder ``recordings``.

    Raises:
        RunFailed: no network, no such archive, other recordings, or the cache cannot be written.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fsdd.", dir=destination.parent) as scratch:
            archive = Path(scratch) / "archive.tar.gz"
            download(address, archive, mend=_BY_HAND)
            unpacked = Path(scratch) / FOLDER
            _write(_checked_recordings(archive, address, content), unpacked / RECORDINGS)
            _put_in_place(unpacked, destination)
    except OSError as error:
        where = str(destination)
        raise RunFailed(f"cannot be written: {error}", where=where, mend=_BY_HAND) from error


def content_hash(recordings: Mapping[str, str]) -> str:
    """The sha256 over lines ``<sha256>  <name>``, sorted by name.

    Args:
        recordings: file name to the hex sha256 of the content.
    """
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(recordings.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _folder(data: Data) -> Path | None:
    """The folder that the recordings lie in; None where they must be fetched."""
    if data.path is None:
        folder = find_local(f"{FOLDER}/{RECORDINGS}")
        if folder is None:
            return None
    else:
        inside = Path(data.path) / RECORDINGS
        folder = inside if inside.is_dir() else Path(data.path)
    if not folder.is_dir() or not wav_folder.wav_files(folder, "*"):
        raise BadInput(
            "there are no recordings {digit}_{speaker}_{index}.wav",
            where=str(folder),
            mend=f"unpack {ADDRESS} there",
        )
    return folder


def _checked_recordings(archive: Path, address: str, content: str) -> dict[str, bytes]:
    """The recordings by file name, in memory; nothing else of the archive is looked at."""
    names: set[str] = set()

    def wanted(member: str, size: int) -> str | None:
        match = _MEMBER.fullmatch(member)
        if match is None:
            return None
        names.add(match["name"])
        if len(names) > MAX_RECORDINGS or size > MAX_RECORDING_BYTES:
            raise ValueError(f"{member} is one too many or larger than 1 MiB")
        return match["name"]

    try:
        recordings = read_archive(archive, wanted)
    except ValueError as error:
        raise RunFailed(f"came as something else: {error}", where=address, mend=_BY_HAND) from error
    hashes = {name: hashlib.sha256(sound).hexdigest() for name, sound in recordings.items()}
    if content_hash(hashes) != content:
        raise RunFailed(
            f"came with {len(recordings)} recordings that are not those of version 1.0.10",
            where=address,
            mend=_BY_HAND,
        )
    return recordings


def _write(recordings: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, sound in recordings.items():
        (folder / name).write_bytes(sound)
    # Once for all of them: a call for each of 3,000 files takes minutes on a slow disk.
    os.sync()


def _put_in_place(unpacked: Path, destination: Path) -> None:
    try:
        unpacked.rename(destination)
    except OSError:
        # Another run was faster, and has checked its recordings as well.
        if not (destination / RECORDINGS).is_dir():
            raise
    sync_folder(destination.parent)
