"""What is random about a training image, by name: the augmentations, and the choices they draw.

The choices for an example are drawn beforehand, as a row of numbers, so that they are
a pure function of the seed, the epoch and the example (see `batches.py`). What is done
to an image with such a row stands in `preprocessing.py`. Needs NumPy only.
"""

import dataclasses

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry

# Crops that are drawn for one image: the first one that fits into it is taken, as torchvision does.
NUM_CROPS = 10

# The columns of a row of choices: what was drawn for one image.
CROP_HEIGHTS = slice(0, NUM_CROPS)  # over the square root of the image's area
CROP_WIDTHS = slice(NUM_CROPS, 2 * NUM_CROPS)  # the same
CROPS = slice(0, 2 * NUM_CROPS)  # both
CROP_PLACE = slice(2 * NUM_CROPS, 2 * NUM_CROPS + 2)  # from top to bottom and from left to right, 0..1
IS_FLIPPED = 2 * NUM_CROPS + 2  # 0 or 1
BRIGHTNESS = 2 * NUM_CROPS + 3  # a factor
SATURATION = 2 * NUM_CROPS + 4  # a factor
NUM_CHOICES = 2 * NUM_CROPS + 5


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is random about a training image, and how evaluation images are cut.

    Args:
        areas: Range of the cropped share of the image's area; `None` for the
            whole image.
        aspects: Range of the crop's width over its height, drawn evenly in the
            logarithm.
        padding: Black border put around the image, over its sides; a part as large as
            the image is then cut out of it at random.
        flip: Whether half of the images are mirrored.
        brightness: Largest change of the brightness factor from 1.
        saturation: Largest change of the saturation factor from 1.
        eval_crop_fraction: Side of the central square used for evaluation over
            the image's shorter side; `None` for the whole image.

    Raises:
        InputError: If both `areas` and `padding` say how to cut.
    """

    areas: tuple[float, float] | None = None
    aspects: tuple[float, float] = (1.0, 1.0)
    padding: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    saturation: float = 0.0
    eval_crop_fraction: float | None = None

    def __post_init__(self) -> None:
        if self.areas is not None and self.padding:
            raise InputError(
                f"Expected `areas` or `padding`. Received: areas={self.areas}, padding={self.padding}. Leave one out."
            )

    def without_colours(self) -> "Augmentation":
        """What it does to the place of pixels, and nothing to their colours."""
        return dataclasses.replace(self, brightness=0.0, saturation=0.0)


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", PLUGIN_HINT)
AUGMENTATIONS.register("none", Augmentation())
AUGMENTATIONS.register("crop", Augmentation(areas=(0.75, 1.0), aspects=(0.9, 1.1)))
# What is usual for CIFAR's 32 pixels: 4 of them on each side, and flips ("Deep Residual Learning for Image
# Recognition", He et al., CVPR 2016, section 4.2).
AUGMENTATIONS.register("cifar", Augmentation(padding=1 / 8, flip=True))
# Once-for-All's released recipe (ColorJitter(brightness=32/255, saturation=0.5)).
AUGMENTATIONS.register(
    "imagenet",
    Augmentation(
        areas=(0.08, 1.0),
        aspects=(3 / 4, 4 / 3),
        flip=True,
        brightness=32 / 255,
        saturation=0.5,
        eval_crop_fraction=0.875,
    ),
)


def get_augmentation(name: str) -> Augmentation:
    """The augmentation called `name`.

    Raises:
        InputError: If there is none.
    """
    if name not in AUGMENTATIONS:
        raise InputError(
            f"Expected `augmentation` to be one of {', '.join(AUGMENTATIONS)}. Received: augmentation={name!r}. "
            f"{PLUGIN_HINT}"
        )
    return AUGMENTATIONS[name]


def draw_choices(
    rng: np.random.Generator,
    num: int,
    augmentation: Augmentation,
) -> np.ndarray:
    """Make the random choices for `num` training images.

    Returns:
        float32, shape `(num, NUM_CHOICES)`: heights and widths of some crops over
        the square root of the image's area, the place top to bottom and left to
        right (0..1), whether to flip (0 or 1), brightness and saturation
        factors. Row i depends on the state of `rng` and on i alone.
    """
    draws = rng.random((num, NUM_CHOICES), np.float32)
    choices = np.empty_like(draws)

    smallest_area, largest_area = augmentation.areas or (1.0, 1.0)
    areas = smallest_area + draws[:, CROP_HEIGHTS] * (largest_area - smallest_area)
    low, high = np.log(augmentation.aspects)
    aspects = np.exp(low + draws[:, CROP_WIDTHS] * (high - low))
    choices[:, CROP_HEIGHTS] = np.sqrt(areas / aspects)
    choices[:, CROP_WIDTHS] = np.sqrt(areas * aspects)
    choices[:, CROP_PLACE] = draws[:, CROP_PLACE]

    choices[:, IS_FLIPPED] = (draws[:, IS_FLIPPED] < 0.5) & augmentation.flip
    choices[:, BRIGHTNESS] = 1 + augmentation.brightness * (2 * draws[:, BRIGHTNESS] - 1)
    choices[:, SATURATION] = 1 + augmentation.saturation * (2 * draws[:, SATURATION] - 1)
    return choices
