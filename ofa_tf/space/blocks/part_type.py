"""What every part of a network must say of itself: `PlainPart`, and `Block` for those that make up stages.

A *part* is the stem, a block or the head. A part type describes one kind of them as data,
with the choices made: how many channels, which kernel size. From that follow its costs,
its memory and the name of its latency piece. The layers of the same type, elastic and
plain, stand in the file of the same name in `ofa_tf/networks/blocks/`.
"""

import abc
import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from ofa_tf.space.blocks.axis import Axis
from ofa_tf.space.blocks.layers import Layer
from ofa_tf.space.blocks.stage import Stage


class PlainPart(abc.ABC):
    """A stem, block or head with its choices made.

    Subclasses are frozen dataclasses with at least the field `in_channels`. Each is
    registered under its `type_name`, see `register_part_type`.
    """

    type_name: ClassVar[str]
    in_channels: int

    @property
    @abc.abstractmethod
    def strides(self) -> tuple[int, ...]:
        """Strides of all that makes the image smaller, in order."""

    @abc.abstractmethod
    def layers(self, num_classes: int) -> tuple[Layer, ...]:
        """The layers, in the order in which a plain network runs them; costs and memory follow from them.

        Args:
            num_classes: Number of classes of the network.
        """

    @property
    @abc.abstractmethod
    def latency_key(self) -> str:
        """What distinguishes the part's latency piece, for people too.

        Parts of one space that have equal keys must be equal networks: the key names
        everything that differs among them, and begins otherwise than those of other
        part types.
        """

    @property
    def depthwise_kernel_size(self) -> int:
        """The largest kernel that a conversion cuts to the size of a smaller image; 1 if there is none.

        This is a detail of conversion, and yet said here: a latency piece is one model for all
        image sizes but those so small that a shipped model would have a smaller kernel. Only
        the part type knows whether it has such a kernel.
        """
        return 1


@dataclasses.dataclass(frozen=True)
class StemDesign:
    """What a search space says of its stem.

    Args:
        width: Output channels, before they are multiplied.
        stride: Of a plain stem's convolution.
        activation: Name of the activation.
        middle_width_multipliers: What can multiply the width in its middle; of no meaning
            for a stem of fixed widths.
        width_multipliers: What can multiply its output width; as before.
        depths: What its depth can be; of no meaning for a stem without such a choice.
    """

    width: int
    stride: int
    activation: str
    middle_width_multipliers: Axis
    width_multipliers: Axis
    depths: Axis


class StemPart(PlainPart):
    """A part that the images go into. Subclasses are frozen dataclasses with at least the field `out_channels`."""

    out_channels: int

    @classmethod
    @abc.abstractmethod
    def axes(cls, design: StemDesign) -> dict[str, Axis]:
        """What each field can be in a search space, by its name; fields with a default may be left out."""


class Block(PlainPart):
    """A part that a stage is made of.

    Subclasses are frozen dataclasses with at least the fields `in_channels` and
    `out_channels`; those whose width is elastic inside have `middle_channels`, too.
    """

    out_channels: int

    # Fields of `Stage` and `Arch` that hold an elastic choice of each block, in the order of the genes.
    choice_fields: ClassVar[tuple[str, ...]] = ("kernel_sizes", "expand_ratios")
    # Whether the output width of a stage may be elastic, too, see `SearchSpace.width_multipliers`.
    has_elastic_width: ClassVar[bool] = False

    @classmethod
    @abc.abstractmethod
    def from_choices(
        cls, stage: Stage, position: int, in_channels: int, out_channels: int, choices: Mapping[str, float]
    ) -> "Block":
        """The block that some choices make.

        Args:
            stage: The stage that it is in.
            position: Its place there, from 0; only the first block has the stride.
            in_channels: Input channels.
            out_channels: Output channels.
            choices: By each of `choice_fields`, the value chosen for this block.
        """
