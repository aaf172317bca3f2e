"""Initial weights that depend on a seed and a layer's name only."""

import copy
import zlib

import keras


def convolution_initializer(seed: int | None = None) -> keras.initializers.Initializer:
    """He initialization by fan-out, for convolutions; depthwise ones take it by way of `for_depthwise`.

    Reference: He et al., "Delving Deep into Rectifiers", ICCV 2015.
    """
    return keras.initializers.VarianceScaling(scale=2.0, mode="fan_out", distribution="untruncated_normal", seed=seed)


def for_depthwise(initializer: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """An initializer of convolutions as depthwise kernels need it.

    The reference draws every kernel with the variance `2 / (size**2 * out_channels)`, that of a depthwise
    convolution, too. In the shape of a depthwise kernel, `(size, size, channels, 1)`, Keras takes `size**2` for the
    fan-out and `size**2 * channels` for the fan-in, so that the latter is the fan-out of the reference. (With Keras's
    own fan-out the kernels of 960 channels would begin 31 times as large.)

    Args:
        initializer: What other convolutions are initialised with. One that does not depend on the fan-out is returned
            as it is.

    Reference: Once-for-All, section 4.1, and its released code ("he_fout").
    """
    if getattr(initializer, "mode", None) != "fan_out":
        return initializer
    twin = copy.copy(initializer)  # with its seed, also where that was drawn
    twin.mode = "fan_in"
    return twin


def classifier_initializer(seed: int | None = None) -> keras.initializers.Initializer:
    """Small normal weights, so that the first logits are nearly equal."""
    return keras.initializers.RandomNormal(stddev=0.01, seed=seed)


def fork(initializer: keras.initializers.Initializer, name: str) -> keras.initializers.Initializer:
    """A copy of `initializer` that draws other values, told apart by `name`.

    Initializers with a seed return the same values at every call; layers that
    hold several weights give each its own copy.
    """
    config = initializer.get_config()
    if isinstance(config.get("seed"), int):
        config["seed"] = zlib.crc32(f"{config['seed']}/{name}".encode()) & 0x7FFFFFFF
    return type(initializer).from_config(config)


def set_to_zero(variable: keras.Variable) -> None:
    """Make every entry of a weight 0, in place."""
    variable.assign(keras.ops.zeros_like(variable.value))
