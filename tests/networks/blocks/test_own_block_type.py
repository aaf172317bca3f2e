"""A block type of one's own, two classes and their registration, goes the whole way without a change to the package."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import distinct_pieces
from ofa_tf.networks.blocks.part_layer import (
    NetworkSettings,
    PartLayer,
    add_plain_pair,
    block_arguments,
    kept_middle_channels,
    register_part_layer,
)
from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.channel_sorting import sort_channels
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.layers.channel_order import order_by_importance, permute_channels, permute_normalization
from ofa_tf.networks.saving import load_supernet, save_supernet
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import Block, LinearOperator
from ofa_tf.space.blocks.registry import register_part_type
from ofa_tf.space.blocks.rounding import make_divisible, out_size
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.costs import estimate_peak_ram_bytes, num_macs, num_params
from ofa_tf.space.parts import Part
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from tests.support.networks import archs, assert_close, images, randomize


@register_part_type
@dataclasses.dataclass(frozen=True)
class FusedMBConv(Block):
    """A 3x3 convolution that expands, and a 1x1 convolution that projects (EfficientNetV2)."""

    type_name: ClassVar[str] = "test_fused_mbconv"
    choice_fields: ClassVar[tuple[str, ...]] = ("expand_ratios",)

    in_channels: int
    middle_channels: int
    out_channels: int
    stride: int
    activation: str

    @classmethod
    def from_choices(
        cls, stage: Stage, position: int, in_channels: int, out_channels: int, choices: Mapping[str, float]
    ) -> "FusedMBConv":
        middle = make_divisible(in_channels * choices["expand_ratios"])
        return cls(in_channels, middle, out_channels, stage.stride_of(position), stage.activation)

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)

    @property
    def has_residual(self) -> bool:
        return self.stride == 1 and self.in_channels == self.out_channels

    def linear_operators(self, input_size: int, num_classes: int) -> list[LinearOperator]:
        pixels = out_size(input_size, self.stride) ** 2
        return [
            LinearOperator(pixels, 9 * self.in_channels * self.middle_channels, 2 * self.middle_channels),
            LinearOperator(pixels, self.middle_channels * self.out_channels, 2 * self.out_channels),
        ]

    def peak_activations(self, input_size: int) -> int:
        pixels = out_size(input_size, self.stride) ** 2
        inputs, middle = input_size**2 * self.in_channels, pixels * self.middle_channels
        kept = inputs if self.has_residual else 0
        return max(inputs + middle, kept + middle + pixels * self.out_channels)

    @property
    def latency_key(self) -> str:
        return f"fused_s{self.stride}_in{self.in_channels}_mid{self.middle_channels}_out{self.out_channels}"


@register_part_layer(FusedMBConv)
@keras.saving.register_keras_serializable(package="tests")
class ElasticFusedMBConv(PartLayer[FusedMBConv]):
    elastic_arguments: ClassVar[tuple[str, ...]] = ("middle_channels",)

    def __init__(self, block: FusedMBConv, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = block

    def build(self, input_shape: tuple) -> None:
        block, inner = self.block, (*input_shape[:-1], self.block.middle_channels)
        self.expand_conv, self.expand_bn = self._convolution_and_norm(
            ("expand_conv", "expand_bn"), input_shape, block.middle_channels, kernel_size=3, strides=block.stride
        )
        self.project_conv, self.project_bn = self._convolution_and_norm(
            ("project_conv", "project_bn"), inner, block.out_channels
        )

    def call(
        self,
        inputs: tf.Tensor,
        middle_channels: Any = None,
        training: bool = False,
        momentum: Any = None,
        update_statistics: bool = True,
    ) -> tf.Tensor:
        statistics = {"training": training, "momentum": momentum, "update_statistics": update_statistics}
        x = self.expand_bn(self.expand_conv(inputs, filters=middle_channels), **statistics)
        x = self.project_bn(self.project_conv(keras.ops.relu(x)), **statistics)
        return inputs + x if self.block.has_residual else x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*self.expand_conv.compute_output_shape(input_shape)[:-1], self.block.out_channels)

    @classmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "ElasticFusedMBConv":
        return cls(part.largest, **block_arguments(part, settings))

    @classmethod
    def add_plain(cls, x: Any, name: str, part: FusedMBConv, settings: NetworkSettings) -> Any:
        inputs = x
        names = (f"{name}_expand_conv", f"{name}_expand_bn")
        x = add_plain_pair(
            x, names, settings, part.middle_channels, kernel_size=3, strides=part.stride, activation=part.activation
        )
        x = add_plain_pair(x, (f"{name}_project_conv", f"{name}_project_bn"), settings, part.out_channels)
        return keras.layers.Add(name=f"{name}_add")([inputs, x]) if part.has_residual else x

    def static_weights(self, part: FusedMBConv) -> dict[str, list[np.ndarray]]:
        return {
            "expand_conv": self.expand_conv.static_weights(part.in_channels, part.middle_channels),
            "expand_bn": self.expand_bn.static_weights(part.middle_channels),
            "project_conv": self.project_conv.static_weights(part.middle_channels),
            "project_bn": self.project_bn.static_weights(part.out_channels),
        }

    def sort_channels(self, part: Part, stage: int) -> None:
        order = order_by_importance(self.project_conv.kernel, kept_middle_channels(part, stage))
        permute_channels(self.expand_conv.kernel, order)
        permute_normalization(self.expand_bn, order)
        permute_channels(self.project_conv.kernel, order, axis=-2)


SPACE = SearchSpace(
    name="fused",
    image_sizes=(16, 20),
    stem_width=8,
    stages=(
        Stage(8, 1, "relu", depths=(1, 2), expand_ratios=(2, 4), block_type="test_fused_mbconv"),
        Stage(16, 2, "relu", depths=(1, 2), expand_ratios=(2, 4), block_type="test_fused_mbconv"),
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


@hypothesis.settings(max_examples=8)
@hypothesis.given(archs(SPACE))
def test_subnets_compute_what_the_supernet_computes_and_cost_what_the_formulas_say(
    supernet: Supernet, arch: Arch
) -> None:
    batch = images(num=2, size=arch.image_size)
    subnet = extract_subnet(supernet, arch)
    assert_close(subnet(batch), supernet(batch, arch))
    assert num_params(SPACE, arch, 5) == sum(int(np.prod(weight.shape)) for weight in subnet.trainable_weights)
    assert num_macs(SPACE, arch, 5) == sum(_macs(layer) for layer in subnet.layers)
    assert estimate_peak_ram_bytes(SPACE, arch) > 0


def _macs(layer: keras.layers.Layer) -> int:
    if not hasattr(layer, "kernel"):
        return 0
    pixels = int(np.prod(layer.output.shape[1:-1]))
    return pixels * int(np.prod(layer.kernel.shape))


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


def test_its_statistics_are_calibrated_and_it_is_saved(supernet: Supernet, tmp_path: Any) -> None:
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
    piece, sizes = pieces["fused_s2_in8_mid32_out16"]
    model = make_piece_models(SPACE, 5).convert(piece, sizes[0])
    assert model[4:8] == b"TFL3"


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
def careless_space(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchSpace]:
    register_part_type(CarelessBlock)
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
