"""What layers need to know of the GPU that they run on, if there is one."""

import functools

import tensorflow as tf


def has_gpu() -> bool:
    """Whether TensorFlow computes on a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


@functools.cache
def compiles_for_gpu() -> bool:
    """Whether there is a GPU, and XLA can compile for it.

    XLA needs the assembler `ptxas` and the library `libdevice`, which `tensorflow[and-cuda]` installs and
    other installations of CUDA may lack.
    """
    if not has_gpu():
        return False
    with tf.init_scope(), tf.device("GPU:0"):
        try:
            _compiled_sum(tf.ones(2))
        except tf.errors.OpError:
            return False
    return True


@tf.function(jit_compile=True, autograph=False)
def _compiled_sum(values: tf.Tensor) -> tf.Tensor:
    # Of an exponential function, for which code from libdevice is needed.
    return tf.reduce_sum(tf.exp(values))
