"""Cutting a subnet out of a supernet: as a plain Keras model, or to train it alone."""

import keras

from ofa_tf.base.errors import InputError
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


def copy_subnet(supernet: Supernet, arch: Arch, alone: Supernet) -> None:
    """Give a supernet of one subnet the weights of that subnet, in place.

    As in `extract_subnet`, weights are sliced, kernels transformed and running statistics copied.

    Args:
        supernet: Where the weights come from; it stays as it is.
        arch: The subnet.
        alone: A supernet of `supernet.space.of_one(arch)`.

    Raises:
        InputError: If `arch` is not of the supernet's space, or `alone` is of another one.
    """
    if alone.space != supernet.space.of_one(arch):
        raise InputError(
            f"Expected `alone` to be of the space of the one subnet {arch}. Received: a supernet of "
            f"{alone.space.name!r} with only={alone.space.only}. Build it from `space.of_one(arch)`."
        )
    layers = {layer.name: layer for layer in supernet.parts}
    parts = supernet.space.plain_parts(arch)
    for target, part in zip(alone.parts, parts.values(), strict=True):
        source = layers[target.name]
        target.set_static_weights(source.static_weights(part))
