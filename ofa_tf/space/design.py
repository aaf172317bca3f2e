"""`NetworkDesign`: the numbers that define the networks of a search space, checked."""

import dataclasses
import functools
from collections.abc import Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks import builtin  # noqa: F401 -- registers the part types that stages name
from ofa_tf.space.blocks.activation_names import check_activation
from ofa_tf.space.blocks.part_type import Block
from ofa_tf.space.blocks.registry import get_block_type
from ofa_tf.space.blocks.stage import Stage


@dataclasses.dataclass(frozen=True)
class NetworkDesign:
    """The numbers that define the networks of a search space.

    Args:
        name: Name under which archs refer to the space.
        image_sizes: Choices for the input height and width, ascending, pixels.
        stem_width: Output channels of the stem.
        stages: The elastic stages, all of one block type.
        stem_stride: Stride of the stem's convolution.
        first_width: Output channels of the fixed first block (kernel size 3,
            no expansion); 0: there is none.
        feature_width: Channels of the last 1x1 convolution before pooling; 0:
            there is none.
        head_width: Channels of the 1x1 convolution after pooling; 0: there is
            none.
        activation: Of the stem and the head.
        has_deep_stem: Whether the stem is ResNet-D's, see `DeepStem`, of elastic
            width and depth.
        width_multipliers: Choices that multiply the width of the stem's middle,
            the stem's output and each stage's output, ascending; empty: these
            widths are fixed.
        batch_norm_epsilon: Added to the variance in batch normalization.
        batch_norm_momentum: Share of the old running statistics kept in a step.
        only: The one subnet that is left of the networks, see `SearchSpace.of_one`;
            `None`: all of them.

    Raises:
        InputError: If there is no stage, the stages are of several block types or
            of an unknown one, or lack a choice that it has, the image sizes or the
            multipliers are not ascending, the activation is unknown, or a stem or
            first block is asked for that does not go with the blocks.
    """

    name: str
    image_sizes: tuple[int, ...]
    stem_width: int
    stages: tuple[Stage, ...]
    stem_stride: int = 2
    first_width: int = 0
    feature_width: int = 0
    head_width: int = 0
    activation: str = "hard_swish"
    has_deep_stem: bool = False
    width_multipliers: tuple[float, ...] = ()
    batch_norm_epsilon: float = 1e-5
    batch_norm_momentum: float = 0.9
    only: Arch | None = None

    def __post_init__(self) -> None:
        check_activation(self.activation)
        if not hasattr(self.image_sizes, "__iter__"):
            raise InputError(
                f"Expected `image_sizes` to be a list of sizes. Received: {self.image_sizes}. Put it into brackets."
            )
        image_sizes = tuple(int(size) for size in self.image_sizes)
        if not image_sizes or not _is_positive_and_ascending(image_sizes):
            raise InputError(f"Expected `image_sizes` to be positive, distinct and ascending. Received: {image_sizes}.")
        multipliers = tuple(self.width_multipliers)
        if not _is_positive_and_ascending(multipliers):
            raise InputError(
                f"Expected `width_multipliers` to be positive, distinct and ascending. Received: {multipliers}."
            )
        object.__setattr__(self, "image_sizes", image_sizes)
        object.__setattr__(self, "width_multipliers", multipliers)
        object.__setattr__(self, "stages", tuple(self.stages))
        self._check_stages()
        self._check_choices_of_blocks()
        self._check_elastic_widths()

    def _check_stages(self) -> None:
        if not self.stages:
            raise InputError("Expected at least one stage. Received: stages=().")
        names = {stage.block_type for stage in self.stages}
        for name in sorted(names):
            get_block_type(name)
        if len(names) > 1:
            raise InputError(
                f"Expected the stages to be of one block type. Received: {sorted(names)}. Make a space of each."
            )

    def _check_choices_of_blocks(self) -> None:
        for number, stage in enumerate(self.stages, start=1):
            for field in self.block_class.choice_fields:
                choices = getattr(stage, field, ())
                if not choices:
                    raise InputError(
                        f"Expected `{field}` to have a choice in each stage of {self.block_type} blocks. "
                        f"Received: {field}=() in stage {number}. Give one choice where it is not elastic."
                    )

    def _check_elastic_widths(self) -> None:
        has_multipliers = bool(self.width_multipliers)
        is_possible = self.block_class.has_elastic_width or not has_multipliers
        if self.has_deep_stem != has_multipliers or not is_possible:
            raise InputError(
                "Expected `width_multipliers` together with `has_deep_stem`, and with blocks of elastic width only. "
                f"Received: width_multipliers={self.width_multipliers}, has_deep_stem={self.has_deep_stem}, "
                f"{self.block_type} blocks. Give both or neither; a block type whose widths may be elastic says so by "
                "`has_elastic_width`, such as 'bottleneck'."
            )
        if self.first_width and self.block_class.has_elastic_width:
            raise InputError(
                f"Expected `first_width` with blocks of fixed width only. Received: first_width={self.first_width}, "
                f"{self.block_type} blocks. Leave it out: the stem leads straight into the first stage."
            )

    @property
    def block_type(self) -> str:
        """Name of the type of the blocks, see `Stage`."""
        return self.stages[0].block_type

    @functools.cached_property
    def block_class(self) -> type[Block]:
        """The type of the blocks."""
        return get_block_type(self.block_type)

    @property
    def stem_type(self) -> str:
        """Name of the type of the stem."""
        return "deep_stem" if self.has_deep_stem else "stem"


def _is_positive_and_ascending(values: Sequence[float]) -> bool:
    is_ascending = list(values) == sorted(set(values))
    return is_ascending and all(value > 0 for value in values)
