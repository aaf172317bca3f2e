"""Representative images, which set the ranges of integer activations."""

from collections.abc import Iterable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.input_format import InputFormat

_NUM_RANDOM_IMAGES = 2
_OPEN_SIZE = 8  # pixels of random images for a graph that leaves its input size open


def check_representative_images(
    batches: Iterable[np.ndarray] | None,
    image_shape: tuple[int | None, ...],
    input_format: InputFormat,
    quantization: str,
) -> list[np.ndarray]:
    """Representative images as the model takes them, in batches.

    Args:
        batches: Arrays of normalised images, or one of them; `None`: there are none.
        image_shape: `(height, width, channels)` that each image must have.
        input_format: What the model takes.
        quantization: Name of the mode that needs them, for messages.

    Raises:
        InputError: If there are none, or they are not normalised images of the
            shape.
    """
    rule = f"representative images of shape (n, {', '.join(str(size) for size in image_shape)})"
    checked: list[np.ndarray] = []
    for batch in _as_batches(batches):
        images = np.asarray(batch)
        _check_batch(images, image_shape, rule)
        if len(images):
            checked.append(input_format.denormalize(images))

    if not checked:
        received = "none" if batches is None else "no image at all"
        raise InputError(
            f"Expected {rule} for quantization={quantization!r}. "
            f"Received: {received}. Pass some normalised training images."
        )
    return checked


def _as_batches(batches: Iterable[np.ndarray] | None) -> Iterable[np.ndarray]:
    if batches is None:
        return []
    if isinstance(batches, np.ndarray) and batches.ndim == 4:
        return [batches]
    return batches


def _check_batch(
    images: np.ndarray,
    image_shape: tuple[int | None, ...],
    rule: str,
) -> None:
    if images.ndim != 4 or images.shape[1:] != image_shape:
        raise InputError(
            f"Expected {rule}. Received: shape {images.shape}. "
            "Prepare the images at the subnet's image size, in batches."
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(
            f"Expected {rule}, normalised as for training (float32). Received: {images.dtype}. "
            "Subtract the mean and divide by the standard deviation first."
        )
    if not np.isfinite(images).all():
        raise InputError(f"Expected {rule} to be finite. Received: NaN or infinite values.")


def random_images(image_shape: tuple[int | None, ...]) -> np.ndarray:
    """Noise that looks like normalised images, for models that are only to be measured.

    Latency depends on the types of the numbers, not on their ranges.

    Args:
        image_shape: `(height, width, channels)`; height and width may be `None`.

    Returns:
        float32 images `(n, height, width, channels)`, always the same ones.
    """
    known_shape = [size or _OPEN_SIZE for size in image_shape]
    rng = np.random.default_rng(0)
    return rng.standard_normal((_NUM_RANDOM_IMAGES, *known_shape), dtype=np.float32)
