"""What elastic layers must equal, from plain Keras layers and NumPy loops."""

from typing import Any

import keras
import numpy as np


def conv2d(inputs: np.ndarray, kernel: np.ndarray, strides: int = 1, bias: np.ndarray | None = None) -> np.ndarray:
    """Convolution with symmetric padding, by `keras.layers.Conv2D`."""
    layer = keras.layers.Conv2D(kernel.shape[-1], kernel.shape[0], strides, use_bias=bias is not None)
    return _run(layer, _pad(inputs, kernel.shape[0] // 2), [kernel] if bias is None else [kernel, bias])


def depthwise_conv2d(inputs: np.ndarray, kernel: np.ndarray, strides: int = 1) -> np.ndarray:
    """Depthwise convolution with symmetric padding, by `keras.layers.DepthwiseConv2D`."""
    layer = keras.layers.DepthwiseConv2D(kernel.shape[0], strides, use_bias=False)
    return _run(layer, _pad(inputs, kernel.shape[0] // 2), [kernel])


def batch_norm(inputs: np.ndarray, weights: list[np.ndarray], epsilon: float) -> np.ndarray:
    """Batch normalization with running statistics; weights are scale, offset, mean, variance."""
    return _run(keras.layers.BatchNormalization(epsilon=epsilon), inputs, weights)


def squeeze_excite(inputs: np.ndarray, reduce: list[np.ndarray], expand: list[np.ndarray]) -> np.ndarray:
    """Squeeze-and-excite in NumPy; each argument is a 1x1 kernel and a bias."""
    scale = inputs.mean(axis=(1, 2))
    scale = np.maximum(scale @ reduce[0][0, 0] + reduce[1], 0)
    scale = np.clip(scale @ expand[0][0, 0] + expand[1] + 3, 0, 6) / 6
    return inputs * scale[:, None, None]


def transform_kernel(kernel: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    """Shrink a kernel `(k, k, channels, 1)` by 2 for each matrix, one channel and one entry at a time."""
    for matrix in matrices:
        size = kernel.shape[0] - 2
        smaller = np.zeros((size, size, kernel.shape[2], 1))
        for channel in range(kernel.shape[2]):
            centre = [kernel[row + 1, column + 1, channel, 0] for row in range(size) for column in range(size)]
            for entry in range(size * size):
                total = sum(matrix[entry, other] * centre[other] for other in range(size * size))
                smaller[entry // size, entry % size, channel, 0] = total
        kernel = smaller
    return kernel


def _pad(inputs: np.ndarray, margin: int) -> np.ndarray:
    return np.pad(inputs, [(0, 0), (margin, margin), (margin, margin), (0, 0)])


def _run(layer: keras.layers.Layer, inputs: np.ndarray, weights: list[np.ndarray]) -> Any:
    layer.build(inputs.shape)
    layer.set_weights(weights)
    return np.asarray(layer(inputs.astype("float32")))
