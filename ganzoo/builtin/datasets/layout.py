"""How a folder of images is laid out: its splits, its classes, and what of it is left out.

Known are the layouts of torchvision's and the Hub's ``ImageFolder``: images, folders of classes,
either of them in folders of splits, and tables of metadata.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ganzoo.builtin.datasets.files import ZIP, shown
from ganzoo.builtin.datasets.images import is_image
from ganzoo.builtin.datasets.metadata import FILES, in_order, metadata
from ganzoo.errors import DataError, counted
from ganzoo.storage.paths import home, real

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ganzoo.builtin.datasets.files import Files

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), TEST),
}
"""The names of splits that the Hub's library knows, and what they mean."""
SHOWN = 8
"""So many classes are named in one line."""
FEW = 3
"""So many of the images that are left out are named."""


@dataclass(frozen=True)
class Layout:
    """The images below a folder, and what the folder says of them."""

    paths: list[str]
    """Relative, sorted by their parts."""
    held_out: list[bool] | None
    """Whether each is held out; None where the folder does not say."""
    split: str
    """The name of the split that is held out, if there is one."""
    labels: list[int]
    """The class of each, -1 where it is not known; empty where there are no classes."""
    names: tuple[str, ...]
    """Of the classes, in their order."""
    remarks: list[str]


def summary(
    count: int, names: Sequence[str], labels: Iterable[int], held_out: int, split: str
) -> str:
    """Images in one line: their classes, how many of each, and how many are held out."""
    counts = Counter(labels)
    known = [f"{name} {counts[i]}" for i, name in enumerate(names)]
    what = (
        f"{counted(len(known), 'class', 'classes')}: {several(known)}"
        if known
        else f"{counted(count, 'image')} without classes"
    )
    unknown = f"; of no known class {counts[-1]}" if counts[-1] else ""
    return f"{what}{unknown}; {held_out} held out{f' ({split})' if split else ''}."


class Selection:
    """The files that are still used, and sentences on those that are not."""

    def __init__(self, paths: list[str], remarks: list[str], noun: str = "image") -> None:
        self.paths, self.remarks, self.noun = paths, remarks, noun

    def leave_out(self, left: Iterable[str], which: str) -> None:
        """Leave some files out, and say which."""
        out = {*left}
        if not out:
            return
        self.paths = [path for path in self.paths if path not in out]
        noun, verb = (self.noun, "is") if len(out) == 1 else (f"{self.noun}s", "are")
        named = several([shown(path) for path in sorted(out)], FEW)
        self.remarks.append(f"{len(out)} {noun} {which} {verb} left out: {named}.")


def layout_of(files: Files) -> Layout:
    """Understand a folder, or a zip archive of one.

    Raises DataError where a folder or its metadata cannot be read, or nothing is left to train on.
    """
    root, found = files.root, Selection(*images_of(files))
    folders = {top(path) for path in found.paths} - {""}
    table = metadata(files, sorted(folders), found.paths)
    found.remarks += table.remarks
    if table.named:
        unnamed = (path for path in found.paths if path not in table.named)
        found.leave_out(unnamed, "that the metadata do not name")
    in_splits = are_splits(folders)
    splits = table.splits or ({path: top(path) for path in found.paths} if in_splits else {})
    held, split = held_out(found, splits, root) if splits else (set[str](), "")
    if table.labels:
        classes, names = table.labels, in_order({*table.labels.values()})
    else:
        classes = classes_by_folder(found, held, depth=int(in_splits))
        names = sorted({*classes.values()})
    flags = [path in held for path in found.paths]
    if found.paths and all(flags):
        message = f"all images of {root} are held out ({split}); there is none to train on."
        raise DataError(message)
    if split and not any(flags):
        found.remarks.append(f"No image of {split} is left, so others are held out.")
    trained = {classes.get(path) for path in found.paths if path not in held}
    if untrained := [shown(name) for name in names if name not in trained]:
        found.remarks.append(f"There is no image to train on of: {several(untrained)}.")
    number = {name: i for i, name in enumerate(names)}
    return Layout(
        paths=found.paths,
        held_out=flags if any(flags) else None,
        split=split if any(flags) else "",
        labels=[number.get(classes.get(path, ""), -1) for path in found.paths] if names else [],
        names=tuple(shown(name) for name in names),
        remarks=found.remarks,
    )


# ------------------------------------------------------------------------------------------- files


def images_of(files: Files) -> tuple[list[str], list[str]]:
    """The relative paths of all images, sorted, and sentences on files that are none."""
    images, others, lost = [], Counter[str](), []
    for path in files.paths():
        if not files.holds(path):
            lost.append(shown(path))
        elif is_image(path):
            images.append(path)
        elif Path(path).name not in FILES or path.count(os.sep) > 1:
            others[shown(Path(path).suffix.lower()) or "no ending"] += 1
    remarks = []
    if others:
        told = several([f"{ending} {count}" for ending, count in sorted(others.items())])
        remarks.append(f"Files that are no images are left out: {told}.")
    if lost:
        remarks.append(f"Links that lead nowhere are left out: {several(lost)}.")
    return sorted(images, key=lambda path: PurePath(path).parts), remarks


# ------------------------------------------------------------------------------------------ splits


def meaning(name: str) -> str | None:
    """The split that a name means, such as ``train2017`` or ``test_set``; None if none."""
    found = re.fullmatch(r"([a-z]+?)(?:[-_ ]?(?:set|data|images))?[-_ ]?\d*", name.lower())
    return SPLITS.get(found[1]) if found else None


def are_splits(folders: set[str]) -> bool:
    """Whether folders are splits: all are called so, or one to train on and one to hold out.

    A lone folder ``train`` among others is a class: a vehicle.
    """
    means = {meaning(name) for name in folders}
    return bool(means) and (None not in means or {TRAIN} < means - {None})


def held_out(found: Selection, splits: Mapping[str, str], root: Path) -> tuple[set[str], str]:
    """The files that are held out, and the name of their split; other splits are left out.

    Of a test and a validation split the first is held out. Raises DataError where no split is one
    to train on.
    """
    means = {name: meaning(name) for name in {*splits.values()} - {""}}
    if TRAIN not in means.values():
        message = (
            f"{root} has the splits {', '.join(sorted(means))}, and none to train on: call one of "
            "them train, or name the folder to train on itself."
        )
        raise DataError(message)
    chosen = next((split for split in (TEST, VALIDATION) if split in means.values()), None)
    for name in sorted(name for name, split in means.items() if split not in {TRAIN, chosen}):
        left = (path for path in found.paths if splits.get(path) == name)
        found.leave_out(left, f"in '{shown(name)}'")
    found.leave_out((path for path in found.paths if not splits.get(path)), "in no split")
    names = sorted(name for name, split in means.items() if split == chosen)
    return {path for path in found.paths if splits[path] in names}, ", ".join(names)


# ----------------------------------------------------------------------------------------- classes


def classes_by_folder(found: Selection, held: set[str], depth: int) -> dict[str, str]:
    """The class of each image, by the name of its folder at a depth; none where most have none.

    Images beside the folders of classes are left out.
    """
    parts = {path: PurePath(path).parts[depth:] for path in found.paths}
    loose = {path for path, below in parts.items() if len(below) == 1}
    folders = {below[0] for path, below in parts.items() if path not in loose}
    if len(folders) == 1 and not loose:
        inner = {below[1] for below in parts.values() if len(below) > 2}  # noqa: PLR2004
        if len(inner) > 1:
            (folder,) = folders
            found.remarks.append(
                f"All images are in '{shown(folder)}'; to read its folders as classes, name it "
                "itself."
            )
    if len(folders) < 2:  # noqa: PLR2004
        return {}
    trained = [path for path in found.paths if path not in held]
    if 2 * sum(path in loose for path in trained) > len(trained):
        found.remarks.append("Folders are not read as classes, because most images are in none.")
        return {}
    found.leave_out(loose, "beside the folders of classes")
    return {path: below[0] for path, below in parts.items() if path not in loose}


# ------------------------------------------------------------------------------------------- words


def top(path: str) -> str:
    """The first folder of a relative path; "" where it is in none."""
    first, separator, _ = path.partition(os.sep)
    return first if separator else ""


def title_of(path: str) -> str:
    """A folder's own name, or an archive's, fit for the name of another one."""
    return re.sub(r"[^\w.-]+", "-", real(home(path)).name.removesuffix(ZIP)).strip("-.")


def several(words: list[str], at_most: int = SHOWN) -> str:
    """The first of some words as a list, and how many more there are."""
    more = [f"{len(words) - at_most} more"] if len(words) > at_most else []
    return ", ".join([*words[:at_most], *more])
