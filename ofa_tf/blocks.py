"""The blocks that networks are made of, with and without their choices made, as data."""

import dataclasses
from typing import Any

from ofa_tf.errors import InputError


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of `divisor`, never below 90% of it.

    Reference: MobileNetV2, Sandler et al., CVPR 2018 (released code).
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


@dataclasses.dataclass(frozen=True)
class Stage:
    """A run of blocks of equal output width; the first one may have a stride.

    Args:
        width: Output channels.
        stride: Stride of the first block.
        activation: `"relu"`, `"relu6"` or `"hard_swish"`.
        use_squeeze_excite: Whether the blocks have squeeze-and-excite.
        depths: Choices for the number of blocks, ascending.
        kernel_sizes: Choices for the depthwise kernel size, ascending.
        expand_ratios: Choices for middle over input channels, ascending.
    """

    width: int
    stride: int
    activation: str
    use_squeeze_excite: bool
    depths: tuple[int, ...] = (2, 3, 4)
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    expand_ratios: tuple[float, ...] = (3, 4, 6)

    def __post_init__(self) -> None:
        for name in ("depths", "kernel_sizes", "expand_ratios"):
            values = tuple(getattr(self, name))
            if not values or list(values) != sorted(set(values)) or values[0] <= 0:
                raise InputError(f"Expected `{name}` to be positive, distinct and ascending. Received: {values}.")
            object.__setattr__(self, name, values)
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise InputError(f"Expected `kernel_sizes` to be odd. Received: kernel_sizes={self.kernel_sizes}.")


@dataclasses.dataclass(frozen=True)
class ElasticBlock:
    """An inverted-bottleneck block with all its choices.

    `middle_channels[i]` belongs to `expand_ratios[i]`; `squeeze_channels` is
    empty where the block has no squeeze-and-excite.
    """

    name: str
    stage: int
    position: int
    in_channels: int
    out_channels: int
    stride: int
    activation: str
    kernel_sizes: tuple[int, ...]
    expand_ratios: tuple[float, ...]
    middle_channels: tuple[int, ...]
    squeeze_channels: tuple[int, ...]

    @property
    def has_residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.in_channels == self.out_channels


@dataclasses.dataclass(frozen=True)
class StaticBlock:
    """An inverted-bottleneck block with its choices made.

    `squeeze_channels` is 0 where the block has no squeeze-and-excite;
    `middle_channels` equal to `in_channels` with `has_expand` false means that
    the expanding convolution is left out.
    """

    name: str
    in_channels: int
    middle_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    activation: str
    squeeze_channels: int
    has_residual: bool
    has_expand: bool = True


def out_size(size: Any, stride: int) -> Any:
    """Height or width after a symmetrically padded convolution of any odd kernel size."""
    return (size - 1) // stride + 1
