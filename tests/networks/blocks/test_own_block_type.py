"""A block type of one's own, two classes and their registration, goes the whole way without a change to the package."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import ClassVar

import hypothesis
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import distinct_pieces
from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.saving import load_supernet, save_supernet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks import registry
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.quantization.modes import INT8
from tests.support.fused_mbconv import ElasticFusedMBConv, FusedMBConv
from tests.support.networks import archs, assert_close, check_alone, check_subnet, images, randomize

SPACE = SearchSpace(
    name="fused",
    image_sizes=(16, 20),
    stem_width=8,
    stages=(
        Stage(8, 1, "relu", depths=(1, 2), expand_ratios=(2, 4), block_type="test_fused_mbconv"),
        Stage(16, 2, "hard_swish", depths=(1, 2), expand_ratios=(2, 4), block_type="test_fused_mbconv"),
    ),
    feature_width=32,
    head_width=24,
)


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    return randomize(build_supernet(SPACE, 5, seed=0))


def test_its_choices_are_genes_and_survive_json() -> None:
    arch = SPACE.sample(np.random.default_rng(0))
    assert arch.kernel_sizes == ()  # it has no elastic kernel
    assert len(arch.expand_ratios) == 4
    assert SPACE.decode_one(SPACE.encode(arch)) == arch
    assert Arch.from_dict(json.loads(arch.to_json())) == arch
    assert SearchSpace.from_dict(json.loads(json.dumps(SPACE.to_dict()))) == SPACE
    assert SPACE.count() == (2 + 2**2) ** 2


def test_a_subnet_of_it_stands_alone(supernet: Supernet) -> None:
    check_alone(supernet, SPACE.sample(np.random.default_rng(1)))


@hypothesis.settings(max_examples=8)
@hypothesis.given(archs(SPACE))
def test_subnets_compute_what_the_supernet_computes_and_cost_what_the_formulas_say(
    supernet: Supernet, arch: Arch
) -> None:
    check_subnet(supernet, arch)
    assert Footprint(SPACE, 10, INT8).peak_ram_bytes(arch) > 0


def test_one_traced_graph_serves_all_its_subnets(supernet: Supernet) -> None:
    signature = [tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((SPACE.num_genes,), tf.int32)]
    graph = tf.function(lambda batch, genes: supernet(batch, genes), input_signature=signature, autograph=False)
    for arch in (SPACE.largest(), SPACE.smallest(), SPACE.sample(np.random.default_rng(3))):
        batch = images(num=2, size=arch.image_size)
        assert_close(graph(batch, SPACE.encode(arch)), supernet(batch, arch))
    assert graph.experimental_get_tracing_count() == 1


def test_its_channels_are_sorted_and_the_largest_network_computes_the_same() -> None:
    supernet = randomize(build_supernet(SPACE, 5, seed=0))
    batch, largest = images(num=2, size=16), SPACE.largest(16)
    before = supernet(batch, largest)
    sort_channels(supernet, 0)
    assert_close(supernet(batch, largest), before)
    for layer in supernet.blocks:
        importance = np.abs(layer.project_conv.kernel.numpy()).sum(axis=(0, 1, 3))
        assert (np.diff(importance) <= 1e-6).all()


def test_its_statistics_are_calibrated_and_it_is_saved(supernet: Supernet, tmp_path: Path) -> None:
    arch, batch = SPACE.smallest(16), images(num=32, size=16)
    calibrate_batch_norm(supernet, [batch], arch)
    # With statistics of the very batch, inference computes what training does.
    assert_close(supernet(batch, arch, training=False), supernet(batch, arch, training=True), 1e-2)
    save_supernet(supernet, tmp_path)
    np.testing.assert_array_equal(load_supernet(tmp_path)(batch, arch), supernet(batch, arch))


def test_each_of_its_networks_has_pieces_of_its_own() -> None:
    pieces = {piece.key: (piece, sizes) for piece, sizes in distinct_pieces(SPACE, SPACE.image_sizes)}
    keys = {option.latency_key for block in SPACE.blocks for option in block.options.flat}
    assert len(keys) == 6  # both blocks of the first stage are alike
    assert keys <= set(pieces)
    piece, sizes = pieces["fused_s2_in8_mid32_out16_hard_swish"]
    model = make_piece_models(SPACE, 5).convert(piece, sizes[0])
    assert model[4:8] == b"TFL3"


def test_blocks_that_differ_in_their_activation_have_pieces_of_their_own() -> None:
    first = SPACE.stages[0]
    space = dataclasses.replace(SPACE, stages=(first, dataclasses.replace(first, activation="hard_swish")))
    keys = {piece.key for piece, _ in distinct_pieces(space, space.image_sizes)}
    assert {"fused_s1_in8_mid32_out8_relu", "fused_s1_in8_mid32_out8_hard_swish"} <= keys


def test_its_layer_is_made_again_from_its_config(supernet: Supernet) -> None:
    for layer in supernet.blocks:
        again = ElasticFusedMBConv.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        batch = np.random.default_rng(0).standard_normal((2, 9, 9, layer.expand_conv.kernel.shape[-2]), np.float32)
        again.build(batch.shape)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(batch), layer(batch))


def test_each_block_draws_initial_weights_of_its_own() -> None:
    first, second = build_supernet(SPACE, 5, seed=0).blocks[:2]  # of equal shapes
    assert first.expand_conv.kernel.shape == second.expand_conv.kernel.shape
    assert not np.array_equal(first.expand_conv.kernel, second.expand_conv.kernel)


def test_a_subnet_of_it_becomes_a_tflite_model(supernet: Supernet) -> None:
    arch, batch = SPACE.largest(16), images(num=8, size=16)
    subnet = extract_subnet(supernet, arch)
    expected = np.asarray(subnet(batch))
    assert_close(TFLiteModel(to_tflite(subnet)).predict(batch), expected, 1e-4)
    int8 = to_tflite(subnet, quantization="int8", representative_images=[batch])
    assert np.abs(TFLiteModel(int8).predict(batch) - expected).max() < 0.2 * np.abs(expected).max()


@dataclasses.dataclass(frozen=True)
class CarelessBlock(FusedMBConv):
    """Its key leaves out what differs."""

    type_name: ClassVar[str] = "test_careless"

    @property
    def latency_key(self) -> str:
        return "careless"


@pytest.fixture
def careless_space(monkeypatch: pytest.MonkeyPatch) -> SearchSpace:
    monkeypatch.setattr(registry, "PART_TYPES", copy.deepcopy(registry.PART_TYPES))
    registry.register_part_type(CarelessBlock)
    stages = tuple(dataclasses.replace(stage, block_type="test_careless") for stage in SPACE.stages)
    return dataclasses.replace(SPACE, stages=stages)


def test_different_parts_do_not_share_a_latency_piece(careless_space: SearchSpace) -> None:
    with pytest.raises(InputError, match=r"Expected different parts to have different keys\. Received: 'careless'"):
        distinct_pieces(careless_space, careless_space.image_sizes)


def test_a_type_without_layers_and_an_unknown_type_are_refused(careless_space: SearchSpace) -> None:
    with pytest.raises(InputError, match=r"Expected a part type with layers, one of \[.*\]. Received: 'test_careless'"):
        build_supernet(careless_space, 5)
    unknown = dataclasses.replace(SPACE.stages[0], block_type="unheard_of")
    with pytest.raises(InputError, match=r"`block_type` to be one of \[.*'mbconv'.*\]. Received: .*unheard_of"):
        dataclasses.replace(SPACE, stages=(unknown,))
    with pytest.raises(InputError, match=r"Received: block_type='head'"):
        dataclasses.replace(SPACE, stages=(dataclasses.replace(SPACE.stages[0], block_type="head"),))
