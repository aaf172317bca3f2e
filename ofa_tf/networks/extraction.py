"""Cutting a subnet out of a supernet."""

import keras

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.networks.supernet import Supernet
from ofa_tf.space.arch import Arch


def extract_subnet(supernet: Supernet, arch: Arch) -> keras.Model:
    """Copy one subnet out of the supernet, as a plain Keras model.

    Weights are sliced and kernels transformed; running statistics are copied as
    they are, so calibrate them for `arch` first (`calibrate_batch_norm`).

    Args:
        supernet: Where the weights come from; it stays as it is.
        arch: The subnet; its image size becomes the model's input size.

    Returns:
        Functional model of fixed input size whose outputs equal those of
        `supernet(images, arch)`.

    Raises:
        InputError: If `arch` is not of the supernet's space.
    """
    subnet = build_subnet(supernet.space, arch, supernet.num_classes, supernet.dropout_rate)
    for name, weights in supernet.static_weights(arch).items():
        subnet.get_layer(name).set_weights(weights)
    return subnet
