import dataclasses
from typing import Any

import numpy as np
import pytest

from ofa_tf.pretrained.part_matching import DescribedNetwork, find_arch
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace

_SPACES = ["mobilenet_v3_w1.0", "proxyless_w1.3", "resnet50d"]


def _describe(space: SearchSpace, arch: Arch) -> DescribedNetwork:
    """All that is known of the parts of an arch."""
    stem, *blocks, head = (vars(part) for part in space.plain_parts(arch).values())
    return DescribedNetwork(stem, blocks, head)


def _change(network: DescribedNetwork, number: int, **values: Any) -> DescribedNetwork:
    """A description in which a block is another one."""
    blocks = list(network.blocks)
    blocks[number] = {**blocks[number], **values}
    return dataclasses.replace(network, blocks=blocks)


@pytest.mark.parametrize("name", _SPACES)
def test_an_arch_is_found_from_the_description_of_its_parts(name: str) -> None:
    space = get_search_space(name)
    rng = np.random.default_rng(0)
    for arch in (space.smallest(), space.largest(), *(space.sample(rng) for _ in range(20))):
        found = find_arch(space, _describe(space, arch))
        assert found is not None
        # Not the same arch: several width multipliers may round to the same channels, and the image size is not said.
        assert space.plain_parts(found) == space.plain_parts(arch)
        assert found.depths == arch.depths
        assert found.image_size == space.image_sizes[-1]


@pytest.mark.parametrize("name", _SPACES)
def test_a_network_with_one_other_part_is_not_of_the_space(name: str) -> None:
    space = get_search_space(name)
    network = _describe(space, space.largest())
    middle_channels = network.blocks[3]["middle_channels"]
    assert find_arch(space, network) is not None
    assert find_arch(space, _change(network, 3, middle_channels=middle_channels + 1)) is None
    assert find_arch(space, _change(network, 3, something_else=1)) is None
    assert find_arch(space, dataclasses.replace(network, stem={**network.stem, "out_channels": 7})) is None
    assert find_arch(space, dataclasses.replace(network, head={**network.head, "feature_width": 7})) is None


@pytest.mark.parametrize(
    ("name", "said", "other"),
    [
        ("mobilenet_v3_w1.0", {"has_depthwise": True, "has_squeeze": False}, {"has_depthwise": False}),
        ("mobilenet_v3_w1.0", {"has_expand": True}, {"has_squeeze": True}),
        ("mobilenet_v3_w1.0", {"has_residual": True}, {"groups": 1}),  # of bottlenecks only
        ("resnet50d", {"kernel_size": 3, "groups": 1}, {"groups": 32}),
        ("resnet50d", {"activation": "relu", "downsample": "avgpool_conv"}, {"activation": "hard_swish"}),
        ("resnet50d", {"stride": 1}, {"has_depthwise": True}),  # of inverted bottlenecks only
    ],
)
def test_what_all_blocks_of_a_type_have_in_common_may_be_said(
    name: str, said: dict[str, Any], other: dict[str, Any]
) -> None:
    space = get_search_space(name)
    network = _describe(space, space.largest())
    assert find_arch(space, _change(network, 2, **said)) is not None
    assert find_arch(space, _change(network, 2, **other)) is None


@pytest.mark.parametrize("name", _SPACES)
def test_a_network_with_too_many_or_too_few_blocks_is_not_of_the_space(name: str) -> None:
    space = get_search_space(name)
    network = _describe(space, space.smallest())
    blocks = list(network.blocks)
    assert find_arch(space, dataclasses.replace(network, blocks=[])) is None
    assert find_arch(space, dataclasses.replace(network, blocks=blocks[:-3])) is None
    assert find_arch(space, dataclasses.replace(network, blocks=[*blocks, *[blocks[-1]] * 9])) is None


def test_widths_that_neighbouring_parts_contradict_are_not_of_the_space() -> None:
    space = get_search_space("resnet50d")
    network = _describe(space, space.largest())
    narrow = _describe(space, dataclasses.replace(space.largest(), width_multipliers=(0.65,) * 6))
    stem_of_the_other = dataclasses.replace(network, stem=narrow.stem)
    assert find_arch(space, stem_of_the_other) is None
