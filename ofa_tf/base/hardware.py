"""What TensorFlow computes on, in words; and whether it leaves a GPU unused.

Loads no TensorFlow: who has loaded it passes on what it sees.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ofa_tf.base.cpu_model import read_cpu_entries, read_cpu_model

DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")  # of the NVIDIA driver on Linux, one entry a GPU

# By which a user says that no GPU shall be used.
_VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
_NO_GPU = ("", "-1")


def describe_hardware(
    gpu_names: Sequence[str],
    intra_op_threads: int,
    precision: str,
    num_replicas: int = 1,
    num_workers: int = 1,
) -> str:
    """What is computed on, and how.

    Args:
        gpu_names: The GPUs that TensorFlow uses.
        intra_op_threads: Threads that share one operation on the CPU; 0 for as many as
            there are cores.
        precision: What is computed in, such as `float32`.
        num_replicas: Copies of the network that compute together, on all workers.
        num_workers: Processes that compute together.
    """
    if gpu_names:
        place = ", ".join(f"GPU {index} ({name})" for index, name in enumerate(gpu_names))
    else:
        num_cores = os.cpu_count() or 1
        threads = intra_op_threads or num_cores
        place = f"the CPU ({read_cpu_model()}; {num_cores} cores, threads of an operation: {threads})"
    description = f"computing on {place}, in {precision}"
    if num_replicas > 1:
        description += f"; {num_replicas} replicas share a batch"
    if num_workers > 1:
        description += f", on {num_workers} workers like this one"
    return description


def read_cpu_features() -> frozenset[str]:
    """What this computer's processor can do, in Linux's words, such as `avx512f`; empty where that is not known."""
    flags = " ".join(read_cpu_entries("flags")[:1])
    return frozenset(flags.split())


def has_nvidia_gpu(
    environment: Mapping[str, str] = os.environ,
    driver_folder: Path = DRIVER_FOLDER,
) -> bool:
    """Whether there is an NVIDIA GPU, and the user has not said that none shall be used.

    Args:
        environment: Environment variables.
        driver_folder: Where the driver lists its GPUs.
    """
    if environment.get(_VISIBLE_GPUS) in _NO_GPU:
        return False
    return driver_folder.is_dir() and any(driver_folder.iterdir())


def find_unused_gpu(
    num_used: int,
    environment: Mapping[str, str] = os.environ,
    driver_folder: Path = DRIVER_FOLDER,
) -> str | None:
    """A warning if there is a GPU that TensorFlow does not use although nobody told it so.

    Args:
        num_used: GPUs that TensorFlow uses.
        environment: Environment variables.
        driver_folder: Where the driver lists its GPUs.

    Returns:
        What is wrong and what to do; `None` if nothing is.
    """
    if num_used or not has_nvidia_gpu(environment, driver_folder):
        return None
    return (
        "warning: this computer has an NVIDIA GPU that TensorFlow does not use; its CUDA libraries are missing or too "
        "old for the driver. Install them: pip install -c constraints.txt -e .[cuda]"
    )
