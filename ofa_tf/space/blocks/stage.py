"""`Stage`: a run of blocks with their choices."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.activation_names import check_activation
from ofa_tf.space.blocks.annotated_tuples import tuple_fields


@dataclasses.dataclass(frozen=True)
class Stage:
    """A run of blocks of equal output width; the first one may have a stride.

    Each field that is a tuple holds choices, in ascending order. One that is empty by
    default belongs to some block types only, and may stay empty for the others.

    Args:
        width: Output channels.
        stride: Stride of the first block.
        activation: Such as `"relu"`, `"relu6"` or `"hard_swish"`.
        use_squeeze_excite: Whether the blocks have squeeze-and-excite.
        depths: Choices for the number of blocks, ascending.
        kernel_sizes: Choices for the depthwise kernel size, ascending; of no
            meaning for bottlenecks, whose kernel size is 3.
        expand_ratios: Choices for middle over input channels (`"mbconv"`), or
            over output channels (`"bottleneck"`), ascending.
        block_type: Name of the part type of the blocks, such as `"mbconv"`
            (inverted bottleneck) or `"bottleneck"`.

    Raises:
        InputError: If choices are missing, or not positive and ascending, a kernel size
            is even or the activation unknown. Whether the block type is known, and has the choices that it
            needs, is checked by `SearchSpace`.
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
        check_activation(self.activation)
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in tuple_fields(type(self)):
            values = tuple(getattr(self, name))
            is_missing = not values and defaults[name] != ()
            is_ascending = list(values) == sorted(set(values))
            is_positive = all(value > 0 for value in values)
            if is_missing or not is_ascending or not is_positive:
                raise InputError(f"Expected `{name}` to be positive, distinct and ascending. Received: {values}.")
            object.__setattr__(self, name, values)
        if any(size % 2 == 0 for size in self.kernel_sizes):
            raise InputError(f"Expected `kernel_sizes` to be odd. Received: kernel_sizes={self.kernel_sizes}.")

    def stride_of(self, position: int) -> int:
        """Stride of the block at a place in the stage, from 0."""
        if position == 0:
            return self.stride
        return 1
