"""BN calibration: running statistics that belong to one subnet."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.networks.supernet import Supernet
from ofa_tf.space.arch import Arch


class BatchNormCalibrator:
    """Re-estimates the running statistics of subnets of one supernet.

    Keep one to calibrate many subnets: the graph is traced once for all archs
    and image sizes.

    Args:
        supernet: Its running statistics are changed in place.
    """

    def __init__(self, supernet: Supernet) -> None:
        self._supernet = supernet
        signature = (
            tf.TensorSpec((None, None, None, 3), tf.float32),
            tf.TensorSpec((supernet.space.num_genes,), tf.int32),
            tf.TensorSpec((), tf.float32),
        )
        self._update = tf.function(self._forward, input_signature=signature, autograph=False)

    def _forward(self, images: tf.Tensor, genes: tf.Tensor, momentum: tf.Tensor) -> None:
        self._supernet(images, genes, training=True, momentum=momentum)

    def __call__(self, batches: Iterable[Any], arch: Arch) -> None:
        """Set the running statistics of `arch`; see `calibrate_batch_norm`."""
        genes = self._supernet.space.encode(arch)
        num_seen = 0
        for images in batches:
            images = np.asarray(images)
            if images.ndim != 4 or images.shape[-1] != 3 or not len(images):
                raise InputError(
                    "Expected `batches` to hold image arrays of shape (batch, height, width, 3). "
                    f"Received: an array of shape {images.shape}."
                )
            momentum = num_seen / (num_seen + len(images))
            self._update(tf.cast(images, tf.float32), genes, tf.constant(momentum, tf.float32))
            num_seen += len(images)
        if not num_seen:
            raise InputError("Expected `batches` to hold at least one image. Received: no batch.")


def calibrate_batch_norm(supernet: Supernet, batches: Iterable[Any], arch: Arch) -> None:
    """Re-estimate the BN statistics of one subnet, in place.

    Each layer normalises a batch with that batch's own statistics; the running
    ones become their averages over the batches, weighted by batch size.

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
    BatchNormCalibrator(supernet)(batches, arch)
