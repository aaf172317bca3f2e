"""Keras's SGD with one operation for each variable."""

from typing import Any

import keras
import tensorflow as tf


class FusedSGD(keras.optimizers.SGD):
    """`keras.optimizers.SGD` with momentum, whose update goes over a variable once.

    Keras computes the same by half a dozen operations, each of which goes over the whole variable. Under a strategy of
    `tf.distribute`, for which TensorFlow's operation is not made, Keras's are used.
    """

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
        """Update a variable and its momentum.

        Args:
            gradient: Of the loss.
            variable: TensorFlow's variable of a Keras variable.
            learning_rate: Scalar.
        """
        if tf.distribute.has_strategy() or not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        momentum = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=momentum.value.handle,
            lr=tf.cast(learning_rate, gradient.dtype),
            grad=gradient,
            momentum=tf.constant(self.momentum, gradient.dtype),
            use_nesterov=self.nesterov,
        )
