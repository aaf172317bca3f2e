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

NUM_CHOICES = 7

# The columns of a row of choices: what was drawn for one image.
CROP_SIDES = slice(0, 2)  # height and width of the crop, over the square root of the image's area
CROP_PLACE = slice(2, 4)  # from top to bottom and from left to right, 0..1
IS_FLIPPED = 4  # 0 or 1
BRIGHTNESS = 5  # a factor
SATURATION = 6  # a factor


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is random about a training image, and how evaluation images are cut.

    Args:
        areas: Range of the cropped share of the image's area; `None` for the
            whole image.
        aspects: Range of the crop's width over its height, drawn evenly in the
            logarithm.
        flip: Whether half of the images are mirrored.
        brightness: Largest change of the brightness factor from 1.
        saturation: Largest change of the saturation factor from 1.
        eval_crop_fraction: Side of the central square used for evaluation over
            the image's shorter side; `None` for the whole image.
    """

    areas: tuple[float, float] | None = None
    aspects: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    brightness: float = 0.0
    saturation: float = 0.0
    eval_crop_fraction: float | None = None


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", PLUGIN_HINT)
AUGMENTATIONS.register("none", Augmentation())
AUGMENTATIONS.register("crop", Augmentation(areas=(0.75, 1.0), aspects=(0.9, 1.1)))
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
        float32, shape `(num, NUM_CHOICES)`: height and width of the crop over
        the square root of the image's area, its place top to bottom and left to
        right (0..1), whether to flip (0 or 1), brightness and saturation
        factors. Row i depends on the state of `rng` and on i alone.
    """
    draws = rng.random((num, NUM_CHOICES), np.float32)
    area_draws, aspect_draws, top, left, flip_draws, brightness_draws, saturation_draws = draws.T

    smallest_area, largest_area = augmentation.areas or (1.0, 1.0)
    area = smallest_area + area_draws * (largest_area - smallest_area)
    low, high = np.log(augmentation.aspects)
    aspect = np.exp(low + aspect_draws * (high - low))
    crop_height = np.sqrt(area / aspect)
    crop_width = np.sqrt(area * aspect)

    is_flipped = (flip_draws < 0.5) & augmentation.flip
    brightness = 1 + augmentation.brightness * (2 * brightness_draws - 1)
    saturation = 1 + augmentation.saturation * (2 * saturation_draws - 1)
    columns = (crop_height, crop_width, top, left, is_flipped, brightness, saturation)
    return np.stack(columns, axis=1).astype(np.float32)
