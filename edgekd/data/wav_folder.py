"""WAV files: in class folders, or flat with the label in the name. Which, is seen from the files.

Class folders: ``<path>/<class>/<file>.wav``, as Speech Commands has them (Warden 2018, "Speech
Commands: A Dataset for Limited-Vocabulary Speech Recognition"). The speaker is what stands before
``_nohash_`` in the file's name, after an earlier ``_`` if there is one. The official test data are
the files that ``<path>/testing_list.txt`` lists, where it exists; files of ``validation_list.txt``
are like all others. The folder ``_background_noise_`` is left out; ``unlabelled`` holds clips
without a label, which train the student through the teacher alone.

Flat: ``{label}_{speaker}_{index}.wav`` in ``<path>`` or in ``<path>/recordings``, as the Free
Spoken Digit Dataset has them. The official test data are the indices 0 to 4.

Formats and sample rates are those of ``edgekd.data.wav_file``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekd.data.class_folders import UNLABELLED_FOLDER, data_root, visible_files
from edgekd.data.front_end import clip_samples
from edgekd.data.samples import UNLABELLED, Samples
from edgekd.data.wav_file import read_clip
from edgekd.errors import BadInput
from edgekd.files import digest, sha256_of
from edgekd.recipe import Data, FrontEnd

NOISE_FOLDER = "_background_noise_"
TESTING_LIST = "testing_list.txt"
MAX_LIST_BYTES = 64 * 1024**2
MAX_TOTAL_BYTES = 16 * 1024**3

_OFFICIAL_TEST_INDICES = range(5)
_FLAT_NAME = re.compile(r"(?P<label>[^_]+)_(?P<speaker>.+)_(?P<index>[0-9]{1,9})")


@dataclass(frozen=True)
class _Recording:
    """One file, and what its place and its name say about it."""

    path: Path
    name: str
    label: str | None
    speaker: str | None
    official_test: bool


def fingerprint(data: Data) -> str:
    """A hash over the relative name and the content of every file."""
    recordings = _recordings(data_root(data, "WAV files"))
    return digest([[r.name, r.official_test, sha256_of(r.path)] for r in recordings])


def load(data: Data) -> Samples:
    """Read every clip: int16 ``[N, samples]``, cut or padded with zeros at its end."""
    root = data_root(data, "WAV files")
    front_end = required_front_end(data)
    recordings = _recordings(root)
    samples = clip_samples(front_end)
    if 2 * samples * len(recordings) > MAX_TOTAL_BYTES:
        raise BadInput(
            f"{len(recordings)} clips of {front_end.seconds} s need more than 16 GiB",
            where=str(root),
            mend="lower data.front_end.seconds or sample_rate",
        )
    clips = np.zeros((len(recordings), samples), dtype=np.int16)
    for clip, recording in zip(clips, recordings, strict=True):
        sound = read_clip(recording.path, front_end.sample_rate, samples)
        clip[: len(sound)] = sound
    class_names = tuple(sorted({r.label for r in recordings if r.label is not None}))
    index = {name: number for number, name in enumerate(class_names)}
    labels = [UNLABELLED if r.label is None else index[r.label] for r in recordings]
    official = np.array([r.official_test for r in recordings])
    return Samples(
        inputs=clips,
        labels=np.asarray(labels, dtype=np.int64),
        class_names=class_names,
        scale=1 / 32768,
        names=tuple(r.name for r in recordings),
        groups=_groups(recordings),
        official_test=official if official.any() else None,
    )


def required_front_end(data: Data) -> FrontEnd:
    """The front end, which says how long a clip is and at what rate.

    Raises:
        BadInput: the recipe has none.
    """
    if data.front_end is None:
        raise BadInput(
            "is missing", where="data.front_end", mend="give at least sample_rate and seconds"
        )
    return data.front_end


def wav_files(folder: Path, pattern: str) -> list[Path]:
    """The WAV files that a glob pattern matches in a folder, sorted; hidden ones are left out."""
    return visible_files(folder, pattern, {".wav"})


def _groups(recordings: list[_Recording]) -> tuple[str, ...] | None:
    """Speakers; a file whose name tells none is a group of its own."""
    if all(recording.speaker is None for recording in recordings):
        return None
    return tuple(r.name if r.speaker is None else r.speaker for r in recordings)


def _recordings(root: Path) -> list[_Recording]:
    """Every recording, by name."""
    folders = sorted(
        path
        for path in root.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name != NOISE_FOLDER
    )
    in_folders = {folder: wav_files(folder, "**/*") for folder in folders}
    in_root = wav_files(root, "*")
    filled = [folder.name for folder, files in in_folders.items() if files]
    if in_root and filled:
        raise BadInput(
            f"WAV files lie both here and in the folder {filled[0]!r}",
            where=str(root),
            mend="put each class in a folder, or all files in one",
        )
    if in_root:
        return [_flat(path) for path in in_root]
    if filled == ["recordings"]:
        return [_flat(path) for path in in_folders[root / "recordings"]]
    if not filled:
        raise BadInput(
            "holds no WAV files", where=str(root), mend="give <class>/*.wav, or files of one folder"
        )
    for folder, files in in_folders.items():
        if not files:
            raise BadInput(
                f"the class {folder.name!r} has no WAV files",
                where=str(folder),
                mend="add some or remove the folder",
            )
    return _in_class_folders(root, in_folders)


def _flat(path: Path) -> _Recording:
    parts = _FLAT_NAME.fullmatch(path.stem)
    if parts is None:
        raise BadInput(
            "the name does not say its label",
            where=str(path),
            mend="name it {label}_{speaker}_{index}.wav, or put each class in a folder",
        )
    official = int(parts["index"]) in _OFFICIAL_TEST_INDICES
    return _Recording(path, path.name, parts["label"], parts["speaker"], official)


def _in_class_folders(root: Path, in_folders: dict[Path, list[Path]]) -> list[_Recording]:
    listed = _testing_list(root / TESTING_LIST)
    found = []
    for folder, files in in_folders.items():
        label = None if folder.name == UNLABELLED_FOLDER else folder.name
        for path in files:
            name = path.relative_to(root).as_posix()
            before, mark, _ = path.stem.partition("_nohash_")
            speaker = before.rpartition("_")[2] if mark else None
            found.append(_Recording(path, name, label, speaker, name in listed))
    if listed and not any(recording.official_test for recording in found):
        raise BadInput(
            "lists none of the files that are here",
            where=str(root / TESTING_LIST),
            mend="write one <class>/<file>.wav on each line, or remove the list",
        )
    return found


def _testing_list(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise BadInput("is larger than 64 MiB", where=str(path), mend="is it a list of files?")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadInput("cannot be read", where=str(path), mend=str(error)) from error
    return frozenset(line.strip() for line in text.splitlines() if line.strip())
