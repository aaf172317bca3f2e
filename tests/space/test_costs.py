import json

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
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
    ],
    ids=["macs", "params"],
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
    for count in (num_macs, num_params):
        with pytest.raises(InputError, match=rf"Expected gene 7 to be from 0 to 2\. Received: {wrong}\."):
            count(TINY, genes, 10)
    with pytest.raises(InputError, match=r"Expected genes of shape .*Received: shape \(3,\)"):
        num_macs(TINY, genes[0, :3], 10)


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
