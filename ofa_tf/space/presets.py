"""The named search spaces, as data."""

from ofa_tf.base.errors import InputError
from ofa_tf.space.part_types import BOTTLENECK, Stage, make_divisible
from ofa_tf.space.search_space import SearchSpace

_ACTIVATIONS = ("relu", "relu", "hard_swish", "hard_swish", "hard_swish")
_SQUEEZE_EXCITE = (False, True, False, True, True)
_WIDTHS = (24, 40, 80, 112, 160)


def _mobilenet_v3(name: str, width: float, strides: tuple[int, ...], image_sizes: tuple[int, ...]) -> SearchSpace:
    stages = tuple(
        Stage(make_divisible(channels * width), stride, activation, use_squeeze_excite)
        for channels, stride, activation, use_squeeze_excite in zip(
            _WIDTHS, strides, _ACTIVATIONS, _SQUEEZE_EXCITE, strict=True
        )
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


def _proxyless(name: str, width: float, image_sizes: tuple[int, ...]) -> SearchSpace:
    widths, strides = (24, 40, 80, 96, 192, 320), (2, 2, 2, 1, 2, 1)
    depths = [(2, 3, 4)] * 5 + [(1,)]
    return SearchSpace(
        name=name,
        image_sizes=image_sizes,
        stem_width=make_divisible(32 * width),
        first_width=make_divisible(16 * width),
        stages=tuple(
            Stage(make_divisible(channels * width), stride, "relu6", depths=choices)
            for channels, stride, choices in zip(widths, strides, depths, strict=True)
        ),
        feature_width=make_divisible(1280 * width),
        activation="relu6",
        batch_norm_epsilon=1e-3,
    )


def _resnet50d(name: str, image_sizes: tuple[int, ...]) -> SearchSpace:
    widths, strides, depths = (256, 512, 1024, 2048), (1, 2, 2, 2), ((2, 3, 4), (2, 3, 4), (4, 5, 6), (2, 3, 4))
    return SearchSpace(
        name=name,
        image_sizes=image_sizes,
        stem_width=64,
        stages=tuple(
            Stage(channels, stride, "relu", False, choices, (3,), (0.2, 0.25, 0.35), BOTTLENECK)
            for channels, stride, choices in zip(widths, strides, depths, strict=True)
        ),
        activation="relu",
        has_deep_stem=True,
        width_multipliers=(0.65, 0.8, 1.0),
    )


_IMAGENET_STRIDES = (2, 2, 2, 1, 2)
_IMAGENET_SIZES = tuple(range(128, 225, 4))

# `mobilenet_v3_tiny` is for images of 24-40 pixels (digits, CIFAR): the stages, block types and
# choices of `mobilenet_v3_w1.0` at half its width. Two of the stages have a stride of 2 where the
# ImageNet spaces have four, so that the last three stages still see 3x3 to 5x5 positions.
_TINY_STRIDES = (2, 2, 1, 1, 1)
_TINY_SIZES = (24, 28, 32, 36, 40)

_BY_NAME: dict[str, SearchSpace] = {}


def register_search_space(space: SearchSpace) -> SearchSpace:
    """Make a search space known by its name, so that configurations can refer to it.

    Returns:
        The space.

    Raises:
        InputError: If another space has the name already.
    """
    if _BY_NAME.get(space.name, space) != space:
        raise InputError(f"Expected the name of a search space to be new. Received: {space.name!r}, which is taken.")
    _BY_NAME[space.name] = space
    return space


def list_search_spaces() -> list[str]:
    """Names of the search spaces that `get_search_space` knows."""
    return list(_BY_NAME)


def get_search_space(name: str) -> SearchSpace:
    """Look up a search space by name.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in _BY_NAME:
        raise InputError(f"Expected a search space, one of {list_search_spaces()}. Received: {name!r}.")
    return _BY_NAME[name]


register_search_space(_mobilenet_v3("mobilenet_v3_w1.0", 1.0, _IMAGENET_STRIDES, _IMAGENET_SIZES))
register_search_space(_mobilenet_v3("mobilenet_v3_w1.2", 1.2, _IMAGENET_STRIDES, _IMAGENET_SIZES))
register_search_space(_proxyless("proxyless_w1.3", 1.3, _IMAGENET_SIZES))
register_search_space(_resnet50d("resnet50d", _IMAGENET_SIZES))
register_search_space(_mobilenet_v3("mobilenet_v3_tiny", 0.5, _TINY_STRIDES, _TINY_SIZES))
