"""How the programs set TensorFlow up; the library itself leaves global settings alone."""

import contextlib
import os
from typing import TYPE_CHECKING, Any

from ofa_tf.base.cluster import Distribution, find_cluster
from ofa_tf.base.compute_precision import check_compute_precision, get_compute_precision
from ofa_tf.base.errors import InputError
from ofa_tf.base.hardware import describe_hardware, find_unused_gpu
from ofa_tf.base.interrupts import ended_by_interrupts
from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.base.progress import announce, mute, tell

# It loads TensorFlow.
if TYPE_CHECKING:
    from ofa_tf.base.replicas import Replicas

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_FATAL_ONLY = "3"
# Whoever sets a level wants to see what TensorFlow says.
_IS_QUIET = _LOG_LEVEL not in os.environ


def set_environment() -> None:
    """Set what TensorFlow reads when it is imported, which a plugin may do before `configure_tensorflow` is called.

    What the user has set stays as it is.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault(_LOG_LEVEL, "2")
    # cuDNN would try all its kernels for each new shape, of which a supernet has hundreds.
    os.environ.setdefault("TF_CUDNN_USE_AUTOTUNE", "0")


def quiet_tensorflow() -> contextlib.AbstractContextManager[None]:
    """Withhold what TensorFlow writes to stderr while it is imported, unless the user has set a level.

    That is a dozen lines on oneDNN and on CUDA drivers that are not there, whatever
    the level.
    """
    return withheld_stderr() if _IS_QUIET else contextlib.nullcontext()


def configure_tensorflow(
    intra_op_threads: int = 0,
    mixed_precision: str = "none",
    deterministic: bool = False,
    distribution: Distribution = Distribution.NONE,
) -> "Replicas":
    """Set TensorFlow up for training supernets, and say what it computes on. Call before it is imported.

    oneDNN's kernels are turned on, which TensorFlow does by itself only on some
    processors. Its graph optimizer is turned off: on the graph of a supernet,
    which has a branch for every choice, it takes as long as tracing and speeds
    nothing up (docs/decisions/006 and 009 have the measurements).

    Args:
        intra_op_threads: Threads that share one operation; 0 for as many as there
            are cores. Where operations are small, splitting them costs more
            than it saves: operations that do not wait for each other, of which a
            backward pass has many, then make better use of the cores.
        mixed_precision: What networks will compute in, by its name in `COMPUTE_PRECISIONS`.
        deterministic: Whether a GPU, too, shall give the same bits for the same seed, for
            which it is slower in places; a CPU does so anyway.
        distribution: On which devices to compute. With several workers, this waits until all are there, and
            all but the first say nothing from now on.

    Returns:
        The replicas of a network that compute together; one, if there is one device.

    Raises:
        InputError: If `intra_op_threads` is negative, this computer lacks what
            `mixed_precision` needs, or `distribution` needs workers of which nothing is said.
    """
    if intra_op_threads < 0:
        raise InputError(
            f"Expected `intra_op_threads` to be at least 0. Received: intra_op_threads={intra_op_threads}."
        )
    check_compute_precision(mixed_precision)
    set_environment()
    if distribution is Distribution.MULTIWORKER:
        _prepare_worker()
    announce("loading TensorFlow")
    with quiet_tensorflow():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(intra_op_threads)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    from ofa_tf.base.replicas import open_replicas

    with _while_waiting(distribution):
        replicas = open_replicas(distribution)
    gpu_names = [_name(gpu) for gpu in gpus]
    precision = get_compute_precision(mixed_precision)
    tell(
        describe_hardware(
            gpu_names, intra_op_threads, precision.description, replicas.num_replicas, replicas.num_workers
        )
    )
    warning = find_unused_gpu(len(gpus))
    if warning is not None:
        tell(warning)
    if distribution is Distribution.MIRRORED and replicas.num_replicas == 1:
        tell("--distribution=mirrored: there is one device, and one replica computes alone, as without the flag")
    return replicas


def _while_waiting(distribution: Distribution) -> contextlib.AbstractContextManager[None]:
    """Around the wait for other workers, which Ctrl-C ends."""
    if distribution is Distribution.MULTIWORKER:
        return ended_by_interrupts()
    return contextlib.nullcontext()


def _prepare_worker() -> None:
    """Let one worker speak for all, and not TensorFlow of workers that are gone: the program's own error does."""
    if _IS_QUIET:
        os.environ[_LOG_LEVEL] = _FATAL_ONLY
    cluster = find_cluster()
    announce(f"waiting until all {cluster.num_workers} workers are there (Ctrl-C ends it)")
    if cluster.worker > 0:
        mute()


def _name(gpu: Any) -> str:
    """What the maker calls a GPU; TensorFlow's name if it does not tell."""
    import tensorflow as tf

    name: str = tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    return name
