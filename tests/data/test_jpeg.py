import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image

from ofa_tf.data.augmentations import AUGMENTATIONS, CROP_PLACE, CROPS, draw_choices
from ofa_tf.data.image_source import EncodedImage, decode_rgb
from ofa_tf.data.input_throughput import photo_like_image
from ofa_tf.data.jpeg import decode_box, is_complete_jpeg, jpeg_sides
from ofa_tf.data.preprocessing import encoded_training_image, training_image
from ofa_tf.data.resizing import reach, resize_box
from tests.support.images import encode

_IMAGENET = AUGMENTATIONS["imagenet"]


def _encode_by_pillow(image: np.ndarray, mode: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).convert(mode).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


# The camera was turned.
_EXIF = Image.Exif()
_EXIF[ExifTags.Base.Orientation] = 6

# Kinds of JPEG, each of an image of odd sides.
_PHOTO = photo_like_image(np.random.default_rng(0), 151, 203)
_KINDS = {
    "colours of every other pixel": _encode_by_pillow(_PHOTO, "RGB", subsampling="4:2:0"),
    "colours of every other column": _encode_by_pillow(_PHOTO, "RGB", subsampling="4:2:2"),
    "colours of every pixel": _encode_by_pillow(_PHOTO, "RGB", subsampling="4:4:4"),
    "progressive": _encode_by_pillow(_PHOTO, "RGB", progressive=True),
    "grayscale": _encode_by_pillow(_PHOTO, "L"),
    "CMYK": _encode_by_pillow(_PHOTO, "CMYK"),
    "turned by EXIF": _encode_by_pillow(_PHOTO, "RGB", exif=_EXIF),
}


def _boxes(num: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Random parts of `_PHOTO`, the whole, its corners, and one that lies partly outside."""
    rng = np.random.default_rng(1)
    boxes = [([0, 0], [151, 203]), ([0, 0], [40, 40]), ([111, 163], [40, 40]), ([-10, 20], [151, 203])]
    for _ in range(num):
        box_sides = rng.uniform(10, 150, 2)
        boxes.append((rng.uniform(0, 1, 2) * ([151, 203] - box_sides), box_sides))
    return [(tf.constant(start, tf.float32), tf.constant(box_sides, tf.float32)) for start, box_sides in boxes]


@pytest.mark.parametrize("content", _KINDS.values(), ids=_KINDS.keys())
def test_pixels_are_those_of_the_whole_image(content):
    whole = decode_rgb(tf.constant(content)).numpy()
    sides = jpeg_sides(content)
    np.testing.assert_array_equal(sides, whole.shape[:2])
    size = tf.constant(64)
    for start, box_sides in _boxes(30):
        image, start_in_image, sides_in_image = decode_box(content, sides, start, box_sides, size)
        np.testing.assert_array_equal(sides_in_image, box_sides)
        top, left = np.round(start - start_in_image).astype(int)

        margin = reach(box_sides, size)
        first = np.maximum(np.floor(start - margin), 0).astype(int)
        end = np.minimum(np.ceil(start + box_sides + margin), sides).astype(int)
        seen = image[first[0] - top : end[0] - top, first[1] - left : end[1] - left]
        np.testing.assert_array_equal(seen, whole[first[0] : end[0], first[1] : end[1]])


def test_less_than_the_whole_image_is_decoded():
    content = _KINDS["progressive"]
    start, box_sides = tf.constant([40.0, 60.0]), tf.constant([30.0, 20.0])
    image, _, _ = decode_box(content, jpeg_sides(content), start, box_sides, tf.constant(30))
    assert image.shape == (30 + 6, 20 + 6, 3)


@pytest.mark.parametrize(("size", "ratio"), [(51, 1), (50, 2), (26, 2), (25, 4), (13, 4), (12, 8), (2, 8)])
def test_an_image_is_decoded_smaller_only_if_two_pixels_are_left_for_one(size, ratio):
    content = _KINDS["colours of every other pixel"]
    start, box_sides = tf.constant([-10.0, -10.0]), tf.constant([200.0, 300.0])
    image, _, sides_in_image = decode_box(content, jpeg_sides(content), start, box_sides, tf.constant(size))
    assert image.shape == (-(-151 // ratio), -(-203 // ratio), 3)
    np.testing.assert_array_equal(sides_in_image, box_sides / ratio)


@pytest.mark.parametrize("size", [100, 60, 30])
def test_images_that_were_decoded_smaller_are_nearly_the_same(size):
    content = encode(photo_like_image(np.random.default_rng(2), 500, 640), ".jpg")
    start, box_sides = tf.constant([30.3, 51.6]), tf.constant([420.0, 510.0])
    whole = resize_box(decode_rgb(tf.constant(content)), start, box_sides, tf.constant(size))
    image, *box = decode_box(content, jpeg_sides(content), start, box_sides, tf.constant(size))
    assert image.shape[0] < 300
    result = resize_box(image, *box, tf.constant(size))
    assert np.abs(result - whole).mean() < 1.5

    # They are not shifted, either.
    shifted = resize_box(image, box[0] + 0.25 * box[1] / size, box[1], tf.constant(size))
    assert np.abs(shifted - whole).mean() > 2 * np.abs(result - whole).mean()


@pytest.mark.parametrize("name", ["none", "crop", "cifar", "imagenet"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_encoded_images_are_augmented_like_decoded_ones(name, suffix):
    content = tf.constant(encode(_PHOTO, suffix))
    for row in draw_choices(np.random.default_rng(3), 5, AUGMENTATIONS[name]):
        arguments = (row, tf.constant(80), AUGMENTATIONS[name])
        result = encoded_training_image(EncodedImage(content), *arguments)
        expected = training_image(decode_rgb(content), *arguments)
        tolerance = 1e-3 if suffix == ".jpg" else 0
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


def test_a_jpeg_is_complete_from_its_first_to_its_last_bytes():
    content = _KINDS["grayscale"]
    assert is_complete_jpeg(content)
    for other in (content[:-1], content[1:], content + b"\0", b"", b"\xff\xd8", encode(_PHOTO, ".png")):
        assert not is_complete_jpeg(other)


def test_damage_below_the_crop_is_found():
    content = _KINDS["colours of every other pixel"]
    row = draw_choices(np.random.default_rng(0), 1, AUGMENTATIONS["none"])[0]
    row[CROP_PLACE] = 0  # in the upper left corner
    row[CROPS] = 0.2
    encoded_training_image(EncodedImage(content), row, tf.constant(8), _IMAGENET)
    damaged = EncodedImage(content[: len(content) * 3 // 4])
    with pytest.raises(tf.errors.InvalidArgumentError):
        encoded_training_image(damaged, row, tf.constant(8), _IMAGENET)
