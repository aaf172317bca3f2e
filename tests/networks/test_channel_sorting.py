import dataclasses
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import assert_close, images

# With stage, the ends of the groups that are sorted: middle channels are (16, 32), (32, 64),
# (32, 48, 64) and (48, 72, 96).
GROUPS = [
    (0, [(32,), (64,), (64,), (96,)]),
    (1, [(16, 32), (32, 64), (48, 64), (72, 96)]),
]


def weights_of(supernet: Supernet, index: int) -> dict[str, np.ndarray]:
    """Copies of a block's weights: path within the block -> value."""
    block = supernet.blocks[index]
    return {weight.path.split(f"{block.name}/")[-1]: weight.numpy().copy() for weight in block.weights}


def sorted_slowly(weights: dict[str, np.ndarray], ends: tuple[int, ...]) -> dict[str, np.ndarray]:
    """One block's weights after sorting, channel by channel."""
    project = weights["project_conv/kernel"][0, 0]

    def importance(channel: int) -> float:
        return float(np.abs(project[channel]).sum())

    order: list[int] = []
    for start, end in zip((0, *ends), ends, strict=False):
        order += sorted(range(start, end), key=importance, reverse=True)
    result = {name: value.copy() for name, value in weights.items()}
    for new, old in enumerate(order):
        for name, value in weights.items():
            if name.startswith(("expand_bn", "depthwise_bn")):
                result[name][new] = value[old]
        result["expand_conv/kernel"][..., new] = weights["expand_conv/kernel"][..., old]
        result["depthwise_conv/kernel"][:, :, new] = weights["depthwise_conv/kernel"][:, :, old]
        result["project_conv/kernel"][:, :, new] = weights["project_conv/kernel"][:, :, old]
        if "se/reduce/kernel" in weights:
            result["se/reduce/kernel"][:, :, new] = weights["se/reduce/kernel"][:, :, old]
            result["se/expand/kernel"][..., new] = weights["se/expand/kernel"][..., old]
            result["se/expand/bias"][new] = weights["se/expand/bias"][old]
    if "se/reduce/kernel" in weights:
        outwards = np.abs(weights["se/expand/kernel"][0, 0]).sum(axis=1)
        halfway = {name: value.copy() for name, value in result.items()}
        for new, old in enumerate(sorted(range(len(outwards)), key=lambda channel: -outwards[channel])):
            result["se/expand/kernel"][:, :, new] = halfway["se/expand/kernel"][:, :, old]
            result["se/reduce/kernel"][..., new] = halfway["se/reduce/kernel"][..., old]
            result["se/reduce/bias"][new] = halfway["se/reduce/bias"][old]
    return result


@pytest.mark.parametrize(("stage", "groups"), GROUPS)
def test_weights_are_reordered_as_a_slow_reference_does(supernet: Supernet, stage: int, groups: list) -> None:
    before = [weights_of(supernet, index) for index in range(len(supernet.blocks))]

    sort_channels(supernet, stage)

    assert "se/reduce/kernel" in before[0]
    assert "se/reduce/kernel" not in before[2]
    for index, (weights, ends) in enumerate(zip(before, groups, strict=True)):
        expected, actual = sorted_slowly(weights, ends), weights_of(supernet, index)
        assert set(actual) == set(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(actual[name], value, err_msg=name)
        assert not np.array_equal(actual["project_conv/kernel"], weights["project_conv/kernel"])


@pytest.mark.parametrize(("stage", "groups"), GROUPS)
def test_importance_falls_within_each_group(supernet: Supernet, stage: int, groups: list) -> None:
    sort_channels(supernet, stage)

    for layer, ends in zip(supernet.blocks, groups, strict=True):
        importance = np.abs(layer.project_conv.kernel.numpy()).sum(axis=(0, 1, 3))
        rises = np.flatnonzero(np.diff(importance) > 0) + 1
        assert list(rises) == list(ends[:-1])  # only where a new group begins
        if layer.squeeze_channels:
            squeezed = np.abs(layer.squeeze_excite.expand_conv.kernel.numpy()).sum(axis=(0, 1, 3))
            assert np.all(np.diff(squeezed) <= 0)


def outputs(supernet: Supernet, **choices: Any) -> np.ndarray:
    space = supernet.space
    return supernet(images(), space.decode_one(space.encode(space.largest(24)) - choices.get("less", 0))).numpy()


@pytest.mark.parametrize("stage", [0, 1])
def test_largest_network_computes_the_same(supernet: Supernet, stage: int) -> None:
    before = outputs(supernet)
    sort_channels(supernet, stage)
    assert_close(outputs(supernet), before)


def test_stage_1_leaves_the_next_narrower_network_its_channels_and_stage_0_does_not(supernet: Supernet) -> None:
    narrower = np.zeros(supernet.space.num_genes, np.int32)
    narrower[supernet.space.layout.of_field("expand_ratios")] = (
        1,
        0,
        1,
        1,
    )  # the second block would get other squeezed channels, too
    before = outputs(supernet, less=narrower)

    sort_channels(supernet, stage=1)
    assert_close(outputs(supernet, less=narrower), before)

    sort_channels(supernet, stage=0)
    assert np.abs(outputs(supernet, less=narrower) - before).max() > 1e-3


def test_depth_and_kernel_size_stay_independent_of_the_order(supernet: Supernet) -> None:
    smaller = np.zeros(supernet.space.num_genes, np.int32)
    smaller[supernet.space.depth_genes] = (1, 0)
    smaller[supernet.space.layout.of_field("kernel_sizes")] = (2, 1, 0, 1)
    before = outputs(supernet, less=smaller)

    sort_channels(supernet)

    assert_close(outputs(supernet, less=smaller), before)


def test_sorting_twice_is_sorting_once(supernet: Supernet) -> None:
    sort_channels(supernet)
    once = supernet.get_weights()
    sort_channels(supernet)
    for actual, expected in zip(supernet.get_weights(), once, strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("stage", [-1, 2, 3])
@pytest.mark.parametrize("reverse", [False, True])
def test_stage_that_a_block_lacks_is_refused_before_anything_changes(
    space: SearchSpace, stage: int, reverse: bool
) -> None:
    stages = space.stages[::-1] if reverse else space.stages  # the block with the fewest choices first, or last
    supernet = build_supernet(dataclasses.replace(space, stages=stages), 7)
    before = supernet.get_weights()

    with pytest.raises(InputError, match=rf"Expected `stage` to be from 0 to 1\. Received: stage={stage}\."):
        sort_channels(supernet, stage)

    for actual, expected in zip(supernet.get_weights(), before, strict=True):
        np.testing.assert_array_equal(actual, expected)
