"""`ElasticBatchNormalization`: batch normalization of the first channels."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.replicas import assign_here
from ofa_tf.networks.layers.slicing import as_numpy, first_channels, num_channels


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticBatchNormalization(keras.layers.Layer):
    """Batch normalization with an elastic number of channels.

    The running statistics are those of whatever subnets ran in training mode;
    they describe one subnet only after BN calibration (`calibrate_batch_norm`).
    Weights and statistics are kept in float32 under any dtype policy.

    Args:
        epsilon: Added to the variance.
        momentum: Share of the old running statistics kept in a training step.

    Call arguments:
        inputs: Float tensor of rank 4 with at most the channels of `build`.
        training: Whether to normalise with the batch's own statistics and to
            update the running ones.
        momentum: Overrides `momentum`, float or scalar tensor. BN calibration
            passes the share of images already seen, which makes the running
            statistics plain averages.
        update_statistics: Whether training updates the running statistics. The
            training of a supernet leaves them to BN calibration.

    Input shape:
        `(batch, height, width, channels)`

    Output shape:
        Same as the input.

    Reference: Once-for-All, section 3.3 (re-estimated statistics); the running
    variance is that of `keras.layers.BatchNormalization` (biased).
    """

    def __init__(self, epsilon: float = 1e-3, momentum: float = 0.99, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"Expected `epsilon` to be positive. Received: epsilon={epsilon}.")
        if not 0 <= momentum <= 1:
            raise ValueError(f"Expected `momentum` to be between 0 and 1. Received: momentum={momentum}.")
        self.epsilon = epsilon
        self.momentum = momentum

    def build(self, input_shape: tuple) -> None:
        def add(name: str, initializer: str, trainable: bool) -> keras.Variable:
            return self.add_weight(
                name=name,
                shape=(input_shape[-1],),
                initializer=initializer,
                trainable=trainable,
                dtype="float32",
                autocast=False,
            )

        self.gamma = add("gamma", "ones", True)
        self.beta = add("beta", "zeros", True)
        self.moving_mean = add("moving_mean", "zeros", False)
        self.moving_variance = add("moving_variance", "ones", False)

    def call(
        self, inputs: tf.Tensor, training: bool = False, momentum: Any = None, update_statistics: bool = True
    ) -> tf.Tensor:
        channels = num_channels(inputs)
        if training:  # the operator then computes the statistics itself
            given_mean = given_variance = tf.zeros((0,))
        else:
            given_mean = first_channels(self.moving_mean, channels)
            given_variance = first_channels(self.moving_variance, channels)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=first_channels(self.gamma, channels),
            offset=first_channels(self.beta, channels),
            mean=given_mean,
            variance=given_variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        if momentum is None:
            momentum = self.momentum
        if training and update_statistics:
            # The operator estimates the population's variance; the running one is the sample's, as in Keras.
            num_channels_64 = tf.cast(tf.maximum(channels, 1), tf.int64)
            count = tf.cast(tf.size(inputs, tf.int64) // num_channels_64, tf.float32)
            sample_variance = variance * (count - 1) / count
            momentum = tf.cast(momentum, tf.float32)
            _update(self.moving_mean, mean, momentum)
            _update(self.moving_variance, sample_variance, momentum)
        return outputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "momentum": self.momentum}

    def static_weights(self, channels: int) -> list[np.ndarray]:
        """Weights of the plain `BatchNormalization` of the first channels."""
        weights = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        return [as_numpy(weight)[:channels] for weight in weights]


def _update(running: keras.Variable, batch: tf.Tensor, momentum: tf.Tensor) -> None:
    old = tf.convert_to_tensor(running)
    channels = num_channels(batch)
    kept = tf.math.multiply_no_nan(old[:channels], momentum)  # a momentum of 0 forgets even NaN and infinity
    new = kept + tf.stop_gradient(batch) * (1 - momentum)
    # Averaged over replicas by BN calibration, when all have seen their images.
    assign_here(running.value, tf.concat([new, old[channels:]], axis=0))
