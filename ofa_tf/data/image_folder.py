"""`FolderSource`: a folder of image files, one sub-folder a class."""

import dataclasses
import hashlib
import os
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ofa_tf.base.errors import InputError
from ofa_tf.data.image_source import DEFAULT_CACHE_BYTES, ImageSource, check_split, decode_rgb

TEST_FRACTION = 0.1

# First bytes of the formats that TensorFlow decodes. The suffix does not decide the format: a PNG called .jpg is fine.
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
_OTHER_IMAGE_SUFFIXES = (".webp", ".tif", ".tiff", ".heic", ".avif")
_VALIDATION_NAMES = ("validation", "val", "valid")


@dataclasses.dataclass(frozen=True)
class _Split:
    """Files, relative to the folder, and their labels."""

    files: tuple[str, ...]
    labels: tuple[int, ...]


class FolderSource(ImageSource):
    """Image files in `PATH/<class>/` or in `PATH/<split>/<class>/`.

    Class folders right under PATH are split by class: of each class's files,
    in the order of a hash of their paths, the first tenth is for testing, then
    `validation_fraction` of the rest for validation. With `PATH/train`, the
    test images come from `PATH/test`; `PATH/validation` (or `val`, `valid`) is
    taken for validation, or for testing if there is no `PATH/test`. What is
    missing for validation is held out of the training images. Classes are
    sorted by name; hidden files and other kinds of files are left out.

    Args:
        path: The folder.
        validation_fraction: Share of the training images held out.
        cache_bytes: See `ImageSource`.

    Raises:
        InputError: If the folders do not make a data set, or a file is no image.
    """

    def __init__(self, path: str, validation_fraction: float, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self._root = Path(path).expanduser()
        self._prefix = os.fsencode(self._root) + b"/"
        if not self._root.is_dir():
            kind = "a file" if self._root.exists() else "no such folder"
            raise InputError(f"Expected a folder of class folders at {path!r}. Received: {kind}. Check folder:PATH.")
        if _is_split_folder(self._root / "train"):
            class_names, files = self._read_split_folders()
        else:
            classes = _list_classes(self._root, minimum=2)
            test, rest = _hold_out(classes, TEST_FRACTION, minimum=3)
            class_names, files = tuple(classes), {"train": rest, "test": test}
        if "validation" not in files:
            files["validation"], files["train"] = _hold_out(files["train"], validation_fraction, minimum=2)
        super().__init__(f"folder:{path}", class_names, cache_bytes)
        self._files = {split: _mixed(by_class) for split, by_class in files.items()}
        self._bytes = {split: self._check_files(split) for split in self.splits}

    def num_examples(self, split: str) -> int:
        check_split(split)
        return len(self._files[split].files)

    def records(self, split: str, shuffle_seed: int | None = None) -> tf.data.Dataset:
        check_split(split)
        # Bytes, as file names need not be valid UTF-8.
        files = np.array([os.fsencode(file) for file in self._files[split].files])
        labels = np.array(self._files[split].labels, np.int64)
        if shuffle_seed is not None:
            order = np.random.default_rng(shuffle_seed).permutation(len(files))
            files, labels = files[order], labels[order]
        return tf.data.Dataset.from_tensor_slices((files, labels))

    def decode(self, record: tf.Tensor) -> tf.Tensor:
        return decode_rgb(tf.io.read_file(tf.strings.join([self._prefix, record])))

    def describe(self, record: bytes, position: int) -> str:
        del position
        return f"{self._root / os.fsdecode(record)}, damaged or deleted. Restore or remove the file."

    def encoded_bytes(self, split: str) -> int:
        check_split(split)
        return self._bytes[split]

    def _read_split_folders(self) -> tuple[tuple[str, ...], dict[str, dict[str, list[str]]]]:
        folders = {"train": self._root / "train", "test": self._root / "test"}
        validation = [self._root / name for name in _VALIDATION_NAMES if (self._root / name).is_dir()]
        if len(validation) > 1:
            names = ", ".join(folder.name for folder in validation)
            raise InputError(f"Expected one validation folder in {self._root}. Received: {names}. Keep one of them.")
        if not folders["test"].is_dir():
            if not validation:
                names = ", ".join(sorted(entry.name for entry in self._root.iterdir() if entry.is_dir()))
                raise InputError(
                    f"Expected {self._root} to hold a folder 'test' or 'validation' beside 'train'. Received: {names}. "
                    "Add one, or put the class folders right under it to have them split."
                )
            folders["test"] = validation.pop()
        if validation:
            folders["validation"] = validation.pop()
        files = {}
        for split, folder in folders.items():
            classes = _list_classes(folder, minimum=2 if split == "train" else 1)
            files[split] = {name: [f"{folder.name}/{file}" for file in found] for name, found in classes.items()}
        for split, folder in folders.items():
            differing = sorted(set(files["train"]) ^ set(files[split]))
            if differing:
                raise InputError(
                    f"Expected {folders['train']} and {folder} to have the same class folders. "
                    f"Received: {', '.join(differing[:5])} only in one of them. Add or rename class folders."
                )
        return tuple(files["train"]), files

    def _check_files(self, split: str) -> int:
        total = 0
        for file in self._files[split].files:
            path = self._root / file
            try:
                with path.open("rb") as stream:
                    head = stream.read(8)
                    total += os.fstat(stream.fileno()).st_size
            except OSError as error:
                raise InputError(f"Expected to read {path}. Received: {error.strerror}. Mend or remove it.") from error
            if not head.startswith(_MAGIC):
                kind = f"a file that starts with {head!r}" if head else "an empty file"
                raise InputError(
                    f"Expected {path} to be a JPEG, PNG, GIF or BMP image. Received: {kind}. Mend or remove the file."
                )
        return total


def _is_split_folder(folder: Path) -> bool:
    """Whether a folder called "train" holds class folders, rather than images of railway trains."""
    return folder.is_dir() and not any(entry.name.lower().endswith(_SUFFIXES) for entry in folder.iterdir())


def _list_classes(folder: Path, minimum: int) -> dict[str, list[str]]:
    """Class name -> files, relative to `folder`."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < minimum:
        received = f"only {names[0]!r}" if names else "no folder"
        raise InputError(
            f"Expected {folder} to hold at least two class folders with the images of a class each. "
            f"Received: {received}. Put the images into {folder}/<class>/."
        )
    classes = {}
    for name in names:
        found = sorted(entry.name for entry in (folder / name).iterdir() if not entry.name.startswith("."))
        images = [file for file in found if file.lower().endswith(_SUFFIXES)]
        unsupported = [file for file in found if file.lower().endswith(_OTHER_IMAGE_SUFFIXES)]
        if not images:
            received = f"none among its {len(found)} entries, such as {found[0]}" if found else "an empty folder"
            raise InputError(
                f"Expected the class folder {folder / name} to hold images ({', '.join(_SUFFIXES)}). "
                f"Received: {received}. Add images or remove the folder."
            )
        if unsupported:
            logging.warning("%s: leaving out %d files such as %s", folder / name, len(unsupported), unsupported[0])
        classes[name] = [f"{name}/{file}" for file in images]
    return classes


def _hold_out(
    files: dict[str, list[str]], fraction: float, minimum: int
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Take `fraction`, at least one, of each class: `(held out, rest)`."""
    held_out, rest = {}, {}
    for name, found in files.items():
        if len(found) < minimum:
            raise InputError(
                f"Expected at least {minimum} images of each class, as some are held out of training. "
                f"Received: {len(found)} of {name!r}. Add images."
            )
        ranked = sorted(found, key=_hash)
        count = min(max(1, round(fraction * len(ranked))), len(ranked) - minimum + 1)
        held_out[name], rest[name] = ranked[:count], ranked[count:]
    return held_out, rest


def _mixed(files: dict[str, list[str]]) -> _Split:
    """The files of all classes in the order of their hashes."""
    pairs = [(file, label) for label, found in enumerate(files.values()) for file in found]
    pairs.sort(key=lambda pair: _hash(pair[0]))
    return _Split(tuple(file for file, _ in pairs), tuple(label for _, label in pairs))


def _hash(file: str) -> bytes:
    return hashlib.sha256(os.fsencode(file)).digest()
