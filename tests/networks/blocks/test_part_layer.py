import pytest

from ofa_tf.networks.blocks.part_layer import kept_middle_channels
from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.mbconv import MBConv
from ofa_tf.space.parts import Part
from tests.support.networks import two_stage_space


def make_block(kernel_sizes: int, expand_ratios: int, second_kernel_sizes: int) -> MBConv:
    del second_kernel_sizes  # makes no difference to the channels
    middle_channels = 8 * expand_ratios
    return MBConv(
        in_channels=8,
        middle_channels=middle_channels,
        out_channels=16,
        kernel_size=kernel_sizes,
        stride=1,
        activation="relu",
        squeeze_channels=0,
        has_residual=False,
    )


@pytest.mark.parametrize(("stage", "expected"), [(0, [32]), (1, [32, 24]), (2, [32, 24, 16])])
@pytest.mark.parametrize("choices_behind", [(3,), (3, 5), (3, 5, 7)])
def test_kept_channels_are_those_of_the_expand_ratios_wherever_their_axis_is(
    stage: int, expected: list[int], choices_behind: tuple[int, ...]
) -> None:
    axes = {
        "kernel_sizes": Axis((3, 5), 0),
        "expand_ratios": Axis((2, 3, 4), 1),
        "second_kernel_sizes": Axis(choices_behind, 2),
    }
    part = Part.from_axes("block", make_block, axes)
    assert kept_middle_channels(part, stage) == expected


def test_kept_channels_of_a_space_are_those_of_its_blocks() -> None:
    kept = [kept_middle_channels(block, 1) for block in two_stage_space().blocks]
    assert kept == [[32, 16], [64, 32], [64, 48], [96, 72]]
