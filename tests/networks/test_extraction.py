import json

import hypothesis
import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.extraction import copy_subnet, extract_subnet
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_params
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support.networks import archs, assert_close, check_alone, images, randomize, two_stage_space
from tests.support.spaces import BOTTLENECKS

SPACE = two_stage_space()


@hypothesis.settings(max_examples=10)
@hypothesis.given(archs(SPACE))
@hypothesis.example(SPACE.smallest(17))
@hypothesis.example(SPACE.largest(28))
@hypothesis.example(Arch("two_stages", 24, (2, 2), (5, 5, 5, 5), (4, 2, 3, 2)))
@hypothesis.example(Arch("two_stages", 24, (2, 2), (3, 3, 3, 3), (2, 4, 4, 3)))
def test_subnet_computes_what_the_supernet_computes(shared_supernet: Supernet, arch: Arch) -> None:
    batch = images(num=2, size=arch.image_size)

    subnet = extract_subnet(shared_supernet, arch)

    assert_close(subnet(batch), shared_supernet(batch, arch))
    assert subnet.input_shape == (None, arch.image_size, arch.image_size, 3)
    assert subnet.output_shape == (None, shared_supernet.num_classes)
    parameters = sum(int(np.prod(weight.shape)) for weight in subnet.trainable_weights)
    assert parameters == num_params(SPACE, arch, shared_supernet.num_classes)


def test_subnets_of_a_published_kind_of_network_compute_what_the_supernet_computes() -> None:
    space = get_search_space("mobilenet_v3_tiny")
    supernet = randomize(build_supernet(space, 10, seed=0))

    for arch in (space.largest(24), space.sample(np.random.default_rng(1))):
        batch = images(num=2, size=arch.image_size)
        assert_close(extract_subnet(supernet, arch)(batch), supernet(batch, arch))


def test_subnet_trains_as_the_supernet_does(supernet: Supernet) -> None:
    arch, batch = SPACE.largest(24), images()
    subnet = extract_subnet(supernet, arch)

    assert_close(subnet(batch, training=True), supernet(batch, arch, training=True), 1e-4)
    for name, weights in supernet.static_weights(arch).items():
        for actual, expected in zip(subnet.get_layer(name).get_weights(), weights, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


def test_subnet_is_made_of_keras_layers_only(shared_supernet: Supernet) -> None:
    subnet = extract_subnet(shared_supernet, SPACE.largest(24))

    layers = list(subnet._flatten_layers())
    assert len(layers) > 40
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    assert "ofa_tf" not in json.dumps(subnet.get_config())


def test_subnet_shares_no_weights_with_the_supernet(shared_supernet: Supernet) -> None:
    arch, batch = SPACE.smallest(24), images()
    expected = shared_supernet(batch, arch).numpy()

    randomize(extract_subnet(shared_supernet, arch), seed=9)

    np.testing.assert_array_equal(shared_supernet(batch, arch), expected)


def test_subnet_keeps_the_dropout_of_the_supernet() -> None:
    supernet = build_supernet(SPACE, 7, dropout_rate=0.25)

    subnet = extract_subnet(supernet, SPACE.smallest(24))

    rates = [layer.rate for layer in subnet.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.25]


def test_impossible_subnets_are_refused(shared_supernet: Supernet) -> None:
    with pytest.raises(InputError, match=r"search space 'two_stages'\. Received: one of 'mobilenet_v3_tiny'"):
        extract_subnet(shared_supernet, get_search_space("mobilenet_v3_tiny").smallest())
    with pytest.raises(InputError, match=r"`num_classes` to be at least 1\. Received: num_classes=0\."):
        build_subnet(SPACE, SPACE.smallest(), 0)


@pytest.mark.parametrize("space", [SPACE, BOTTLENECKS], ids=lambda space: space.name)
def test_a_supernet_of_one_subnet_is_that_subnet(space: SearchSpace) -> None:
    supernet = randomize(build_supernet(space, 5, seed=0))
    for arch in (space.smallest(), space.largest(), space.sample(np.random.default_rng(3))):
        check_alone(supernet, arch)


def test_a_supernet_of_another_subnet_takes_no_weights(shared_supernet: Supernet) -> None:
    alone = build_supernet(SPACE.of_one(SPACE.largest()), shared_supernet.num_classes)
    with pytest.raises(InputError, match=r"of the one subnet Arch.*Received: a supernet of 'two_stages'"):
        copy_subnet(shared_supernet, SPACE.smallest(), alone)
