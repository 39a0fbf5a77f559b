"""A teacher's classes brought to the order of the data's, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.teachers.names import listed_with_near

_KEY = "teacher.class_map"


def align_classes(
    logits: npt.NDArray[np.float32],
    teacher_classes: Sequence[str] | None,
    data_classes: Sequence[str],
    class_map: Mapping[str, str],
) -> npt.NDArray[np.float32]:
    """Pick and order the teacher's outputs as the data's classes are ordered.

    Classes that the data does not have are left out: the softmax of what remains is the teacher's
    answer given that the class is one of the data's. Several of its classes that are mapped to one
    of the data's are combined by ``log(sum(exp(logits)))``, which adds their probabilities.

    Args:
        logits: float32 ``[N, classes of the teacher]``; NaN stays NaN.
        teacher_classes: names in the order of the logits; null: the data's, in the data's order.
        data_classes: names in the order that is wanted.
        class_map: the teacher's name of a class to the data's, where they differ.

    Returns:
        float32 ``[N, len(data_classes)]``.

    Raises:
        BadInput: a class of the data that the teacher does not know, a mapping of or to an
            unknown name, counts that differ where there are no names, or a name that is not
            unique; what does not match is listed with near names.
    """
    count = logits.shape[1]
    if teacher_classes is None:
        _check_nameless(count, len(data_classes), class_map)
        return logits
    if len(teacher_classes) != count:
        raise BadInput(
            f"names {len(teacher_classes)} classes, but the teacher gives {count} outputs",
            where="teacher.classes",
        )
    columns = class_columns(teacher_classes, data_classes, class_map)
    with np.errstate(invalid="ignore"):  # NaN is meant to stay.
        aligned = [np.logaddexp.reduce(logits[:, group], axis=1) for group in columns]
    return np.asarray(np.stack(aligned, axis=1), dtype=np.float32)


def _check_nameless(count: int, wanted: int, class_map: Mapping[str, str]) -> None:
    if class_map:
        raise BadInput(
            "the teacher's classes have no names that could be mapped",
            where=_KEY,
            mend="name them in teacher.classes",
        )
    if count != wanted:
        raise BadInput(
            f"the teacher gives {count} outputs without names, but the data has {wanted} classes",
            where="teacher",
            mend="name the teacher's classes in teacher.classes",
        )


def _check_map(
    class_map: Mapping[str, str], teacher_classes: Sequence[str], data_classes: Sequence[str]
) -> None:
    for names, known, owner in (
        (class_map.keys(), teacher_classes, "teacher"),
        (class_map.values(), data_classes, "data"),
    ):
        unknown = [name for name in names if name not in set(known)]
        if unknown:
            raise BadInput(
                f"the {owner} has no class {listed_with_near(unknown, known)}", where=_KEY
            )


def class_columns(
    teacher_classes: Sequence[str], data_classes: Sequence[str], class_map: Mapping[str, str]
) -> list[list[int]]:
    """For each class of the data, the teacher's outputs that mean it.

    Raises:
        BadInput: as :func:`align_classes`.
    """
    _check_map(class_map, teacher_classes, data_classes)
    columns: dict[str, list[int]] = {name: [] for name in data_classes}
    for number, name in enumerate(teacher_classes):
        meant = class_map.get(name, name)
        if meant not in columns:
            continue
        if any(teacher_classes[other] == name for other in columns[meant]):
            raise BadInput(
                f"the teacher has two classes {name!r}",
                where="teacher.classes",
                mend="give each its own name and map those that are meant",
            )
        columns[meant].append(number)
    lacking = [name for name, group in columns.items() if not group]
    if lacking:
        raise BadInput(
            f"the teacher has no class {listed_with_near(lacking, teacher_classes)}",
            where="teacher",
            mend=f"map the teacher's names to the data's in {_KEY}",
        )
    return [columns[name] for name in data_classes]
