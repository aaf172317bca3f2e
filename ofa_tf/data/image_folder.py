"""`FolderSource`: a folder of image files, one sub-folder a class."""

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.dataset_names import check_folder
from ofa_tf.data.exif import UPRIGHT, read_orientation
from ofa_tf.data.folder_layout import FilesByClass, hash_name, read_layout
from ofa_tf.data.held_out import HoldOut
from ofa_tf.data.image_source import DEFAULT_CACHE_BYTES, EncodedImage, ImageSource, check_split

# First bytes of the formats that TensorFlow decodes. The suffix does not decide the format: a PNG called .jpg is fine.
_JPEG_MAGIC = b"\xff\xd8\xff"
_MAGIC = (_JPEG_MAGIC, b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_NUM_MAGIC_BYTES = 8


@dataclasses.dataclass(frozen=True)
class _Split:
    """Files, relative to the folder, and their labels."""

    files: tuple[str, ...]
    labels: tuple[int, ...]


class FolderSource(ImageSource):
    """Image files in `PATH/<class>/` or in `PATH/<split>/<class>/`.

    Class folders right under PATH are split by class: of each class's files,
    in the order of a hash of their paths, the first tenth is for testing, then
    a share of the rest, `how_many`, for validation. With `PATH/train`, the
    test images come from `PATH/test`; `PATH/validation` (or `val`, `valid`) is
    taken for validation, or for testing if there is no `PATH/test`. What is
    missing for validation is held out of the training images. Classes are
    sorted by name; hidden files and other kinds of files are left out. JPEGs
    are turned upright as their EXIF data say.

    Args:
        path: The folder.
        how_many: How many training images are held out.
        cache_bytes: See `ImageSource`.

    Raises:
        InputError: If the folders do not make a data set, or a file is no image.
    """

    def __init__(
        self,
        path: str,
        how_many: HoldOut,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        check_folder(path)
        name = f"folder:{path}"
        self._root = Path(path).expanduser()
        self._prefix = os.fsencode(self._root) + b"/"
        files = read_layout(self._root, how_many, name)
        super().__init__(name, tuple(files["train"]), cache_bytes)
        self._files = {split: _mixed(by_class) for split, by_class in files.items()}
        self._orientations: dict[str, int] = {}  # of each file that is not upright
        self._bytes = {split: self._check_files(split) for split in self.splits}

    def num_examples(self, split: str) -> int:
        check_split(split)
        return len(self._files[split].files)

    def records(self, split: str, shuffle_seed: int | None = None, first: int = 0) -> tf.data.Dataset:
        check_split(split)
        # Bytes, as file names need not be valid UTF-8.
        files = np.array([os.fsencode(file) for file in self._files[split].files])
        labels = np.array(self._files[split].labels, np.int64)
        if shuffle_seed is not None:
            order = np.random.default_rng(shuffle_seed).permutation(len(files))
            files = files[order]
            labels = labels[order]
        return tf.data.Dataset.from_tensor_slices((files[first:], labels[first:]))

    def read(self, record: tf.Tensor) -> EncodedImage:
        path = tf.strings.join([self._prefix, record])
        content = tf.io.read_file(path)
        if not self._orientations:
            return EncodedImage(content)
        return EncodedImage(content, self._orientation_table.lookup(record))

    @functools.cached_property
    def _orientation_table(self) -> tf.lookup.StaticHashTable:
        """The orientation of a file, int32, by its path.

        Made when it is needed: TensorFlow's threads can no longer be chosen once it has made a tensor.
        """
        # Outside of the function that is being traced. On the host, where input pipelines run.
        with tf.init_scope(), tf.device("CPU:0"):
            # Bytes, as file names need not be valid UTF-8.
            paths = tf.constant([os.fsencode(file) for file in self._orientations])
            values = tf.constant(list(self._orientations.values()), tf.int32)
            pairs = tf.lookup.KeyValueTensorInitializer(paths, values)
            return tf.lookup.StaticHashTable(pairs, default_value=UPRIGHT)

    def describe(self, record: bytes, position: int) -> str:
        del position
        return f"{self._root / os.fsdecode(record)}, damaged or deleted. Restore or remove the file."

    def encoded_bytes(self, split: str) -> int:
        check_split(split)
        return self._bytes[split]

    def _check_files(self, split: str) -> int:
        """Check that every file of a split begins like an image, note who is not upright, and add up sizes, bytes."""
        total = 0
        for file in self._files[split].files:
            size, orientation = _check_image(self._root / file)
            total += size
            if orientation != UPRIGHT:
                self._orientations[file] = orientation
        return total


def _check_image(path: Path) -> tuple[int, int]:
    """The size of an image file, bytes, and its orientation, after checking that it begins like one."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_NUM_MAGIC_BYTES)
            size = os.fstat(stream.fileno()).st_size
            orientation = UPRIGHT
            if head.startswith(_JPEG_MAGIC):
                orientation = read_orientation(stream)
    except OSError as error:
        raise InputError(f"Expected to read {path}. Received: {error.strerror}. Mend or remove it.") from error
    if not head.startswith(_MAGIC):
        kind = f"a file that starts with {head!r}" if head else "an empty file"
        raise InputError(
            f"Expected {path} to be a JPEG, PNG, GIF or BMP image. Received: {kind}. Mend or remove the file."
        )
    return size, orientation


def _mixed(files: FilesByClass) -> _Split:
    """The files of all classes in the order of their hashes."""
    pairs = []
    for label, found in enumerate(files.values()):
        for file in found:
            pairs.append((file, label))
    pairs.sort(key=lambda pair: hash_name(pair[0]))
    return _Split(tuple(file for file, _ in pairs), tuple(label for _, label in pairs))
