"""Published mobile networks as search spaces of one network each: what a supernet's subnets are compared with.

They are trained, exported and measured by the same tools, once a file for `--plugins` has registered one:

    import ofa_tf
    from ofa_tf.space.plain_networks import SMALL_NETWORKS

    ofa_tf.register_search_space(SMALL_NETWORKS["mobilenet_v2"](0.5))
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

from ofa_tf.space.blocks.rounding import make_divisible
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.search_space import SearchSpace

# As `mobilenet_v3_tiny`, whose rivals they are: the middle one of its image sizes, and positions halved as often.
_SMALL_IMAGE_SIZE = 32


@dataclasses.dataclass(frozen=True)
class _Block:
    """Some equal blocks of a published network.

    Args:
        width: Output channels.
        stride: Stride of the first one, for images of 224 pixels.
        expand_ratio: Middle over input channels.
        count: How many there are.
        kernel_size: Of the depthwise convolution.
        activation: Name of the activation.
        use_squeeze_excite: Whether they have squeeze-and-excite.
    """

    width: int
    stride: int
    expand_ratio: float
    count: int = 1
    kernel_size: int = 3
    activation: str = "relu6"
    use_squeeze_excite: bool = False


# Reference: Sandler et al., "MobileNetV2", CVPR 2018, table 2; the first row is the `first_width` of a space.
_V2_BLOCKS = (
    _Block(24, 2, 6, count=2),
    _Block(32, 2, 6, count=3),
    _Block(64, 2, 6, count=4),
    _Block(96, 1, 6, count=3),
    _Block(160, 2, 6, count=3),
    _Block(320, 1, 6),
)

# Reference: Howard et al., "Searching for MobileNetV3", ICCV 2019, table 2. Its first block, which does not expand, is
# the `first_width` of a space, without squeeze-and-excite.
_V3_SMALL_BLOCKS = (
    _Block(24, 2, 72 / 16, activation="relu"),
    _Block(24, 1, 88 / 24, activation="relu"),
    _Block(40, 2, 96 / 24, kernel_size=5, activation="hard_swish", use_squeeze_excite=True),
    _Block(40, 1, 240 / 40, count=2, kernel_size=5, activation="hard_swish", use_squeeze_excite=True),
    _Block(48, 1, 120 / 40, kernel_size=5, activation="hard_swish", use_squeeze_excite=True),
    _Block(48, 1, 144 / 48, kernel_size=5, activation="hard_swish", use_squeeze_excite=True),
    _Block(96, 2, 288 / 48, kernel_size=5, activation="hard_swish", use_squeeze_excite=True),
    _Block(96, 1, 576 / 96, count=2, kernel_size=5, activation="hard_swish", use_squeeze_excite=True),
)

# Strides for small images, block by block: two halvings after the stem's.
_V2_SMALL_STRIDES = (1, 2, 2, 1, 1, 1)
_V3_SMALL_SMALL_STRIDES = (2, 1, 2, 1, 1, 1, 1, 1)


def mobilenet_v2(width: float, image_size: int, strides: Sequence[int] | None = None) -> SearchSpace:
    """MobileNetV2, as a space of one network.

    Args:
        width: What channels are multiplied by, but for the last convolution's where it is below 1.
        image_size: Input height and width, pixels.
        strides: Of each of the six groups of blocks behind the first one; those for 224 pixels by default.

    Reference: Sandler et al., CVPR 2018, table 2.
    """
    return _one_network(
        "mobilenet_v2",
        width,
        image_size,
        stages=_stages(_V2_BLOCKS, width, strides),
        stem_width=make_divisible(32 * width),
        feature_width=make_divisible(1280 * max(width, 1.0)),
        activation="relu6",
        batch_norm_epsilon=1e-3,
    )


def mobilenet_v3_small(width: float, image_size: int, strides: Sequence[int] | None = None) -> SearchSpace:
    """MobileNetV3-Small, as a space of one network; its first block has no squeeze-and-excite, and no stride.

    Args:
        width: What channels are multiplied by.
        image_size: Input height and width, pixels.
        strides: Of each of the eight groups of blocks behind the first one; those for 224 pixels by default.

    Reference: Howard et al., ICCV 2019, table 2.
    """
    return _one_network(
        "mobilenet_v3_small",
        width,
        image_size,
        stages=_stages(_V3_SMALL_BLOCKS, width, strides),
        stem_width=make_divisible(16 * width),
        feature_width=make_divisible(576 * width),
        head_width=make_divisible(1024 * width),
    )


def _one_network(name: str, width: float, image_size: int, **fields: Any) -> SearchSpace:
    """A space of one network, called by its width; its first block has 16 channels, times that."""
    return SearchSpace(
        name=f"{name}_w{width:g}",
        image_sizes=(image_size,),
        first_width=make_divisible(16 * width),
        **fields,
    )


def _stages(blocks: Sequence[_Block], width: float, strides: Sequence[int] | None) -> tuple[Stage, ...]:
    if strides is None:
        strides = [block.stride for block in blocks]
    stages = []
    for block, stride in zip(blocks, strides, strict=True):
        stage = Stage(
            width=make_divisible(block.width * width),
            stride=stride,
            activation=block.activation,
            use_squeeze_excite=block.use_squeeze_excite,
            depths=(block.count,),
            kernel_sizes=(block.kernel_size,),
            expand_ratios=(block.expand_ratio,),
        )
        stages.append(stage)
    return tuple(stages)


# For images of 32 pixels, by name: what makes the network of a width.
SMALL_NETWORKS: dict[str, Callable[[float], SearchSpace]] = {
    "mobilenet_v2": functools.partial(mobilenet_v2, image_size=_SMALL_IMAGE_SIZE, strides=_V2_SMALL_STRIDES),
    "mobilenet_v3_small": functools.partial(
        mobilenet_v3_small, image_size=_SMALL_IMAGE_SIZE, strides=_V3_SMALL_SMALL_STRIDES
    ),
}
