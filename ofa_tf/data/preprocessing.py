"""From a decoded image to what a network sees: cropping, resizing, flip, colour, normalisation.

The random choices for an example are drawn beforehand, as a row of numbers (see
`augmentations.py`). All is done image by image: a batch of photographs does not fit into a
processor's cache, and takes several times as long for that.
"""

import numpy as np
import tensorflow as tf

from ofa_tf.data.augmentations import (
    BRIGHTNESS,
    CROP_PLACE,
    CROPS,
    IS_FLIPPED,
    NUM_CROPS,
    SATURATION,
    Augmentation,
)
from ofa_tf.data.image_source import EncodedImage, decode_rgb
from ofa_tf.data.jpeg import decode_box, is_complete_jpeg, jpeg_sides
from ofa_tf.data.orientation import stored_box, turn_columns, turn_sides
from ofa_tf.data.resizing import resize_box, to_image

# An image, and a part of it: top and left, height and width, pixels, float32 `(2,)` each.
_ImageAndBox = tuple[tf.Tensor, tf.Tensor, tf.Tensor]

# ImageNet's, on the scale 0..255, in the order red, green, blue; used for all data sets.
IMAGE_MEAN = (123.675, 116.28, 103.53)
IMAGE_STD = (58.395, 57.12, 57.375)

# Weights of red, green and blue in an image's gray, as in torchvision.
_GRAY = (0.299, 0.587, 0.114)


def training_image(
    image: tf.Tensor,
    choices: tf.Tensor,
    size: tf.Tensor,
    augmentation: Augmentation,
) -> tf.Tensor:
    """Cut out, resize and augment one training image as chosen.

    Args:
        image: uint8, shape `(height, width, 3)`.
        choices: A row of `draw_choices`.
        size: Height and width of the result, pixels.
        augmentation: What to do.

    Returns:
        float32, normalised, shape `(size, size, 3)`.
    """
    start, box_sides = choose_box(_sides(image), choices, augmentation)
    columns = resize_box(image, start, box_sides, size)
    return augment(columns, choices, augmentation)


def encoded_training_image(
    encoded: EncodedImage,
    choices: tf.Tensor,
    size: tf.Tensor,
    augmentation: Augmentation,
) -> tf.Tensor:
    """`training_image` of an encoded image: of a JPEG, only what is cut out is decoded.

    Args:
        encoded: The image.
        choices: A row of `draw_choices`.
        size: Height and width of the result, pixels.
        augmentation: What to do.

    Returns:
        float32, normalised, shape `(size, size, 3)`.
    """
    content, orientation = encoded

    def choose_stored_box(sides: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        start, box_sides = choose_box(turn_sides(sides, orientation), choices, augmentation)
        return stored_box(start, box_sides, sides, orientation)

    def decode_part() -> _ImageAndBox:
        sides = jpeg_sides(content)
        start, box_sides = choose_stored_box(sides)
        return decode_box(content, sides, start, box_sides, size)

    def decode_whole() -> _ImageAndBox:
        image = decode_rgb(content)
        start, box_sides = choose_stored_box(_sides(image))
        return image, start, box_sides

    image, start, box_sides = tf.cond(is_complete_jpeg(content), decode_part, decode_whole)
    columns = turn_columns(resize_box(image, start, box_sides, size), orientation)
    return augment(columns, choices, augmentation)


def choose_box(
    sides: tf.Tensor,
    choices: tf.Tensor,
    augmentation: Augmentation,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The part of an image that is cut out, and then resized.

    Args:
        sides: Height and width of the image, pixels, float32 `(2,)`.
        choices: A row of `draw_choices`.
        augmentation: What to do.

    Returns:
        Top and left of the part, and its height and width, pixels, float32 `(2,)`.
        It may lie partly outside of the image.
    """
    if augmentation.areas is not None:
        return choose_crop(sides, choices, augmentation.aspects)
    if augmentation.padding:
        return _shift(sides, choices, augmentation.padding), sides
    return tf.zeros(2), sides


def choose_crop(
    sides: tf.Tensor,
    choices: tf.Tensor,
    aspects: tuple[float, float],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Start and sides, pixels, of the first of the drawn crops that fits into an image.

    If none does, as with a very wide image, it is the largest one of an allowed aspect, in
    the middle of the image.

    Reference: `RandomResizedCrop` of torchvision, whose crops are of whole pixels.
    """
    crops = tf.reshape(choices[CROPS], [2, NUM_CROPS])  # their heights, and their widths
    crops *= tf.sqrt(tf.reduce_prod(sides))
    fits = tf.reduce_all(crops <= sides[:, tf.newaxis], axis=0)
    first_that_fits = tf.gather(crops, tf.argmax(fits), axis=1)

    height, width = sides[0], sides[1]
    narrowest, widest = aspects
    largest_in_middle = tf.stack([tf.minimum(height, width / narrowest), tf.minimum(width, height * widest)])

    any_fits = tf.reduce_any(fits)
    box_sides = tf.where(any_fits, first_that_fits, largest_in_middle)
    place = tf.where(any_fits, choices[CROP_PLACE], 0.5)
    return place * (sides - box_sides), box_sides


def _shift(
    sides: tf.Tensor,
    choices: tf.Tensor,
    padding: float,
) -> tf.Tensor:
    """Where a part as large as the image starts in the padded image, whole pixels from the image's own corner."""
    border = tf.round(padding * sides)
    num_places = 2 * border + 1
    return tf.floor(choices[CROP_PLACE] * num_places) - border


def augment(
    columns: tf.Tensor,
    choices: tf.Tensor,
    augmentation: Augmentation,
) -> tf.Tensor:
    """Flip, colour and normalise a training image as chosen.

    Args:
        columns: float32 in 0..255, shape `(width, 3, height)`; see `resizing.py`.
        choices: A row of `draw_choices`.
        augmentation: What to do.

    Returns:
        The image, float32, normalised, shape `(height, width, 3)`.
    """
    if augmentation.flip:
        is_flipped = choices[IS_FLIPPED] > 0
        columns = tf.raw_ops.Reverse(tensor=columns, dims=tf.stack([is_flipped, False, False]))
    if augmentation.brightness:
        columns = _clip(columns * choices[BRIGHTNESS])
    if augmentation.saturation:
        gray = _gray(columns)
        colour = columns - gray
        columns = _clip(gray + colour * choices[SATURATION])
    return to_image(_normalize(columns))


def evaluation_image(
    image: tf.Tensor,
    size: tf.Tensor,
    crop_fraction: float | None,
) -> tf.Tensor:
    """Cut out and resize one image for evaluation.

    Args:
        image: uint8, shape `(height, width, 3)`.
        size: Height and width of the result, pixels.
        crop_fraction: Side of the central square that is kept over the shorter
            side; `None` squeezes the whole image into a square.

    Returns:
        float32, normalised, shape `(size, size, 3)`.
    """
    columns = _center_columns(image, size, crop_fraction)
    return to_image(_normalize(columns))


def encoded_evaluation_image(
    encoded: EncodedImage,
    size: tf.Tensor,
    crop_fraction: float | None,
) -> tf.Tensor:
    """`evaluation_image` of an encoded image, decoded whole.

    Every bit of it, so that accuracies that were measured can be compared for ever.
    """
    content, orientation = encoded
    columns = _center_columns(decode_rgb(content), size, crop_fraction)
    return to_image(_normalize(turn_columns(columns, orientation)))


def _center_columns(
    image: tf.Tensor,
    size: tf.Tensor,
    crop_fraction: float | None,
) -> tf.Tensor:
    """The columns of what an evaluation image shows; the same part of the image, however that is turned."""
    start, box_sides = _center_box(_sides(image), crop_fraction)
    return resize_box(image, start, box_sides, size)


def _center_box(sides: tf.Tensor, crop_fraction: float | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Start and sides, pixels, of what an evaluation image shows."""
    if crop_fraction is None:
        return tf.zeros(2), sides
    box_sides = tf.fill([2], crop_fraction * tf.reduce_min(sides))
    return (sides - box_sides) / 2, box_sides


def _gray(columns: tf.Tensor) -> tf.Tensor:
    """The gray of columns `(width, 3, height)`, shape `(width, 1, height)`."""
    weights = _per_channel(_GRAY)
    red, green, blue = tf.split(columns * weights, 3, axis=1)
    return red + green + blue


def _normalize(columns: tf.Tensor) -> tf.Tensor:
    """Scale columns `(width, 3, height)` of 0..255 by ImageNet's mean and deviation, to roughly -2.1..2.6."""
    return (columns - _per_channel(IMAGE_MEAN)) / _per_channel(IMAGE_STD)


def _per_channel(values: tuple[float, ...]) -> np.ndarray:
    """Values for red, green and blue as columns are multiplied with: float32 `(3, 1)`."""
    return np.array(values, np.float32)[:, np.newaxis]


def _sides(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.shape(image)[:2], tf.float32)


def _clip(values: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(values, 0.0, 255.0)
