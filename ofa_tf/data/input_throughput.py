"""How many images a core prepares for training, beside what decoding alone would allow."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.augmentations import draw_choices, get_augmentation
from ofa_tf.data.batches import eval_batches, train_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.preprocessing import training_image
from ofa_tf.data.sources import open_source

_QUALITY = 90

# Structures of a photograph: cells across the image, and how much they differ.
_STRUCTURES = ((4, 55.0), (8, 42.0), (16, 32.0), (32, 25.0), (64, 18.0), (128, 14.0), (256, 10.0))

_NUM_CLASSES = 2


@dataclasses.dataclass(frozen=True)
class InputThroughput:
    """Images of one way to prepare them.

    Args:
        name: What was done.
        images_per_core_second: Images in a second of processor time: median over batches.
    """

    name: str
    images_per_core_second: float


@dataclasses.dataclass(frozen=True)
class InputTask:
    """What to prepare.

    Args:
        height: Of the JPEGs, pixels.
        width: Of the JPEGs, pixels.
        image_size: Pixels of the images of a batch.
        batch_size: Images in a batch.
        num_batches: Batches in a round, of which the first one is not measured.
        augmentation: A name in `AUGMENTATIONS`.

    Raises:
        InputError: If a number is too small, or there is no such augmentation.
    """

    height: int = 375
    width: int = 500
    image_size: int = 224
    batch_size: int = 32
    num_batches: int = 16
    augmentation: str = "imagenet"

    def __post_init__(self) -> None:
        get_augmentation(self.augmentation)
        for name in ("height", "width", "image_size", "batch_size"):
            self._check_at_least(1, name)
        self._check_at_least(2, "num_batches")

    @property
    def num_images(self) -> int:
        """Images in a round."""
        return self.batch_size * self.num_batches

    def _check_at_least(self, lowest: int, name: str) -> None:
        value = getattr(self, name)
        if value < lowest:
            raise InputError(f"Expected `{name}` to be at least {lowest}. Received: {name}={value}.")


def write_photos(folder: Path, task: InputTask) -> None:
    """Write JPEGs into class folders below `folder`, as many as `task` needs for training."""
    rng = np.random.default_rng(0)
    # A tenth of each class is held out for testing, and a tenth of the rest, at least one image each.
    num_per_class = math.ceil(task.num_images / _NUM_CLASSES / 0.75) + 2
    for label in range(_NUM_CLASSES):
        class_folder = folder / f"class_{label}"
        class_folder.mkdir(parents=True)
        for number in range(num_per_class):
            image = photo_like_image(rng, task.height, task.width)
            content = tf.io.encode_jpeg(image, quality=_QUALITY)
            (class_folder / f"{number:05d}.jpg").write_bytes(content.numpy())


def photo_like_image(
    rng: np.random.Generator,
    height: int,
    width: int,
) -> np.ndarray:
    """A random image with structures of all sizes, as photographs have: uint8 `(height, width, 3)`."""
    image = np.full((height, width, 3), 128, np.float32)
    for num_cells, contrast in _STRUCTURES:
        brightness = rng.normal(scale=contrast, size=(num_cells, num_cells, 1))
        colour = rng.normal(scale=contrast / 3, size=(num_cells, num_cells, 3))
        image += tf.image.resize(brightness + colour, (height, width), "bicubic").numpy()
    return np.clip(image, 0, 255).astype(np.uint8)


def measure_input_throughput(
    folder: Path,
    task: InputTask,
    num_rounds: int,
) -> Iterator[InputThroughput]:
    """Measure several ways to prepare images, in turns, so that drift hits all alike.

    Decoding alone; training images that are decoded whole; those of `train_batches`, of
    which only a part is decoded; those of `eval_batches`, which are decoded whole.

    Args:
        folder: Where `write_photos` wrote.
        task: What to prepare.
        num_rounds: Turns.
    """
    source = open_source(f"folder:{folder}", cache_bytes=0)
    ways: dict[str, Callable[[int], Iterable]] = {
        "decoding alone": functools.partial(_decode, source, task),
        "training images, decoded whole": functools.partial(_prepare_whole_images, source, task),
        "training images": functools.partial(_train_batches, source, task),
        "evaluation images": functools.partial(_eval_batches, source, task),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(num_rounds):
        for name, make_batches in ways.items():
            seconds[name] += _core_seconds(make_batches(round_number))
    for name, measured in seconds.items():
        yield InputThroughput(name, task.batch_size / float(np.median(measured)))


def _core_seconds(batches: Iterable) -> list[float]:
    """Processor time from each batch to the next one; what other processes do does not count."""
    times = []
    for _ in batches:
        times.append(time.process_time())
    return np.diff(times).tolist()


def _decode(source: ImageSource, task: InputTask, round_number: int) -> tf.data.Dataset:
    def decode(record: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        del label
        image = tf.io.decode_jpeg(source.read(record).content, channels=3)
        # Images would be copied into a batch.
        return tf.shape(image)

    records = source.records("train", shuffle_seed=round_number).take(task.num_images)
    return records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(task.batch_size)


def _prepare_whole_images(source: ImageSource, task: InputTask, round_number: int) -> tf.data.Dataset:
    how = get_augmentation(task.augmentation)
    choices = draw_choices(np.random.default_rng(round_number), task.num_images, how)

    def prepare(record: tuple[tf.Tensor, tf.Tensor], choices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        path, label = record
        image = training_image(source.decode(path), choices, tf.constant(task.image_size), how)
        return image, label

    records = source.records("train", shuffle_seed=round_number)
    pairs = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(choices))
    images = pairs.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return images.batch(task.batch_size).prefetch(tf.data.AUTOTUNE)


def _train_batches(source: ImageSource, task: InputTask, round_number: int) -> Iterable:
    return train_batches(
        source,
        batch_size=task.batch_size,
        epoch=round_number,
        seed=0,
        image_sizes=[task.image_size] * task.num_batches,
        augmentation=task.augmentation,
    )


def _eval_batches(source: ImageSource, task: InputTask, round_number: int) -> Iterable:
    del round_number  # always the same images
    return eval_batches(
        source,
        "train",
        image_size=task.image_size,
        batch_size=task.batch_size,
        limit=task.num_images,
        crop_fraction=get_augmentation(task.augmentation).eval_crop_fraction,
    )
