"""Measured accuracy of subnets."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base.replicas import Batches, Replicas
from ofa_tf.data.augmentations import get_augmentation
from ofa_tf.data.batches import calibration_batches, eval_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.kept_batches import DEFAULT_KEPT_BYTES, BatchKeeper
from ofa_tf.networks.calibration import Calibrator
from ofa_tf.networks.supernet import Supernet
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.space.arch import Arch
from ofa_tf.training.losses import cross_entropies, find_correct

# A call of a supernet's graph takes some time however few its images are: 1,024 of 32 pixels need a sixth less of it in
# batches of 256 than of 128.
_BATCH_SIZE = 256

# Larger images come in smaller batches: their activations take gigabytes otherwise.
_MAX_BATCH_PIXELS = 2**21

_NUM_HALVES = 2  # of an `AccuracyCount`

# A row of images that are right, one of all images and one of sums of losses, with a column for each half.
_SHAPE_OF_SUMS = (3, _NUM_HALVES)

_NO_CLASS = -1  # the label of what no prediction is right about

# Images, labels and the positions of the images.
_NumberedBatch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a subnet says of some images.

    Args:
        count: How many it gets right.
        loss: Mean cross entropy against the labels, nats.
    """

    count: AccuracyCount
    loss: float


class Evaluator:
    """Measures subnets of one supernet, each after its own BN calibration.

    Keep one to measure many subnets: graphs are traced once, and images are prepared once. `supernet` and
    `source` are what it was made with. Several replicas share the batches; each worker
    reads its own only, and all must measure the same subnets in the same order.

    Args:
        supernet: Its running statistics are changed by each measurement.
        source: Images.
        augmentation: Name of the training augmentation, which decides how
            images are cropped for evaluation, and how for BN calibration.
        num_calibration_images: Training images for BN calibration.
        batch_size: Images evaluated at a time, at most.
        seed: Decides which images calibrate.
        replicas: Where the supernet was built; one device by default.
        kept_bytes: How much memory prepared images take at most; those that do not fit are read
            again for each subnet.
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
        replicas: Replicas | None = None,
        kept_bytes: int = DEFAULT_KEPT_BYTES,
    ) -> None:
        self.supernet = supernet
        self.source = source
        self._augmentation = augmentation
        self._crop_fraction = get_augmentation(augmentation).eval_crop_fraction
        self._num_calibration_images = num_calibration_images
        self._batch_size = batch_size
        self._seed = seed
        self._replicas = replicas or Replicas()
        self._calibrator = Calibrator(supernet, self._replicas)
        self._keeper = BatchKeeper(kept_bytes)
        signature = (
            tf.TensorSpec((None, None, None, 3), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((supernet.space.num_genes,), tf.int32),
        )
        self._judge = self._replicas.trace(self._forward, *signature)

    def top1(self, arch: Arch, split: str = "validation", before_batch: Callable[[], None] | None = None) -> float:
        """Top-1 accuracy of a subnet in [0, 1], after BN calibration for it; see `measure`."""
        return self.measure(arch, split, before_batch).top1

    def measure(
        self, arch: Arch, split: str = "validation", before_batch: Callable[[], None] | None = None
    ) -> AccuracyCount:
        """Count the images that a subnet gets right, after BN calibration for it; see `validate`."""
        return self.validate(arch, split, before_batch).count

    def validate(
        self, arch: Arch, split: str = "validation", before_batch: Callable[[], None] | None = None
    ) -> Validation:
        """Count the images that a subnet gets right, and take its loss, after BN calibration for it.

        Args:
            arch: The subnet; its `image_size` is used.
            split: A name in `SHARES`: a split, or one of the shares of the validation images.
            before_batch: Called before each batch of images, those for calibration, too, and equally
                often on all workers; what it raises ends the measurement.

        Returns:
            What it says; the halves of its count are every second image of the split, in its fixed order.

        Raises:
            InputError: If `arch` is not of the space, there is no such split, or it has too few images
                to be shared.

        Reference: Once-for-All, section 3.3 and appendix B (BN statistics).
        """
        genes = self.supernet.space.encode(arch)
        batches = self.eval_batches(arch.image_size, split, with_positions=True)
        before_batch = before_batch or _do_nothing
        self.calibrate(arch, before_batch)
        sums = np.zeros(_SHAPE_OF_SUMS)
        # Of a replica that has nothing to do.
        nothing = (
            tf.zeros((1, arch.image_size, arch.image_size, 3)),
            tf.constant([_NO_CLASS]),
            tf.zeros((0,), tf.int64),
        )
        for round_of_batches in self._replicas.rounds(batches):
            before_batch()
            sums += self._sum_round([batch or nothing for batch in round_of_batches], genes)
        total = self._replicas.sum_over_workers(sums)
        (correct_1, correct_2), (images_1, images_2) = total[:2].astype(int).tolist()
        count = AccuracyCount(num_correct=(correct_1, correct_2), num_images=(images_1, images_2))
        return Validation(count, loss=float(total[2].sum()) / (images_1 + images_2))

    def calibrate(self, arch: Arch, before_batch: Callable[[], None] | None = None) -> None:
        """Set the supernet's running statistics for `arch`, at its image size; see `measure` for `before_batch`."""
        batches = self._calibration_images(arch.image_size)
        rounds = self._replicas.rounds(batches)
        self._calibrator.calibrate(_announced(rounds, before_batch or _do_nothing), arch)

    def training_images(self, image_size: int, num_images: int) -> Batches:
        """A fixed sample of training images, unaugmented, normalised, in batches; with several workers, this one's."""
        return self._training_sample(image_size, num_images, crop_fraction=self._crop_fraction)

    def eval_batches(self, image_size: int, split: str, with_positions: bool = False) -> Batches:
        """What evaluation sees of a split; with several workers, this one's.

        Args:
            image_size: Height and width of the images, pixels.
            split: A name in `SHARES`.
            with_positions: Whether to return the positions of the images beside images and labels.
        """
        open_batches = functools.partial(
            eval_batches,
            self.source,
            split,
            image_size=image_size,
            batch_size=_fitting_batch_size(self._batch_size, image_size),
            crop_fraction=self._crop_fraction,
            with_positions=with_positions,
            worker=self._replicas.worker,
            num_workers=self._replicas.num_workers,
        )
        return self._keeper.keep((split, image_size, with_positions), open_batches)

    def _calibration_images(self, image_size: int) -> Batches:
        """What BN calibration sees: images cut and flipped as in training, whose statistics the weights are used to."""
        return self._training_sample(image_size, self._num_calibration_images, augmentation=self._augmentation)

    def _training_sample(
        self,
        image_size: int,
        num_images: int,
        crop_fraction: float | None = None,
        augmentation: str | None = None,
    ) -> Batches:
        """See `calibration_batches`."""
        open_batches = functools.partial(
            calibration_batches,
            self.source,
            image_size=image_size,
            batch_size=_fitting_batch_size(_BATCH_SIZE, image_size),
            num_images=num_images,
            seed=self._seed,
            crop_fraction=crop_fraction,
            augmentation=augmentation,
            worker=self._replicas.worker,
            num_workers=self._replicas.num_workers,
        )
        return self._keeper.keep(("training sample", image_size, num_images, augmentation), open_batches)

    def _sum_round(self, batches: Sequence[tuple[tf.Tensor, tf.Tensor, tf.Tensor]], genes: np.ndarray) -> np.ndarray:
        """What a subnet says of a batch for each replica of this worker.

        Returns:
            float64 `(3, _NUM_HALVES)`: images that are right, all images and the sum of their losses, of each half.
        """
        images, labels, positions = zip(*batches, strict=True)
        dealt = self._judge(self._replicas.dealt(images), self._replicas.dealt(labels), genes)
        sums = np.zeros(_SHAPE_OF_SUMS)
        for judged, of_batch in zip(self._replicas.local_values(dealt), positions, strict=True):
            # A replica that has nothing to do gets one image without a position, which does not count.
            is_right, losses = np.asarray(judged, np.float64)[: len(of_batch)].T
            halves = np.asarray(of_batch)
            sums[:2] += count_in_halves(is_right > 0, halves)
            sums[2] += np.bincount(halves % _NUM_HALVES, weights=losses, minlength=_NUM_HALVES)
        return sums

    def _forward(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        genes: tf.Tensor,
    ) -> tf.Tensor:
        """Whether each prediction is right (1) or not (0), and its loss: float32 `(batch, 2)`."""
        logits = self.supernet(images, genes, training=False)
        is_right = tf.cast(find_correct(labels, logits), tf.float32)
        return tf.stack([is_right, cross_entropies(labels, logits)], axis=1)


def count_in_halves(is_right: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Count images of a batch in the halves of an `AccuracyCount`.

    Args:
        is_right: Whether the prediction of each is right, bool `(n,)`.
        positions: Of the images in their split, `(n,)`.

    Returns:
        int `(2, 2)`: images that are right, and all images, of each half.
    """
    halves = positions % _NUM_HALVES
    num_right = np.bincount(halves[is_right], minlength=_NUM_HALVES)
    num_images = np.bincount(halves, minlength=_NUM_HALVES)
    return np.stack([num_right, num_images])


def _announced(rounds: Iterable[Any], before_batch: Callable[[], None]) -> Iterator[Any]:
    """The rounds of batches, each after a call."""
    for batches in rounds:
        before_batch()
        yield batches


def _do_nothing() -> None:
    pass


def _fitting_batch_size(batch_size: int, image_size: int) -> int:
    """`batch_size`, or as many images as there is memory for."""
    most = _MAX_BATCH_PIXELS // image_size**2
    return max(1, min(batch_size, most))
