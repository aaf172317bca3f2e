import json
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import estimate_peak_ram_bytes, estimate_size_bytes, num_macs, num_params
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import two_stage_space
from tests.support.repository import FIXTURES

REFERENCE = json.loads((FIXTURES / "reference_costs.json").read_text())
SPACE = two_stage_space()
TINY = get_search_space("mobilenet_v3_tiny")


def random_archs(space: SearchSpace, num: int) -> list[Arch]:
    return space.decode(space.sample_genes(np.random.default_rng(0), num))


@pytest.mark.parametrize("name", ["mobilenet_v3_w1.0", "mobilenet_v3_w1.2"])
def test_macs_and_params_equal_the_published_networks(name: str) -> None:
    space, num_classes = get_search_space(name), REFERENCE[name]["num_classes"]

    assert len(REFERENCE[name]["networks"]) == 5
    for network in REFERENCE[name]["networks"]:
        arch = Arch.from_dict(network["arch"])
        assert num_macs(space, arch, num_classes) == network["num_macs"]
        assert num_params(space, arch, num_classes) == network["num_params"]


def count_macs(model: keras.Model) -> int:
    """Multiply-accumulates of one image, layer by layer."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            _, height, width, channels = layer.output.shape
            taps = layer.kernel.shape[0] * layer.kernel.shape[1]
            inputs = 1 if isinstance(layer, keras.layers.DepthwiseConv2D) else layer.input.shape[-1]
            total += height * width * channels * taps * inputs
        elif isinstance(layer, keras.layers.Dense):
            total += layer.input.shape[-1] * layer.units
        else:
            assert not [weight for weight in layer.weights if "moving" not in weight.path and weight.ndim > 1]
    return total


@pytest.mark.parametrize(
    ("space", "arch"),
    [
        *((SPACE, arch) for arch in [SPACE.smallest(17), SPACE.largest(28), *random_archs(SPACE, 3)]),
        (TINY, random_archs(TINY, 1)[0]),
    ],
    ids=lambda value: value.name if isinstance(value, SearchSpace) else "",
)
def test_macs_and_params_equal_those_of_the_built_subnet(space: SearchSpace, arch: Arch) -> None:
    subnet = build_subnet(space, arch, num_classes=10)

    assert num_macs(space, arch, 10) == count_macs(subnet)
    assert num_params(space, arch, 10) == sum(int(np.prod(weight.shape)) for weight in subnet.trainable_weights)


@pytest.mark.parametrize(
    "count",
    [
        lambda archs: num_macs(TINY, archs, 10),
        lambda archs: num_params(TINY, archs, 10),
        lambda archs: estimate_size_bytes(TINY, archs, 10, bytes_per_weight=1.5),
        lambda archs: estimate_peak_ram_bytes(TINY, archs),
    ],
    ids=["macs", "params", "size", "ram"],
)
def test_many_archs_at_once_equal_one_by_one(count) -> None:
    archs = random_archs(TINY, 50)
    genes = TINY.encode(archs)

    one_by_one = [count(arch) for arch in archs]

    assert all(type(value) is int for value in [*one_by_one, count(genes[0])])
    np.testing.assert_array_equal(count(archs), one_by_one)
    np.testing.assert_array_equal(count(genes), one_by_one)
    np.testing.assert_array_equal(count(TINY.canonical_genes(genes)), one_by_one)
    assert count(genes).dtype == np.int64
    assert count(archs[:0]).shape == (0,)
    assert len(set(one_by_one)) > 5


@pytest.mark.parametrize("wrong", [-1, 9])
def test_genes_that_stand_for_nothing_have_no_costs(wrong: int) -> None:
    genes = TINY.encode([TINY.smallest(), TINY.largest()])
    genes[1, 7] = wrong
    for count in (num_macs, num_params, estimate_size_bytes):
        with pytest.raises(InputError, match=rf"Expected gene 7 to be from 0 to 2\. Received: {wrong}\."):
            count(TINY, genes, 10)
    with pytest.raises(InputError, match=r"Expected genes of shape .*Received: shape \(3,\)"):
        estimate_peak_ram_bytes(TINY, genes[0, :3])


def test_size_is_that_of_the_weights() -> None:
    arch = TINY.largest()
    parameters = num_params(TINY, arch, 10)

    assert estimate_size_bytes(TINY, arch, 10) == 4 * parameters
    assert estimate_size_bytes(TINY, arch, 10, bytes_per_weight=1) == parameters
    assert estimate_size_bytes(TINY, [arch], 10, bytes_per_weight=0.5).tolist() == [parameters // 2]
    assert json.loads(json.dumps(estimate_size_bytes(TINY, arch, 10))) == 4 * parameters


def live_values(space: SearchSpace, arch: Arch) -> Iterator[int]:
    """Values held while each operator of a subnet runs: its input, its output, a waiting residual."""

    def volume(size: int, channels: int) -> int:
        return size * size * channels

    def halve(size: int, stride: int) -> int:
        return -(-size // stride)

    size = halve(arch.image_size, space.stem_stride)
    yield volume(arch.image_size, 3) + volume(size, space.stem_width)
    for block in list(space.plain_parts(arch).values())[1:-1]:
        before, after = size, halve(size, block.stride)
        block_input = volume(before, block.in_channels)
        waiting = block_input if block.has_residual else 0
        if block.has_expand:
            yield block_input + volume(before, block.middle_channels)
        yield waiting + volume(before, block.middle_channels) + volume(after, block.middle_channels)
        if block.squeeze_channels:
            yield waiting + volume(after, block.middle_channels) * 2  # scaling
        yield waiting + volume(after, block.middle_channels) + volume(after, block.out_channels)
        if block.has_residual:
            yield 2 * volume(after, block.out_channels)
        size = after
    yield volume(size, space.stages[-1].width) + volume(size, space.feature_width)
    yield volume(size, space.feature_width) + space.feature_width


@pytest.mark.parametrize("name", ["mobilenet_v3_tiny", "mobilenet_v3_w1.0"])
def test_peak_ram_is_the_largest_sum_of_live_values(name: str) -> None:
    space = get_search_space(name)
    for arch in [space.largest(), space.smallest(), *random_archs(space, 20)]:
        peak = max(live_values(space, arch))
        assert estimate_peak_ram_bytes(space, arch) == 4 * peak
        assert estimate_peak_ram_bytes(space, arch, bytes_per_value=1) == peak


def test_every_cost_rises_with_every_choice() -> None:
    smallest = TINY.smallest_indices()
    rows = [smallest]
    for gene in (
        TINY.image_size_gene,
        TINY.depth_genes,
        TINY.layout.of_field("kernel_sizes"),
        TINY.layout.of_field("expand_ratios"),
    ):
        rows.append(rows[-1].copy())
        rows[-1][gene] += 1
    population = np.stack(rows)

    assert np.all(np.diff(num_macs(TINY, population, 10)) > 0)
    assert num_params(TINY, population, 10)[0] == num_params(TINY, population, 10)[1]  # of the image size
    assert np.all(np.diff(num_params(TINY, population, 10)[1:]) > 0)
    assert np.all(np.diff(estimate_peak_ram_bytes(TINY, population)) >= 0)
