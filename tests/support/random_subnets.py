"""Subnets with weights and statistics of all kinds."""

import dataclasses

import keras
import numpy as np

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import randomize
from tests.support.spaces import SMALL

LARGE_KERNELS = dataclasses.replace(
    SMALL,
    name="large_kernels",
    stages=tuple(dataclasses.replace(stage, kernel_sizes=(3, 7, 9)) for stage in SMALL.stages),
)


def random_subnet(space: SearchSpace, seed: int) -> tuple[keras.Model, np.ndarray]:
    """A random subnet with weights and statistics of all kinds, and images for it."""
    rng = np.random.default_rng(seed)
    model = build_subnet(space, space.sample(rng), 5)
    randomize(model, seed)
    return model, rng.standard_normal((2, *model.input_shape[1:]), dtype=np.float32)
