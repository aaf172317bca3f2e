import dataclasses
import re

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.stage import Stage

STAGE = Stage(16, 2, "relu", depths=(1, 2))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("depths", (), "`depths` to be positive, distinct and ascending. Received: ()."),
        ("depths", (0, 1), "Received: (0, 1)."),
        ("kernel_sizes", (5, 3), "`kernel_sizes` to be positive, distinct and ascending. Received: (5, 3)."),
        ("kernel_sizes", (3, 4), "`kernel_sizes` to be odd. Received: kernel_sizes=(3, 4)."),
        ("expand_ratios", (3, 3), "`expand_ratios` to be positive, distinct and ascending. Received: (3, 3)."),
        ("activation", "gelu", "`activation` to be one of ['hard_sigmoid', 'hard_swish', "),
        ("activation", "gelu", "'relu6']. Received: activation='gelu'."),
    ],
)
def test_stage_with_impossible_choices_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        dataclasses.replace(STAGE, **{field: value})


def test_stage_accepts_lists() -> None:
    stage = Stage(16, 2, "relu", True, depths=[1, 2], kernel_sizes=[3], expand_ratios=[2])
    assert (stage.depths, stage.kernel_sizes, stage.expand_ratios) == ((1, 2), (3,), (2,))
    assert hash(stage) is not None


def test_only_the_first_block_has_the_stride() -> None:
    assert [STAGE.stride_of(position) for position in range(3)] == [2, 1, 1]
