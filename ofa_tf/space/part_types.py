"""The parts that networks are made of, as data: stages with their choices, and parts with the choices made."""

import dataclasses
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError

MBCONV, BOTTLENECK = "mbconv", "bottleneck"


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of `divisor`, never below 90% of it.

    Reference: MobileNetV2, Sandler et al., CVPR 2018 (released code).
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def out_size(size: Any, *strides: int) -> Any:
    """Height or width after convolutions or poolings of these strides, padded symmetrically for any odd kernel size."""
    for stride in strides:
        size = (size - 1) // stride + 1
    return size


@dataclasses.dataclass(frozen=True)
class Stage:
    """A run of blocks of equal output width; the first one may have a stride.

    Args:
        width: Output channels.
        stride: Stride of the first block.
        activation: `"relu"`, `"relu6"` or `"hard_swish"`.
        use_squeeze_excite: Whether the blocks have squeeze-and-excite.
        depths: Choices for the number of blocks, ascending.
        kernel_sizes: Choices for the depthwise kernel size, ascending; of no
            meaning for bottlenecks, whose kernel size is 3.
        expand_ratios: Choices for middle over input channels (`"mbconv"`), or
            over output channels (`"bottleneck"`), ascending.
        block_type: `"mbconv"` (inverted bottleneck) or `"bottleneck"`.
    """

    width: int
    stride: int
    activation: str
    use_squeeze_excite: bool = False
    depths: tuple[int, ...] = (2, 3, 4)
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    expand_ratios: tuple[float, ...] = (3, 4, 6)
    block_type: str = MBCONV

    def __post_init__(self) -> None:
        for name in ("depths", "kernel_sizes", "expand_ratios"):
            values = tuple(getattr(self, name))
            if not values or list(values) != sorted(set(values)) or values[0] <= 0:
                raise InputError(f"Expected `{name}` to be positive, distinct and ascending. Received: {values}.")
            object.__setattr__(self, name, values)
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise InputError(f"Expected `kernel_sizes` to be odd. Received: kernel_sizes={self.kernel_sizes}.")
        if self.block_type not in (MBCONV, BOTTLENECK):
            raise InputError(
                f"Expected `block_type` to be one of {[MBCONV, BOTTLENECK]}. Received: block_type={self.block_type!r}."
            )


@dataclasses.dataclass(frozen=True)
class Stem:
    """A 3x3 convolution, batch normalization and an activation."""

    out_channels: int
    stride: int
    activation: str
    in_channels: int = 3

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides of all that makes the image smaller, in order; other parts alike."""
        return (self.stride,)


@dataclasses.dataclass(frozen=True)
class DeepStem:
    """The stem of ResNet-D: a 3x3 convolution with a stride of 2, a second one that is optional and has a residual
    connection, a third one, and a 3x3 max pooling with a stride of 2.

    Reference: "Bag of Tricks for Image Classification with CNNs", He et al., CVPR 2019, section 4.
    """

    middle_channels: int
    out_channels: int
    depth: int
    in_channels: int = 3

    @property
    def strides(self) -> tuple[int, ...]:
        return (2, 2)


@dataclasses.dataclass(frozen=True)
class MBConv:
    """An inverted-bottleneck block.

    `squeeze_channels` is 0 where the block has no squeeze-and-excite;
    `middle_channels` equal to `in_channels` with `has_expand` false means that
    the expanding convolution is left out.
    """

    in_channels: int
    middle_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    activation: str
    squeeze_channels: int
    has_residual: bool
    has_expand: bool = True

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)


@dataclasses.dataclass(frozen=True)
class Bottleneck:
    """A ResNet-D bottleneck block: 1x1, 3x3 (which has the stride) and 1x1 convolutions; ReLU after the sum.

    With `has_downsample`, the shortcut is an average pooling and a 1x1 convolution.
    """

    in_channels: int
    middle_channels: int
    out_channels: int
    stride: int
    has_downsample: bool

    @property
    def strides(self) -> tuple[int, ...]:
        return (self.stride,)


@dataclasses.dataclass(frozen=True)
class Head:
    """All that comes after the last block, up to the logits.

    A 1x1 convolution with batch normalization and activation to `feature_width`,
    global average pooling, a 1x1 convolution with activation to `head_width`, a
    linear classifier. Without `feature_width` or `head_width` (0) the
    convolution in question is left out.
    """

    in_channels: int
    feature_width: int
    head_width: int
    activation: str

    @property
    def strides(self) -> tuple[int, ...]:
        return ()

    @property
    def last_width(self) -> int:
        """Input channels of the classifier."""
        return self.head_width or self.feature_width or self.in_channels


PlainPart = Stem | DeepStem | MBConv | Bottleneck | Head


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A part of the networks of a search space with all its choices.

    Args:
        name: Name, such as `stem` or `stage1_block2`.
        genes: Which genes decide it, as indices of a gene vector.
        options: What it is with the choices made: object array of `PlainPart`,
            one axis for each of `genes`.
        stage: Index of the stage of a block; `None` for other parts.
        position: Place of a block in its stage, from 0.
    """

    name: str
    genes: tuple[int, ...]
    options: np.ndarray
    stage: int | None = None
    position: int = 0

    @property
    def largest(self) -> Any:
        """The part with the largest of every choice."""
        return self.options[(-1,) * self.options.ndim]

    def option(self, genes: np.ndarray) -> Any:
        """The part that a gene vector, `(num_genes,)`, chooses."""
        return self.options[tuple(int(genes[index]) for index in self.genes)]

    def values(self, field: str) -> np.ndarray:
        """A field of every option, as an array of the shape of `options`."""
        flat = [getattr(option, field) for option in self.options.flat]
        return np.array(flat).reshape(self.options.shape)
