"""`Stage`: a run of blocks with their choices."""

import dataclasses

from ofa_tf.base.errors import InputError


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
        block_type: Name of the part type of the blocks, such as `"mbconv"`
            (inverted bottleneck) or `"bottleneck"`.

    Raises:
        InputError: If choices are not positive and ascending, or a kernel size is
            even. Whether the block type is known is checked by `SearchSpace`.
    """

    width: int
    stride: int
    activation: str
    use_squeeze_excite: bool = False
    depths: tuple[int, ...] = (2, 3, 4)
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    expand_ratios: tuple[float, ...] = (3, 4, 6)
    block_type: str = "mbconv"

    def __post_init__(self) -> None:
        for name in ("depths", "kernel_sizes", "expand_ratios"):
            values = tuple(getattr(self, name))
            is_ascending = list(values) == sorted(set(values))
            if not values or not is_ascending or values[0] <= 0:
                raise InputError(f"Expected `{name}` to be positive, distinct and ascending. Received: {values}.")
            object.__setattr__(self, name, values)
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise InputError(f"Expected `kernel_sizes` to be odd. Received: kernel_sizes={self.kernel_sizes}.")

    def stride_of(self, position: int) -> int:
        """Stride of the block at a place in the stage, from 0."""
        if position == 0:
            return self.stride
        return 1
