"""Measured accuracy of subnets."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from ofa_tf.data.augmentations import get_augmentation
from ofa_tf.data.batches import calibration_batches, eval_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.supernet import Supernet
from ofa_tf.space.arch import Arch
from ofa_tf.training.losses import count_correct

_BATCH_SIZE = 128

# Larger images come in smaller batches: their activations take gigabytes otherwise.
_MAX_BATCH_PIXELS = 2**21

# The images of a split at one image size stay in memory if they have no more pixels than this: 24 MB.
_MAX_KEPT_PIXELS = 2_000_000


class Evaluator:
    """Measures subnets of one supernet, each after its own BN calibration.

    Keep one to measure many subnets: graphs are traced once. `supernet` and
    `source` are what it was made with.

    Args:
        supernet: Its running statistics are changed by each measurement.
        source: Images.
        augmentation: Name of the training augmentation, which decides how
            images are cropped for evaluation.
        num_calibration_images: Training images for BN calibration.
        batch_size: Images evaluated at a time, at most.
        seed: Decides which images calibrate.
    """

    def __init__(
        self,
        supernet: Supernet,
        source: ImageSource,
        *,
        augmentation: str = "none",
        num_calibration_images: int = 2000,
        batch_size: int = _BATCH_SIZE,
        seed: int = 0,
    ) -> None:
        self.supernet = supernet
        self.source = source
        self._crop_fraction = get_augmentation(augmentation).eval_crop_fraction
        self._num_calibration_images = num_calibration_images
        self._batch_size = batch_size
        self._seed = seed
        self._kept: dict[tuple, list[Any]] = {}
        signature = (
            tf.TensorSpec((None, None, None, 3), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((supernet.space.num_genes,), tf.int32),
        )
        self._count_correct = tf.function(self._forward, input_signature=signature, autograph=False)

    def top1(self, arch: Arch, split: str = "validation", before_batch: Callable[[], None] | None = None) -> float:
        """Top-1 accuracy of a subnet in [0, 1], after BN calibration for it.

        Args:
            arch: The subnet; its `image_size` is used.
            split: `"train"`, `"validation"` or `"test"`.
            before_batch: Called before each batch of images, those for calibration, too;
                what it raises ends the measurement.

        Raises:
            InputError: If `arch` is not of the space or there is no such split.

        Reference: Once-for-All, section 3.3 and appendix B (BN statistics).
        """
        genes = self.supernet.space.encode(arch)
        before_batch = before_batch or _do_nothing
        self.calibrate(arch, before_batch)
        num_correct = 0
        num_images = 0
        for images, labels in self.eval_batches(arch.image_size, split):
            before_batch()
            num_correct += int(self._count_correct(images, labels, genes))
            num_images += len(labels)
        return num_correct / num_images

    def calibrate(self, arch: Arch, before_batch: Callable[[], None] | None = None) -> None:
        """Set the supernet's running statistics for `arch`, at its image size; see `top1` for `before_batch`."""
        batches = self.training_images(arch.image_size, self._num_calibration_images)
        calibrate_batch_norm(self.supernet, _announced(batches, before_batch or _do_nothing), arch)

    def training_images(self, image_size: int, num_images: int) -> Iterable[tf.Tensor]:
        """A fixed sample of training images, unaugmented, normalised, in batches."""
        batches = calibration_batches(
            self.source,
            image_size=image_size,
            batch_size=_fitting_batch_size(_BATCH_SIZE, image_size),
            num_images=num_images,
            seed=self._seed,
            crop_fraction=self._crop_fraction,
        )
        key = ("training", image_size, num_images)
        return self._keep_if_small(key, batches, num_pixels=num_images * image_size**2)

    def eval_batches(self, image_size: int, split: str) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
        """The images and labels of a split as evaluation sees them."""
        batches = eval_batches(
            self.source,
            split,
            image_size=image_size,
            batch_size=_fitting_batch_size(self._batch_size, image_size),
            crop_fraction=self._crop_fraction,
        )
        num_pixels = self.source.num_examples(split) * image_size**2
        return self._keep_if_small((split, image_size), batches, num_pixels)

    def _forward(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        genes: tf.Tensor,
    ) -> tf.Tensor:
        logits = self.supernet(images, genes, training=False)
        return count_correct(labels, logits)

    def _keep_if_small(
        self,
        key: tuple,
        batches: Iterable[Any],
        num_pixels: int,
    ) -> Iterable[Any]:
        """The batches, in memory if they are few: many subnets are measured on the same ones."""
        if key in self._kept:
            return self._kept[key]
        if num_pixels > _MAX_KEPT_PIXELS:
            return batches
        self._kept[key] = list(batches)
        return self._kept[key]


def _announced(batches: Iterable[tf.Tensor], before_batch: Callable[[], None]) -> Iterator[tf.Tensor]:
    """The batches, each after a call."""
    for batch in batches:
        before_batch()
        yield batch


def _do_nothing() -> None:
    pass


def _fitting_batch_size(batch_size: int, image_size: int) -> int:
    """`batch_size`, or as many images as there is memory for."""
    most = _MAX_BATCH_PIXELS // image_size**2
    return max(1, min(batch_size, most))
