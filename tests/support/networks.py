"""A search space that builds in a moment, and weights under which mistakes show."""

from typing import Any

import hypothesis.strategies as st
import keras
import numpy as np

from ofa_tf.networks.extraction import copy_subnet, extract_subnet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.search_space import SearchSpace


def two_stage_space() -> SearchSpace:
    """Two stages of one or two blocks: all kinds of blocks, kernel sizes 3 to 7, two widths."""
    return SearchSpace(
        name="two_stages",
        image_sizes=(17, 24, 28),
        stem_width=8,
        stem_stride=2,
        first_width=8,
        stages=(
            Stage(16, 2, "relu", True, depths=(1, 2), kernel_sizes=(3, 5, 7), expand_ratios=(2, 4)),
            Stage(24, 1, "hard_swish", False, depths=(1, 2), kernel_sizes=(3, 5, 7), expand_ratios=(2, 3, 4)),
        ),
        feature_width=40,
        head_width=32,
    )


def archs(space: SearchSpace) -> st.SearchStrategy[Arch]:
    """Archs of a space, each choice drawn by Hypothesis."""
    return genes(space).map(space.decode_one)


def genes(space: SearchSpace) -> st.SearchStrategy[np.ndarray]:
    """Gene vectors of a space, each entry drawn by Hypothesis."""
    indices = [st.integers(0, int(count) - 1) for count in space.gene_counts]
    return st.tuples(*indices).map(lambda values: np.array(values, np.int32))


def randomize(model: keras.Model | keras.layers.Layer, seed: int = 0) -> Any:
    """Set every weight to a value under which leaving it out, or taking another's, changes the output.

    Fresh networks hide mistakes: scales are 1, statistics and biases 0, kernel transforms identities.

    Returns:
        The model.
    """
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        noise = rng.standard_normal(variable.shape)
        leaf = variable.path.split("/")[-1]
        if leaf == "moving_variance":
            noise = 1 + 0.5 * np.tanh(noise)
        elif leaf == "gamma":
            noise = 1 + 0.25 * np.tanh(noise)
        elif leaf in ("beta", "bias", "moving_mean"):
            noise = 0.3 * noise
        elif leaf.startswith("transform"):
            noise = np.eye(len(noise)) + 0.1 * noise
        elif leaf == "kernel":
            fan_in = np.prod(variable.shape[:-1] if variable.shape[-1] > 1 else variable.shape[:2])
            noise = noise * np.sqrt(2 / fan_in)
        else:  # the seed of dropout
            continue
        variable.assign(noise)
    return model


def images(seed: int = 0, num: int = 4, size: int = 24) -> np.ndarray:
    """Normalised images, float32, `(num, size, size, 3)`."""
    return np.random.default_rng(seed).standard_normal((num, size, size, 3), dtype=np.float32)


def assert_close(actual: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Check that arrays differ by at most `tolerance` times the largest expected value."""
    expected = np.asarray(expected, np.float64)
    np.testing.assert_allclose(
        np.asarray(actual, np.float64), expected, rtol=0, atol=tolerance * np.abs(expected).max()
    )


def check_subnet(supernet: Supernet, arch: Arch) -> None:
    """Check that a subnet computes what the supernet computes, and costs what the formulas say of its space."""
    batch = images(num=2, size=arch.image_size)
    subnet = extract_subnet(supernet, arch)
    assert_close(subnet(batch), supernet(batch, arch))

    trainable = sum(int(np.prod(weight.shape)) for weight in subnet.trainable_weights)
    macs = sum(_num_macs(layer) for layer in subnet.layers)
    assert num_params(supernet.space, arch, supernet.num_classes) == trainable
    assert num_macs(supernet.space, arch, supernet.num_classes) == macs


def check_alone(supernet: Supernet, arch: Arch) -> None:
    """Check that a supernet of one subnet is that subnet: its outputs, its weights, and no others."""
    space, num_classes = supernet.space, supernet.num_classes
    alone = build_supernet(space.of_one(arch), num_classes, dropout_rate=0.5, seed=1)
    copy_subnet(supernet, arch, alone)

    batch = images(num=2, size=arch.image_size)
    assert_close(alone(batch, arch), supernet(batch, arch))
    trainable = sum(int(np.prod(weight.shape)) for weight in alone.trainable_weights)
    assert trainable == num_params(space, arch, num_classes)
    weights = extract_subnet(alone, arch).get_weights()
    for actual, expected in zip(weights, extract_subnet(supernet, arch).get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def _num_macs(layer: keras.layers.Layer) -> int:
    """MACs of a convolution or dense layer: each entry of its kernel is used once at each position."""
    if not hasattr(layer, "kernel"):
        return 0
    num_positions = int(np.prod(layer.output.shape[1:-1]))
    return num_positions * int(np.prod(layer.kernel.shape))
