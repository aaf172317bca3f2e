"""`ElasticBatchNormalization`: batch normalization of the first channels, and an activation."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.replicas import assign_here
from ofa_tf.networks.layers.activations import get_activation
from ofa_tf.networks.layers.fused_normalization import normalize_and_activate
from ofa_tf.networks.layers.gpu import compiles_for_gpu
from ofa_tf.networks.layers.slicing import as_numpy, first_channels, num_channels


@keras.saving.register_keras_serializable(package="ofa_tf")
class ElasticBatchNormalization(keras.layers.Layer):
    """Batch normalization with an elastic number of channels, and the activation behind it.

    In training on a GPU both are one operation, see `fused_normalization.py`.

    The running statistics are those of whatever subnets ran in training mode;
    they describe one subnet only after BN calibration (`calibrate_batch_norm`).
    Weights and statistics are kept in float32 under any dtype policy.

    Args:
        epsilon: Added to the variance.
        momentum: Share of the old running statistics kept in a training step.
        activation: Name of the activation, see `get_activation`; none by default.

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

    def __init__(
        self,
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        activation: str = "linear",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise ValueError(f"Expected `epsilon` to be positive. Received: epsilon={epsilon}.")
        if not 0 <= momentum <= 1:
            raise ValueError(f"Expected `momentum` to be between 0 and 1. Received: momentum={momentum}.")
        self.epsilon = epsilon
        self.momentum = momentum
        self.activation = activation
        self._activate = get_activation(activation)

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
        if not training:
            return self._normalize_by_running_statistics(inputs)
        outputs, mean, variance = self._normalize_by_batch_statistics(inputs)
        if update_statistics:
            if momentum is None:
                momentum = self.momentum
            momentum = tf.cast(momentum, tf.float32)
            _update(self.moving_mean, mean, momentum)
            _update(self.moving_variance, variance, momentum)
        return outputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"epsilon": self.epsilon, "momentum": self.momentum, "activation": self.activation}
        return {**super().get_config(), **config}

    def static_weights(self, channels: int) -> list[np.ndarray]:
        """Weights of the plain `BatchNormalization` of the first channels."""
        weights = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        return [as_numpy(weight)[:channels] for weight in weights]

    def _normalize_by_running_statistics(self, inputs: tf.Tensor) -> tf.Tensor:
        channels = num_channels(inputs)
        mean = first_channels(self.moving_mean, channels)
        variance = first_channels(self.moving_variance, channels)
        outputs, *_ = self._run_operator(inputs, mean, variance, is_training=False)
        return self._activate(outputs)

    def _normalize_by_batch_statistics(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The outputs, and mean and biased variance of the inputs."""
        channels = num_channels(inputs)
        if compiles_for_gpu():
            gamma = first_channels(self.gamma, channels)
            beta = first_channels(self.beta, channels)
            return normalize_and_activate(inputs, gamma, beta, epsilon=self.epsilon, activation=self.activation)
        nothing_given = tf.zeros((0,))  # the operator then computes the statistics itself
        outputs, mean, population_variance, *_ = self._run_operator(
            inputs, nothing_given, nothing_given, is_training=True
        )
        # The operator estimates the population's variance; the running one is the sample's, as in Keras.
        num_channels_64 = tf.cast(tf.maximum(channels, 1), tf.int64)
        count = tf.cast(tf.size(inputs, tf.int64) // num_channels_64, tf.float32)
        variance = population_variance * (count - 1) / count
        return self._activate(outputs), mean, variance

    def _run_operator(self, inputs: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, is_training: bool) -> Any:
        channels = num_channels(inputs)
        return tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=first_channels(self.gamma, channels),
            offset=first_channels(self.beta, channels),
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=is_training,
        )


def _update(running: keras.Variable, batch: tf.Tensor, momentum: tf.Tensor) -> None:
    old = tf.convert_to_tensor(running)
    channels = num_channels(batch)
    kept = tf.math.multiply_no_nan(old[:channels], momentum)  # a momentum of 0 forgets even NaN and infinity
    new = kept + tf.stop_gradient(batch) * (1 - momentum)
    # Averaged over replicas by BN calibration, when all have seen their images.
    assign_here(running.value, tf.concat([new, old[channels:]], axis=0))
