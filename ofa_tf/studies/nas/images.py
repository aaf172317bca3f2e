"""The images of a search: those that it trains with, and those that it judges archs on."""

import zlib

import tensorflow as tf

from ofa_tf.data.augmentations import get_augmentation
from ofa_tf.data.batches import eval_batches, num_eval_images
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.shares import SEARCH_SHARE
from ofa_tf.data.sources import open_source
from ofa_tf.training.config import TrainConfig

# An arch is judged on about so many times the images of a training step, as in TuNAS's code.
_BATCH_MULTIPLE = 4

# They are kept in memory, for each image size.
_MAX_JUDGING_IMAGES = 4096


def open_source_of(config: TrainConfig) -> ImageSource:
    """The data set of a run."""
    return open_source(
        config.dataset,
        config.data_dir,
        validation_fraction=config.validation_fraction,
        num_validation_images=config.num_validation_images,
    )


def data_seed(seed: int, method: str) -> int:
    """The seed of the order of training images, another one for each method."""
    return zlib.crc32(f"{seed}/{method}".encode())


class JudgingImages:
    """Batches of the held-out images that searches may choose on; those that are reported on are not among them.

    Args:
        config: Batch size and augmentation.
        source: Images.
    """

    def __init__(self, config: TrainConfig, source: ImageSource) -> None:
        self._config = config
        self._source = source
        self._batches: dict[int, list[tuple[tf.Tensor, tf.Tensor]]] = {}

    def batch(self, image_size: int, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """One of the batches.

        Args:
            image_size: Height and width, pixels.
            number: Which one; they begin anew after the last.

        Returns:
            Images, float32 `(batch, size, size, 3)`, and labels, int32 `(batch,)`.
        """
        batches = self.batches(image_size)
        return batches[number % len(batches)]

    def batches(self, image_size: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """All batches; see `batch`."""
        if image_size not in self._batches:
            self._batches[image_size] = self._read(image_size)
        return self._batches[image_size]

    def _read(self, image_size: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
        num_images = min(num_eval_images(self._source, SEARCH_SHARE), _MAX_JUDGING_IMAGES)
        # All batches are about as large, so that none has a few images only, and much noise.
        num_batches = max(1, num_images // (_BATCH_MULTIPLE * self._config.batch_size))
        batches = eval_batches(
            self._source,
            SEARCH_SHARE,
            image_size=image_size,
            batch_size=-(-num_images // num_batches),
            limit=num_images,
            crop_fraction=get_augmentation(self._config.augmentation).eval_crop_fraction,
        )
        return list(batches)
