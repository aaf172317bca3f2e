import dataclasses
import re
from typing import ClassVar

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.layers import Layer
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.parts import Part


@dataclasses.dataclass(frozen=True)
class Dish(PlainPart):
    """A part of which only the fields matter."""

    type_name: ClassVar[str] = "test_dish"

    in_channels: int
    middle_channels: int
    kernel_size: int
    second_kernel_size: int

    @property
    def strides(self) -> tuple[int, ...]:
        return ()

    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        return ()

    @property
    def latency_key(self) -> str:
        return repr(self)


def make_dish(in_channels: int, kernel_sizes: int, expand_ratios: int, second_kernel_sizes: int) -> Dish:
    return Dish(in_channels, in_channels * expand_ratios, kernel_sizes, second_kernel_sizes)


# The expand ratios are neither the first nor the last axis.
DISH = Part.from_axes(
    "dish",
    make_dish,
    {
        "in_channels": Axis.fixed(8),
        "kernel_sizes": Axis((3, 5), 4),
        "expand_ratios": Axis((2, 3, 4), 1),
        "second_kernel_sizes": Axis((1, 3), 7),
    },
    stage=2,
    position=1,
)


def test_a_part_has_an_axis_for_each_elastic_property() -> None:
    assert (DISH.name, DISH.stage, DISH.position) == ("dish", 2, 1)
    assert DISH.axis_names == ("kernel_sizes", "expand_ratios", "second_kernel_sizes")
    assert DISH.genes == (4, 1, 7)
    assert DISH.options.shape == (2, 3, 2)
    assert DISH.options[1, 0, 1] == Dish(8, 16, 5, 3)
    assert DISH.largest == Dish(8, 32, 5, 3)


def test_genes_choose_an_option_by_their_places() -> None:
    genes = np.array([9, 2, 9, 9, 0, 9, 9, 1])
    assert DISH.option(genes) == Dish(8, 32, 3, 3)


def test_fields_are_read_for_the_whole_grid_and_along_an_axis() -> None:
    assert DISH.values("middle_channels")[0].tolist() == [[16, 16], [24, 24], [32, 32]]
    assert DISH.values_along("expand_ratios", "middle_channels").tolist() == [16, 24, 32]
    assert DISH.values_along("kernel_sizes", "kernel_size").tolist() == [3, 5]
    assert DISH.values_along("kernel_sizes", "middle_channels").tolist() == [32, 32]  # of the largest ratio
    assert DISH.values_along("second_kernel_sizes", "second_kernel_size").tolist() == [1, 3]


def test_an_axis_that_a_part_lacks_is_named() -> None:
    message = "one of ['kernel_sizes', 'expand_ratios', 'second_kernel_sizes'], the choices of dish. Received: "
    with pytest.raises(InputError, match=re.escape(message) + "axis_name='in_channels'"):
        DISH.values_along("in_channels", "middle_channels")
