"""Generated images, for tests that need files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD


def random_image(seed: int, height: int = 12, width: int = 16, channels: int = 3) -> np.ndarray:
    """A uint8 image of smooth noise, which survives JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, channels))
    return tf.cast(tf.image.resize(coarse, (height, width)), tf.uint8).numpy()


def normalized(images: np.ndarray) -> np.ndarray:
    """RGB values 0..255, `(..., 3)`, as networks see them."""
    return (np.asarray(images, np.float64) - IMAGE_MEAN) / IMAGE_STD


def encode(image: np.ndarray, suffix: str) -> bytes:
    """The image as the content of a `.png`, `.jpg` or `.bmp` file."""
    if suffix == ".bmp":
        return _encode_bmp(image)
    return (tf.io.encode_png if suffix == ".png" else tf.io.encode_jpeg)(image).numpy()


def write_class_folders(
    root: Path, counts: Mapping[str, int], suffix: str = ".png", first_seed: int = 0, **size: int
) -> Path:
    """Write `counts[name]` images, of `height` and `width`, into `root/name` for each name, and return `root`."""
    seed = first_seed
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            (root / name / f"{index:03d}{suffix}").write_bytes(encode(random_image(seed, **size), suffix))
            seed += 1
    return root


def _encode_bmp(image: np.ndarray) -> bytes:
    height, width, channels = image.shape
    row_bytes = -(-width * channels // 4) * 4
    rows = np.zeros((height, row_bytes), np.uint8)
    rows[:, : width * channels] = image[::-1, :, ::-1].reshape(height, -1)  # bottom row first, blue first
    palette = b"".join(bytes([gray, gray, gray, 0]) for gray in range(256)) if channels == 1 else b""
    offset = 54 + len(palette)
    header = b"BM" + b"".join(
        value.to_bytes(size, "little")
        for value, size in [
            (offset + rows.size, 4), (0, 4), (offset, 4), (40, 4), (width, 4), (height, 4), (1, 2),
            (8 * channels, 2), (0, 4), (rows.size, 4), (0, 4), (0, 4), (0, 4), (0, 4),
        ]
    )  # fmt: skip
    return header + palette + rows.tobytes()
