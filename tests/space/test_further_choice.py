"""A further elastic choice of a block type needs a field in `Stage` and one in `Arch`, of the same name; no more."""

import copy
import dataclasses
import json
import re
from typing import Any, ClassVar

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space import search_space
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks import registry
from ofa_tf.space.blocks.layers import Layer, LayerKind
from ofa_tf.space.blocks.mbconv import MBConv
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.costs import num_macs
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.phases import PHASES


@dataclasses.dataclass(frozen=True)
class WiderArch(Arch):
    """An arch with the further choice."""

    second_kernel_sizes: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class WiderStage(Stage):
    """A stage with the further choice."""

    second_kernel_sizes: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class TwoKernels(MBConv):
    """A block with the further choice, which stands behind the others."""

    type_name: ClassVar[str] = "test_two_kernels"
    choice_fields: ClassVar[tuple[str, ...]] = ("kernel_sizes", "expand_ratios", "second_kernel_sizes")

    second_kernel_size: int = 1

    @classmethod
    def from_choices(
        cls, stage: Stage, position: int, in_channels: int, out_channels: int, choices: Any
    ) -> "TwoKernels":
        block = super().from_choices(stage, position, in_channels, out_channels, choices)
        return dataclasses.replace(block, second_kernel_size=choices["second_kernel_sizes"])

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        first = super().layers(num_classes)
        second = Layer(
            name="second",
            kind=LayerKind.DEPTHWISE,
            inputs=(first[-1].name,),
            in_channels=self.out_channels,
            out_channels=self.out_channels,
            kernel_size=self.second_kernel_size,
            has_norm=True,
        )
        return (*first, second)


@pytest.fixture(autouse=True)
def wider_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, as it would be with the fields and the block type."""
    monkeypatch.setattr(search_space, "Arch", WiderArch)
    monkeypatch.setattr(search_space, "Stage", WiderStage)
    monkeypatch.setattr(registry, "PART_TYPES", copy.deepcopy(registry.PART_TYPES))
    registry.register_part_type(TwoKernels)


def make_stage(**changes: Any) -> WiderStage:
    stage = WiderStage(
        width=16,
        stride=1,
        activation="relu",
        depths=[1, 2],
        kernel_sizes=[3, 5],
        expand_ratios=[2, 4],
        block_type="test_two_kernels",
        second_kernel_sizes=[1, 3],
    )
    return dataclasses.replace(stage, **changes)


def make_space(**changes: Any) -> SearchSpace:
    return SearchSpace(name="two_kernels", image_sizes=(16, 24), stem_width=8, stages=(make_stage(**changes),))


def test_archs_survive_json_and_encoding() -> None:
    space = make_space()
    arch = space.sample(np.random.default_rng(0))
    again = WiderArch.from_dict(json.loads(arch.to_json()))
    assert again == arch
    assert hash(again) == hash(arch)
    assert arch.second_kernel_sizes == again.second_kernel_sizes
    assert len(arch.second_kernel_sizes) == 2
    assert space.decode_one(space.encode(again)) == arch
    with pytest.raises(InputError, match=r"`second_kernel_sizes` to be a whole number .*Received: .*=1\.5"):
        WiderArch.from_dict({**arch.to_dict(), "second_kernel_sizes": [1.5, 3]})


def test_spaces_survive_json() -> None:
    space = make_space()
    again = SearchSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert again == space
    assert hash(again) == hash(space)


@pytest.mark.parametrize("choices", [(3, 1), (1, 1), (0, 1)])
def test_its_choices_are_checked_like_others(choices: tuple[int, ...]) -> None:
    message = f"Expected `second_kernel_sizes` to be positive, distinct and ascending. Received: {choices}."
    with pytest.raises(InputError, match=re.escape(message)):
        make_stage(second_kernel_sizes=choices)


def test_a_block_type_that_has_it_needs_choices_and_others_do_not() -> None:
    with pytest.raises(InputError, match=r"`second_kernel_sizes` to have a choice .*Received: .*=\(\) in stage 1\."):
        make_space(second_kernel_sizes=())
    stage = make_stage(second_kernel_sizes=(), block_type="mbconv")
    space = dataclasses.replace(make_space(), stages=(stage,))
    assert space.largest().second_kernel_sizes == ()


def test_it_counts_and_costs() -> None:
    space = make_space()
    assert space.count() == 2**3 + (2**3) ** 2
    larger = space.encode(space.largest())
    smaller = larger - np.eye(space.num_genes, dtype=np.int32)[-1]  # another kernel in the last block
    assert num_macs(space, smaller, 5) < num_macs(space, larger, 5)


def test_it_becomes_elastic_with_the_kernel_sizes() -> None:
    space = make_space()
    genes = space.layout.of_field("second_kernel_sizes")
    lowest = {phase.name: phase.smallest_indices(space)[genes].tolist() for phase in PHASES}
    assert lowest.pop("full") == [1, 1]
    assert all(indices == [0, 0] for indices in lowest.values())
