"""Subnets as plain functional Keras models, without one elastic layer."""

from collections.abc import Mapping

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import delayed_interrupts
from ofa_tf.networks.blocks import builtin  # noqa: F401 -- registers the layers of the part types
from ofa_tf.networks.blocks.part_layer import NetworkSettings, get_part_layer
from ofa_tf.networks.layers.plain import Tensor
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.search_space import SearchSpace


def build_subnet(space: SearchSpace, arch: Arch, num_classes: int, dropout_rate: float = 0.0) -> keras.Model:
    """Build one subnet as a plain Keras model with freshly drawn weights.

    The layers have the names of the supernet's, joined by underscores
    (`stage1_block1_expand_conv`), so that weights can be handed over by name.

    Args:
        space: Search space of `arch`.
        arch: The subnet; its `image_size` fixes the input size.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.

    Returns:
        Model from normalised images `(batch, image_size, image_size, 3)` to
        float32 logits `(batch, num_classes)`.

    Raises:
        InputError: If `arch` is not of `space` or `num_classes` is below 1.
    """
    return build_from_parts(space, space.plain_parts(arch), arch.image_size, num_classes, dropout_rate)


def build_from_parts(
    space: SearchSpace,
    parts: Mapping[str, PlainPart],
    image_size: int,
    num_classes: int,
    dropout_rate: float = 0.0,
) -> keras.Model:
    """Build a network from its parts, for any image size; `build_subnet` otherwise.

    Args:
        space: Search space of the parts.
        parts: The parts with their choices made, by name, from the stem to the head.
        image_size: Input height and width, pixels.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.

    Returns:
        As of `build_subnet`.

    Raises:
        InputError: If `num_classes` is below 1.
    """
    if num_classes < 1:
        raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    for name, part in parts.items():
        x = add_part(x, name, part, space, num_classes=num_classes, dropout_rate=dropout_rate)
    return keras.Model(images, x, name="subnet")


def add_part(
    x: Tensor, name: str, part: PlainPart, space: SearchSpace, *, num_classes: int, dropout_rate: float = 0.0
) -> Tensor:
    """Add one part of a network: a stem, a block or the head.

    Args:
        x: Output of the part before.
        name: The part's name; its layers' names begin with what `PartLayer.plain_prefix`
            makes of it.
        part: What to add.
        space: Search space, which knows the constants of batch normalization.
        num_classes: Number of classes of the head.
        dropout_rate: Dropout of the head.
    """
    settings = NetworkSettings(
        num_classes=num_classes,
        batch_norm_epsilon=space.batch_norm_epsilon,
        batch_norm_momentum=space.batch_norm_momentum,
        dropout_rate=dropout_rate,
    )
    layer_class = get_part_layer(part)
    # Keras draws weights with the help of TensorFlow's `DType.max`, which catches every exception.
    with delayed_interrupts():
        return layer_class.add_plain(x, layer_class.plain_prefix(name), part, settings)
