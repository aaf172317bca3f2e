"""The named search spaces, as data."""

from ofa_tf.base.registry import Registry
from ofa_tf.space.blocks.rounding import make_divisible
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.search_space import SearchSpace

SEARCH_SPACES: Registry[SearchSpace] = Registry(
    "search space",
    hint="One of your own needs --plugins=FILE that registers it; in Python, ofa_tf.load_plugins([FILE]).",
)


def register_search_space(space: SearchSpace) -> SearchSpace:
    """Make a search space known by its name, so that configurations can refer to it.

    Returns:
        The space.

    Raises:
        InputError: If another space has the name already.
    """
    return SEARCH_SPACES.register(space.name, space)


def list_search_spaces() -> list[str]:
    """Names of the search spaces that `get_search_space` knows."""
    return list(SEARCH_SPACES)


def get_search_space(name: str) -> SearchSpace:
    """Look up a search space by name.

    Raises:
        InputError: If there is none of that name.
    """
    return SEARCH_SPACES[name]


_IMAGENET_SIZES = tuple(range(128, 225, 4))


def _mobilenet_v3(name: str, width: float, strides: tuple[int, ...], image_sizes: tuple[int, ...]) -> SearchSpace:
    """The space of MobileNetV3-Large, its widths multiplied by a number."""
    rows = zip(
        (24, 40, 80, 112, 160),
        strides,
        ("relu", "relu", "hard_swish", "hard_swish", "hard_swish"),
        (False, True, False, True, True),
        strict=True,
    )
    stages = tuple(
        Stage(make_divisible(channels * width), stride, activation, use_squeeze_excite)
        for channels, stride, activation, use_squeeze_excite in rows
    )
    return SearchSpace(
        name=name,
        image_sizes=image_sizes,
        stem_width=make_divisible(16 * width),
        first_width=make_divisible(16 * width),
        stages=stages,
        feature_width=make_divisible(960 * width),
        head_width=make_divisible(1280 * width),
    )


_IMAGENET_STRIDES = (2, 2, 2, 1, 2)

# `mobilenet_v3_tiny` is for images of 24-40 pixels (digits, CIFAR): the stages, block types and
# choices of `mobilenet_v3_w1.0` at half its width. Two of the stages have a stride of 2 where the
# ImageNet spaces have four, so that the last three stages still see 3x3 to 5x5 positions.
_TINY_STRIDES = (2, 2, 1, 1, 1)
_TINY_SIZES = (24, 28, 32, 36, 40)


def _proxyless(name: str, width: float, image_sizes: tuple[int, ...]) -> SearchSpace:
    """The space of ProxylessNAS, its widths multiplied by a number."""
    elastic_depths = (2, 3, 4)
    rows = zip(
        (24, 40, 80, 96, 192, 320),
        (2, 2, 2, 1, 2, 1),
        (*[elastic_depths] * 5, (1,)),
        strict=True,
    )
    stages = tuple(
        Stage(make_divisible(channels * width), stride, "relu6", depths=depths) for channels, stride, depths in rows
    )
    return SearchSpace(
        name=name,
        image_sizes=image_sizes,
        stem_width=make_divisible(32 * width),
        first_width=make_divisible(16 * width),
        stages=stages,
        feature_width=make_divisible(1280 * width),
        activation="relu6",
        batch_norm_epsilon=1e-3,
    )


def _resnet50d(name: str, image_sizes: tuple[int, ...]) -> SearchSpace:
    """The space of ResNet50-D, whose widths are elastic, too."""
    rows = zip(
        (256, 512, 1024, 2048),
        (1, 2, 2, 2),
        ((2, 3, 4), (2, 3, 4), (4, 5, 6), (2, 3, 4)),
        strict=True,
    )
    stages = tuple(
        Stage(
            channels,
            stride,
            "relu",
            depths=depths,
            kernel_sizes=(3,),
            expand_ratios=(0.2, 0.25, 0.35),
            block_type="bottleneck",
        )
        for channels, stride, depths in rows
    )
    return SearchSpace(
        name=name,
        image_sizes=image_sizes,
        stem_width=64,
        stages=stages,
        activation="relu",
        has_deep_stem=True,
        width_multipliers=(0.65, 0.8, 1.0),
    )


register_search_space(_mobilenet_v3("mobilenet_v3_w1.0", 1.0, _IMAGENET_STRIDES, _IMAGENET_SIZES))
register_search_space(_mobilenet_v3("mobilenet_v3_w1.2", 1.2, _IMAGENET_STRIDES, _IMAGENET_SIZES))
register_search_space(_proxyless("proxyless_w1.3", 1.3, _IMAGENET_SIZES))
register_search_space(_resnet50d("resnet50d", _IMAGENET_SIZES))
register_search_space(_mobilenet_v3("mobilenet_v3_tiny", 0.5, _TINY_STRIDES, _TINY_SIZES))
