"""Initial weights that depend on a seed and a layer's name only."""

import zlib

import keras


def convolution_initializer(seed: int | None = None) -> keras.initializers.Initializer:
    """He initialization by fan-out, for convolutions and depthwise convolutions.

    Reference: He et al., "Delving Deep into Rectifiers", ICCV 2015.
    """
    return keras.initializers.VarianceScaling(scale=2.0, mode="fan_out", distribution="untruncated_normal", seed=seed)


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
