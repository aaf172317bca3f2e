"""The two layouts of a folder of images: one folder a class, with or without splits above them.

Both come to the same: the files of each class of each split, as paths relative to the
root. Nothing here reads an image or loads TensorFlow.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import logging

from ofa_tf.base.errors import InputError
from ofa_tf.data.held_out import HoldOut

TEST_FRACTION = 0.1

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
_UNSUPPORTED_SUFFIXES = (".webp", ".tif", ".tiff", ".heic", ".avif")
_VALIDATION_NAMES = ("validation", "val", "valid")

# Classes that differ between two splits, of which an error names so many.
_NUM_CLASSES_SHOWN = 5

# Listing and splitting the files of a larger folder takes more than a quarter of a second.
_MAX_FILES_LISTED_TWICE = 50_000

# Class name -> its files.
FilesByClass = dict[str, list[str]]

# Split -> class name -> its folder.
ClassFolders = dict[str, dict[str, Path]]


def read_layout(root: Path, how_many: HoldOut, name: str) -> dict[str, FilesByClass]:
    """The files of the splits "train", "validation" and "test" of a folder.

    Args:
        root: The folder.
        how_many: How many training images are held out where there are none for validation.
        name: What the user called the data set.

    Raises:
        InputError: If there are too few classes, or images of one, or a split is missing or
            has other classes than "train".
    """
    folders = _find_class_folders(root)
    files = _split_files(root, folders, how_many, name)
    _warn_of_unsupported(folders)
    return files


def check_layout(root: Path, how_many: HoldOut, name: str) -> int | None:
    """Check what `read_layout` does, but for the files where those are so many that listing them takes long.

    Returns:
        Number of training images; `None` if they were not listed.

    Raises:
        InputError: As `read_layout` does.
    """
    folders = _find_class_folders(root)
    if _have_many_files(folders):
        return None
    files = _split_files(root, folders, how_many, name)
    return _num_files(files["train"])


def _find_class_folders(root: Path) -> ClassFolders:
    """The class folders of each split; of "train" alone where they are right under `root`."""
    if not _is_split_folder(root / "train"):
        return {"train": _list_classes(root, minimum=2)}
    classes = {}
    split_folders = _find_split_folders(root)
    for split, folder in split_folders.items():
        minimum = 2 if split == "train" else 1
        classes[split] = _list_classes(folder, minimum)
    for split, folder in split_folders.items():
        differences = [*_only_in("train", split, classes), *_only_in(split, "train", classes)]
        if differences:
            raise InputError(
                f"Expected {split_folders['train']} and {folder} to have the same class folders. "
                f"Received: {' and '.join(differences)}. Add or rename class folders."
            )
    return classes


def _is_split_folder(folder: Path) -> bool:
    """Whether a folder called "train" holds class folders, rather than images of railway trains."""
    if not folder.is_dir():
        return False
    return not any(entry.name.lower().endswith(IMAGE_SUFFIXES) for entry in folder.iterdir())


def _split_files(
    root: Path,
    folders: ClassFolders,
    how_many: HoldOut,
    name: str,
) -> dict[str, FilesByClass]:
    """The images of each split, relative to `root`; what has no folders of its own is held out of "train"."""
    files = {}
    for split, classes in folders.items():
        files[split] = _list_files(root, classes)
    if "test" not in files:
        files["test"], files["train"] = hold_out(files["train"], TEST_FRACTION, minimum=3)
    if "validation" not in files:
        fraction = how_many.fraction_of(_num_files(files["train"]), name)
        files["validation"], files["train"] = hold_out(files["train"], fraction, minimum=2)
    return files


def _num_files(files: FilesByClass) -> int:
    return sum(len(of_class) for of_class in files.values())


def _have_many_files(folders: ClassFolders) -> bool:
    """Whether there are more than `_MAX_FILES_LISTED_TWICE` entries in the class folders."""
    num_entries = 0
    for classes in folders.values():
        for folder in classes.values():
            num_entries += len(os.listdir(folder))
            if num_entries > _MAX_FILES_LISTED_TWICE:
                return True
    return False


def _only_in(split: str, other: str, folders: ClassFolders) -> list[str]:
    """The classes that a split has and another one lacks, in words; nothing if there are none."""
    classes = sorted(set(folders[split]) - set(folders[other]))
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


def _list_classes(folder: Path, minimum: int) -> dict[str, Path]:
    """The class folders of `folder`, by name; at least `minimum` of them."""
    names = _visible_names(folder, only_folders=True)
    if len(names) < minimum:
        received = f"only {names[0]!r}" if names else "no folder"
        raise InputError(
            f"Expected {folder} to hold at least two class folders with the images of a class each. "
            f"Received: {received}. Put the images into {folder}/<class>/."
        )
    return {name: folder / name for name in names}


def _list_files(root: Path, classes: Mapping[str, Path]) -> FilesByClass:
    """The images of each class, relative to `root`; at least one of each."""
    files = {}
    for name, folder in classes.items():
        place = folder.relative_to(root).as_posix()
        files[name] = [f"{place}/{image}" for image in _list_images(folder)]
    return files


def _list_images(folder: Path) -> list[str]:
    """The names of the images in a class folder."""
    found = _visible_names(folder)
    images = _with_suffix(found, IMAGE_SUFFIXES)
    if not images:
        received = f"none among its {len(found)} entries, such as {found[0]}" if found else "an empty folder"
        raise InputError(
            f"Expected the class folder {folder} to hold images ({', '.join(IMAGE_SUFFIXES)}). "
            f"Received: {received}. Add images or remove the folder."
        )
    return images


def _warn_of_unsupported(folders: ClassFolders) -> None:
    """Name the class folders with images of kinds that are left out."""
    for classes in folders.values():
        for folder in classes.values():
            unsupported = _with_suffix(_visible_names(folder), _UNSUPPORTED_SUFFIXES)
            if unsupported:
                logging.warning("%s: leaving out %d files such as %s", folder, len(unsupported), unsupported[0])


def _visible_names(folder: Path, only_folders: bool = False) -> list[str]:
    """The names of what is in a folder, or of the folders in it, sorted; without hidden ones."""
    # Not of `Path.iterdir`, which makes listing a million files take several times as long.
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_wanted(entry, only_folders))


def _is_wanted(entry: os.DirEntry[str], only_folders: bool) -> bool:
    if entry.name.startswith("."):
        return False
    return not only_folders or entry.is_dir()


def _with_suffix(files: Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    return [file for file in files if file.lower().endswith(suffixes)]
