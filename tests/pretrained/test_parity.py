"""All four published spaces against the outputs of the reference implementation."""

import dataclasses

import numpy as np
import pytest

from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.supernet import Supernet
from ofa_tf.pretrained.importers import import_subnet, import_supernet
from ofa_tf.pretrained.net_config import arch_from_net_config
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from tests.support import parity

pytestmark = pytest.mark.slow

NUM_CLASSES = 1000
# The other spaces take minutes: `make test-long` and CI run them, `make test` does not.
SPACES = [
    "mobilenet_v3_w1.0",
    *(pytest.param(name, marks=[pytest.mark.long, pytest.mark.xdist_group(name)]) for name in parity.SPACES[1:]),
]


class Case:
    """A supernet with the fixture's weights, and what the reference says of it."""

    def __init__(self, name: str) -> None:
        self.space = get_search_space(name)
        self.description, self.arrays = parity.load(name)
        self.supernet = import_supernet(self.space, parity.state_dict(self.description))
        self.weights = self.supernet.get_weights()
        self.archs = [parity.to_arch(self.space, values) for values in self.description["archs"]]

    def names(self, prefix: str) -> list[tuple[int, np.ndarray]]:
        """Index of the arch and expected logits of each array of a kind; there are some."""
        found = [
            (int(name.rpartition("_")[2]), array) for name, array in self.arrays.items() if name.startswith(prefix)
        ]
        assert found, f"no array is called {prefix}..."
        return found

    def fresh(self) -> Supernet:
        """The supernet with the imported weights, whatever was done to it before."""
        self.supernet.set_weights(self.weights)
        return self.supernet

    def inputs(self, index: int) -> np.ndarray:
        return parity.images(1000 + index, 2, self.archs[index].image_size)

    def calibrate(self, index: int) -> None:
        """What `calibrate_batch_norm` does (tested elsewhere), without tracing a graph for all archs."""
        arch = self.archs[index]
        for batch in (0, 1):
            images = parity.images(3000 + 10 * index + batch, 8, arch.image_size)
            self.supernet(images, arch, training=True, momentum=batch / (batch + 1))


@pytest.fixture(scope="module", params=SPACES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_macs_and_parameters_are_the_reference_s(case: Case) -> None:
    assert num_macs(case.space, case.archs, NUM_CLASSES).tolist() == case.description["num_macs"]
    assert num_params(case.space, case.archs, NUM_CLASSES).tolist() == case.description["num_params"]
    trainable = sum(np.prod(variable.shape) for variable in case.supernet.trainable_variables)
    assert trainable == case.description["supernet_num_params"]
    assert case.archs[:2] == [case.space.largest(224), case.space.smallest(128)]


def test_stored_statistics_give_the_reference_s_logits_also_after_extraction(case: Case) -> None:
    supernet = case.fresh()
    for index, expected in case.names("running_"):
        parity.assert_equal_outputs(supernet(case.inputs(index), case.archs[index]), expected)
        subnet = extract_subnet(supernet, case.archs[index])
        parity.assert_equal_outputs(subnet(case.inputs(index)), expected)


def test_batch_statistics_give_the_reference_s_logits(case: Case) -> None:
    supernet = case.fresh()
    for index, expected in case.names("batchstat_"):
        arch = case.archs[index]
        images = parity.images(2000 + index, 8, arch.image_size)
        parity.assert_equal_outputs(supernet(images, arch, training=True, momentum=1.0), expected)


def test_calibrated_statistics_give_the_reference_s_logits_also_as_tflite(case: Case) -> None:
    supernet = case.fresh()
    for index, expected in case.names("calibrated_"):
        case.calibrate(index)
        parity.assert_equal_outputs(supernet(case.inputs(index), case.archs[index]), expected)
    model = TFLiteModel(to_tflite(extract_subnet(supernet, case.archs[index])))  # the last one, a random arch
    parity.assert_equal_outputs(model.predict(case.inputs(index)), expected, tolerance=1e-3)


@pytest.mark.long
def test_sorted_channels_give_the_reference_s_logits(case: Case) -> None:
    stages = {name.partition("_")[0] for name in case.arrays if name.startswith("sorted")}
    assert (not stages) == case.space.has_deep_stem
    for name in sorted(stages):
        supernet = case.fresh()
        sort_channels(supernet, int(name.removeprefix("sorted")))
        for index, expected in case.names(f"{name}_"):
            case.calibrate(index)
            parity.assert_equal_outputs(supernet(case.inputs(index), case.archs[index]), expected)


@pytest.mark.parametrize("name", SPACES)
def test_specialized_networks_give_the_reference_s_logits(name: str) -> None:
    description, arrays = parity.load(f"specialized_{name}_1")
    space = get_search_space(name)
    arch = arch_from_net_config(description["net_config"])
    values = {**description["arch"], "image_size": description["image_size"]}
    assert space.canonical(dataclasses.replace(arch, image_size=values["image_size"])) == space.canonical(
        parity.to_arch(space, values)
    )
    subnet = import_subnet(space, arch, values["image_size"], parity.state_dict(description))
    images = parity.images(5001, 8, values["image_size"])
    parity.assert_equal_outputs(subnet(images, training=True), arrays["batchstat"])
