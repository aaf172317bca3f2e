"""BN calibration: running statistics that belong to one subnet."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.base.replicas import Replicas, assign_here
from ofa_tf.networks.supernet import Supernet
from ofa_tf.space.arch import Arch


def calibrate_batch_norm(supernet: Supernet, batches: Iterable[Any], arch: Arch) -> None:
    """Re-estimate the BN statistics of one subnet, in place.

    Each layer normalises a batch with that batch's own statistics; the running
    ones become their averages over the batches, weighted by batch size. The
    graph that does so is traced once per supernet, for all archs and image sizes.

    Args:
        supernet: Its running statistics are changed; other subnets that share
            them need their own calibration.
        batches: Iterable of normalised image arrays `(batch, height, width, 3)`;
            the paper uses 2,000 training images. Batches of 32 or more give
            good estimates.
        arch: The subnet.

    Raises:
        InputError: If there is no image or an array has the wrong shape.

    Reference: Once-for-All, section 3.3 and appendix.
    """
    Calibrator(supernet).calibrate(([batch] for batch in batches), arch)


class Calibrator:
    """Re-estimates the BN statistics of subnets of one supernet, one after the other; see `calibrate_batch_norm`.

    Several replicas share the batches: each averages the statistics of its own, and then these averages are averaged
    over the replicas. As a batch is never divided, the result is that of one device, but for rounding.

    Args:
        supernet: Its running statistics are changed.
        replicas: Where the supernet was built; one device by default.
    """

    def __init__(self, supernet: Supernet, replicas: Replicas | None = None) -> None:
        self._supernet = supernet
        self._replicas = replicas or Replicas()
        if self._replicas.num_replicas == 1:
            self._estimate = supernet.statistics_estimator
        else:
            self._estimate = supernet.trace_statistics_estimator(self._replicas)
            self._weight = self._replicas.trace(self._weight_statistics, tf.TensorSpec((), tf.float32))
            self._add_up = self._replicas.trace_update(self._add_statistics_up)

    def calibrate(self, rounds: Iterable[Sequence[Any]], arch: Arch) -> None:
        """Calibrate for a subnet.

        Args:
            rounds: Image arrays, one for each replica of this worker at a time, see `Replicas.rounds`.
            arch: The subnet.

        Raises:
            InputError: If there is no image or an array has the wrong shape.
        """
        genes = self._supernet.space.encode(arch)
        replicas = self._replicas
        # Of a replica that has nothing to do: with a momentum of 1, images change nothing.
        nothing = np.zeros((2, arch.image_size, arch.image_size, 3))
        num_seen = np.zeros(replicas.num_local)  # images, of each replica
        for batches in rounds:
            all_images = []
            momenta = []
            for index, batch in enumerate(batches):
                images, momentum = nothing, 1.0
                if batch is not None:
                    images = _checked(batch)
                    # After k images, a batch of b gets the weight b / (k + b): statistics become plain averages.
                    momentum = num_seen[index] / (num_seen[index] + len(images))
                    num_seen[index] += len(images)
                all_images.append(tf.cast(images, tf.float32))
                momenta.append(tf.constant(momentum, tf.float32))
            self._estimate(replicas.dealt(all_images), genes, replicas.dealt(momenta))
        num_images = replicas.sum_over_workers(num_seen.sum())
        if not num_images:
            raise InputError("Expected `batches` to hold at least one image. Received: no batch.")
        if replicas.num_replicas > 1:
            shares = [tf.constant(num / num_images, tf.float32) for num in num_seen]
            self._weight(replicas.dealt(shares))
            self._add_up()

    @property
    def _statistics(self) -> list[tf.Variable]:
        """The running statistics, and no state of dropout."""
        return [variable.value for variable in self._supernet.non_trainable_weights]

    def _weight_statistics(self, share: tf.Tensor) -> None:
        """Multiply the statistics of a replica by its share of the images."""
        for statistic in self._statistics:
            # What a replica without images holds may be anything.
            assign_here(statistic, tf.math.multiply_no_nan(tf.convert_to_tensor(statistic), share))

    def _add_statistics_up(self) -> None:
        """Give every replica the sums over all of them."""
        totals = self._replicas.total(lambda: [tf.identity(statistic) for statistic in self._statistics])
        for statistic, total in zip(self._statistics, totals, strict=True):
            statistic.assign(total)


def _checked(images: Any) -> np.ndarray:
    """A batch as an array.

    Raises:
        InputError: If it is empty or has the wrong shape.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or not len(images):
        raise InputError(
            "Expected `batches` to hold image arrays of shape (batch, height, width, 3). "
            f"Received: an array of shape {images.shape}."
        )
    return images
