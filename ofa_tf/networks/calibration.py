"""BN calibration: running statistics that belong to one subnet."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
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
    genes = supernet.space.encode(arch)
    num_seen = 0
    for images in batches:
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[-1] != 3 or not len(images):
            raise InputError(
                "Expected `batches` to hold image arrays of shape (batch, height, width, 3). "
                f"Received: an array of shape {images.shape}."
            )
        # After k images, a batch of b gets the weight b / (k + b): the running statistics become plain averages.
        momentum = num_seen / (num_seen + len(images))
        supernet.statistics_estimator(tf.cast(images, tf.float32), genes, tf.constant(momentum, tf.float32))
        num_seen += len(images)
    if not num_seen:
        raise InputError("Expected `batches` to hold at least one image. Received: no batch.")
