"""`ExpectedLatency`: the latency of a distribution of archs, with gradients, from the look-up table."""

import numpy as np
import tensorflow as tf

from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.space.parts import Part


class ExpectedLatency:
    """The latency model of the mean sum of the pieces' latencies, over a distribution of archs.

    Each part's mean is that of its options, each as probable as its choices together, times the probability that the
    part is not skipped. The mean is taken of the sum; the latency model's exponent, which is near 1, comes after it.

    Args:
        model: The latency model.
        image_size: Height and width of the images, pixels; this is no part of the distribution.

    Raises:
        InputError: If the image size lies outside the measured range.

    Reference: ProxylessNAS, Cai et al., ICLR 2019, section 3.3.1 (making latency differentiable).
    """

    def __init__(self, model: LatencyModel, image_size: int) -> None:
        model.table.check_image_size(image_size)
        self._model = model
        self._space = model.space
        input_sizes = self._space.input_sizes(image_size)
        self._tables = []
        for part in self._space.parts:
            self._tables.append(_latencies_ms(model, part, input_sizes[part.name]))

    def __call__(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Milliseconds, a float32 scalar.

        Args:
            probabilities: Of each choice of each gene, float32 `(num_genes, most choices)`, 0 where there is none.
        """
        total = tf.constant(self._model.table.overhead_ms, tf.float32)
        presence = self._space.presence_of_parts
        counts = self._space.gene_counts
        for number, part in enumerate(self._space.parts):
            mean = tf.constant(self._tables[number], tf.float32)
            # From the last axis to the first.
            for gene in reversed(part.genes):
                mean = tf.tensordot(mean, probabilities[gene, : counts[gene]], axes=1)
            depths = probabilities[presence.depth_genes[number], presence.least[number] :]
            total += tf.reduce_sum(depths) * mean
        return self._model.scale * total**self._model.exponent


def _latencies_ms(model: LatencyModel, part: Part, input_size: int) -> np.ndarray:
    """The latency of each option of a part, milliseconds, in the shape of the options."""
    latencies_ms = [model.table.latency_ms(option.latency_key, input_size) for option in part.options.flat]
    return np.array(latencies_ms).reshape(part.options.shape)
