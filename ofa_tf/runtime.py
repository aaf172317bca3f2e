"""How the programs set TensorFlow up; the library itself leaves global settings alone."""

import os


def configure_tensorflow() -> None:
    """Set TensorFlow up for training supernets on a CPU. Call before it is imported.

    oneDNN's kernels are turned on, which TensorFlow does by itself only on some
    processors. Its graph optimizer is turned off: on the graph of a supernet,
    which has a branch for every choice, it takes as long as tracing and speeds
    nothing up. Both are measured in BUILD_NOTES.md.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
