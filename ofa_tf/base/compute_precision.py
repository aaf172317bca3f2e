"""In which precision networks compute in training, by name, and which processors can.

Loads no TensorFlow, so that a setting that does not fit the machine is told at once.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.hardware import DRIVER_FOLDER, has_nvidia_gpu, read_cpu_features


@dataclasses.dataclass(frozen=True)
class ComputePrecision:
    """What convolutions and activations are computed in. Weights and sums are float32 in all.

    Args:
        description: In words, as in "computing on the CPU, in float32".
        dtype_policy: Keras's name for it.
        cpu_features: What Linux calls the instructions for it, of which a CPU has at least
            one that computes in it; empty if every CPU does.
        scales_loss: Whether gradients would be too small for it, so that the loss has to be
            scaled up.
    """

    description: str
    dtype_policy: str
    cpu_features: tuple[str, ...] = ()
    scales_loss: bool = False


COMPUTE_PRECISIONS = {
    "none": ComputePrecision("float32", "float32"),
    "bfloat16": ComputePrecision("bfloat16 and float32", "mixed_bfloat16", ("avx512_bf16", "amx_bf16")),
    "float16": ComputePrecision("float16 and float32", "mixed_float16", ("avx512_fp16", "amx_fp16"), scales_loss=True),
}


def get_compute_precision(name: str) -> ComputePrecision:
    """Look up a precision by what `--mixed_precision` calls it.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in COMPUTE_PRECISIONS:
        raise InputError(
            f"Expected `mixed_precision` to be one of {', '.join(COMPUTE_PRECISIONS)}. "
            f"Received: mixed_precision={name!r}."
        )
    return COMPUTE_PRECISIONS[name]


def check_replicas(name: str, num_replicas: int) -> None:
    """Check that a step's loss need not be scaled where several replicas share it, which is not done here.

    Args:
        name: What `--mixed_precision` calls the precision.
        num_replicas: Those that share a step; or the number of workers, as long as only that is known.

    Raises:
        InputError: If it would have to be.
    """
    if get_compute_precision(name).scales_loss and num_replicas > 1:
        raise InputError(
            f"Expected --mixed_precision=bfloat16 or none with several replicas. Received: --mixed_precision={name}, "
            f"{num_replicas} replicas. Use bfloat16."
        )


def check_compute_precision(
    name: str,
    environment: Mapping[str, str] = os.environ,
    driver_folder: Path = DRIVER_FOLDER,
    cpu_features: frozenset[str] | None = None,
) -> None:
    """Check that this computer has what a precision needs: a GPU, or a CPU with instructions for it.

    Args:
        name: What `--mixed_precision` calls it.
        environment: Environment variables.
        driver_folder: Where the driver lists its GPUs.
        cpu_features: What the CPU can do; by default what Linux says. Where nothing is known,
            the precision passes.

    Raises:
        InputError: If it has neither.
    """
    needed = get_compute_precision(name).cpu_features
    if not needed or has_nvidia_gpu(environment, driver_folder):
        return
    if cpu_features is None:
        cpu_features = read_cpu_features()
    if not cpu_features or cpu_features & set(needed):
        return
    raise InputError(
        f"Expected --mixed_precision={name} on a GPU, or a CPU with {' or '.join(needed)}. Received: a computer with "
        "neither. Pass --mixed_precision=none: this CPU is faster in float32."
    )
