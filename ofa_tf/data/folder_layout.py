"""The two layouts of a folder of images: one folder a class, with or without splits above them.

Both come to the same: the files of each class of each split, as paths relative to the
root. Nothing here reads an image.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import logging

from ofa_tf.base.errors import InputError

TEST_FRACTION = 0.1

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
_UNSUPPORTED_SUFFIXES = (".webp", ".tif", ".tiff", ".heic", ".avif")
_VALIDATION_NAMES = ("validation", "val", "valid")

# Classes that differ between two splits, of which an error names so many.
_NUM_CLASSES_SHOWN = 5

# Class name -> its files.
FilesByClass = dict[str, list[str]]


def split_class_folders(root: Path) -> dict[str, FilesByClass]:
    """The splits "train" and "test" of class folders right under `root`.

    Raises:
        InputError: If there are too few classes, or images of one.
    """
    classes = _list_classes(root, root, minimum=2)
    test, train = hold_out(classes, TEST_FRACTION, minimum=3)
    return {"train": train, "test": test}


def read_split_folders(root: Path) -> dict[str, FilesByClass]:
    """The splits of `root/<split>/<class>/`: "train", "test" and, where there is one for it, "validation".

    Raises:
        InputError: If a split is missing or has other classes than "train".
    """
    folders = _find_split_folders(root)
    files = {}
    for split, folder in folders.items():
        minimum = 2 if split == "train" else 1
        files[split] = _list_classes(root, folder, minimum)
    for split, folder in folders.items():
        differences = [*_only_in("train", split, files), *_only_in(split, "train", files)]
        if differences:
            raise InputError(
                f"Expected {folders['train']} and {folder} to have the same class folders. "
                f"Received: {' and '.join(differences)}. Add or rename class folders."
            )
    return files


def _only_in(split: str, other: str, files: Mapping[str, FilesByClass]) -> list[str]:
    """The classes that a split has and another one lacks, in words; nothing if there are none."""
    classes = sorted(set(files[split]) - set(files[other]))
    if not classes:
        return []
    return [f"{', '.join(classes[:_NUM_CLASSES_SHOWN])} only in {split}"]


def hold_out(
    files: FilesByClass,
    fraction: float,
    minimum: int,
) -> tuple[FilesByClass, FilesByClass]:
    """Take `fraction`, at least one, of each class: `(held out, rest)`.

    Args:
        files: The files to choose from.
        fraction: Share of each class that is held out.
        minimum: Fewest files that a class must have.

    Raises:
        InputError: If a class has fewer.
    """
    held_out, rest = {}, {}
    for name, found in files.items():
        if len(found) < minimum:
            raise InputError(
                f"Expected at least {minimum} images of each class, as some are held out of training. "
                f"Received: {len(found)} of {name!r}. Add images."
            )
        ranked = sorted(found, key=hash_name)
        most = len(ranked) - minimum + 1
        count = min(max(1, round(fraction * len(ranked))), most)
        held_out[name] = ranked[:count]
        rest[name] = ranked[count:]
    return held_out, rest


def hash_name(file: str) -> bytes:
    """What files are ordered by, so that the order is the same everywhere and mixes the classes."""
    return hashlib.sha256(os.fsencode(file)).digest()


def _find_split_folders(root: Path) -> dict[str, Path]:
    """Split -> its folder; a lone validation folder stands in for a missing test folder."""
    train = root / "train"
    test = root / "test"
    validation = [root / name for name in _VALIDATION_NAMES if (root / name).is_dir()]
    if len(validation) > 1:
        names = ", ".join(folder.name for folder in validation)
        raise InputError(f"Expected one validation folder in {root}. Received: {names}. Keep one of them.")
    if test.is_dir() and validation:
        return {"train": train, "test": test, "validation": validation[0]}
    if test.is_dir():
        return {"train": train, "test": test}
    if validation:
        return {"train": train, "test": validation[0]}
    names = ", ".join(sorted(entry.name for entry in root.iterdir() if entry.is_dir()))
    raise InputError(
        f"Expected {root} to hold a folder 'test' or 'validation' beside 'train'. Received: {names}. "
        "Add one, or put the class folders right under it to have them split."
    )


def _list_classes(root: Path, folder: Path, minimum: int) -> FilesByClass:
    """The images in the class folders of `folder`, relative to `root`; at least `minimum` classes."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry))
    if len(names) < minimum:
        received = f"only {names[0]!r}" if names else "no folder"
        raise InputError(
            f"Expected {folder} to hold at least two class folders with the images of a class each. "
            f"Received: {received}. Put the images into {folder}/<class>/."
        )
    classes = {}
    for name in names:
        place = (folder / name).relative_to(root).as_posix()
        classes[name] = [f"{place}/{image}" for image in _list_images(folder / name)]
    return classes


def _list_images(folder: Path) -> list[str]:
    """The names of the images in a class folder."""
    found = sorted(entry.name for entry in folder.iterdir() if not _is_hidden(entry))
    images = _with_suffix(found, IMAGE_SUFFIXES)
    unsupported = _with_suffix(found, _UNSUPPORTED_SUFFIXES)
    if not images:
        received = f"none among its {len(found)} entries, such as {found[0]}" if found else "an empty folder"
        raise InputError(
            f"Expected the class folder {folder} to hold images ({', '.join(IMAGE_SUFFIXES)}). "
            f"Received: {received}. Add images or remove the folder."
        )
    if unsupported:
        logging.warning("%s: leaving out %d files such as %s", folder, len(unsupported), unsupported[0])
    return images


def _is_hidden(entry: Path) -> bool:
    return entry.name.startswith(".")


def _with_suffix(files: Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    return [file for file in files if file.lower().endswith(suffixes)]
