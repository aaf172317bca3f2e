"""On how many devices, and which worker this process is. Loads no TensorFlow: mistakes need not wait for it.

The workers of a cluster are processes that run the same program. Who starts them tells each of them which one it is:
by the environment variable TF_CONFIG, as TensorFlow reads it, or by Slurm's variables, as `srun` sets them.
"""

import dataclasses
import enum
import json
import os
from collections.abc import Mapping
from typing import Any

from ofa_tf.base.errors import InputError

_TF_CONFIG = "TF_CONFIG"
_SLURM_NUM_TASKS = "SLURM_STEP_NUM_TASKS"
_SLURM_TASK = "SLURM_PROCID"

# The kinds of tasks that train; in this order TensorFlow counts workers.
_TASK_TYPES = ("chief", "worker")

_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


class Distribution(enum.Enum):
    """On which devices a network is computed."""

    NONE = "none"  # one
    MIRRORED = "mirrored"  # all of this computer
    MULTIWORKER = "multiworker"  # all of several processes, on one computer or several


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers, and which one this process is.

    Args:
        worker: Number of this worker, from 0.
        num_workers: Number of workers.
        is_slurm: Whether Slurm tells of them; TF_CONFIG else.
    """

    worker: int
    num_workers: int
    is_slurm: bool = False


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster:
    """What the environment says about the cluster: TF_CONFIG, or else Slurm.

    Raises:
        InputError: If it says nothing, or something that makes no sense.
    """
    if _TF_CONFIG in environment:
        return _parse(environment[_TF_CONFIG])
    if _SLURM_NUM_TASKS in environment and _SLURM_TASK in environment:
        return Cluster(int(environment[_SLURM_TASK]), int(environment[_SLURM_NUM_TASKS]), is_slurm=True)
    raise InputError(
        "Expected a cluster with --distribution=multiworker. Received: neither TF_CONFIG nor a step of Slurm. Start "
        f"the program with srun, or set TF_CONFIG for each worker, such as {_EXAMPLE}; for the devices of one "
        "computer, --distribution=mirrored needs neither."
    )


def check_batch_size(batch_size: int, num_replicas: int) -> None:
    """Check that a batch can be dealt out in equal shares.

    Args:
        batch_size: Images in a step, over all replicas.
        num_replicas: Those that share it; or the number of workers, as long as only that is known.

    Raises:
        InputError: If it cannot.
    """
    if batch_size % num_replicas:
        raise InputError(
            f"Expected --batch_size to be a multiple of the {num_replicas} replicas, which share each batch. "
            f"Received: --batch_size={batch_size}. Use another batch size, or another number of devices."
        )


def _parse(text: str) -> Cluster:
    """The cluster that TF_CONFIG describes."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _error(f"no JSON ({error})") from error
    cluster = _get(document, "cluster")
    task = _get(document, "task")
    if not isinstance(cluster, dict) or not cluster:
        raise _error('no "cluster" with a list of workers')
    strangers = sorted(set(cluster) - set(_TASK_TYPES))
    if strangers:
        raise _error(f"tasks that do not train: {', '.join(strangers)}")
    workers = []
    all_addresses: list[str] = []
    for task_type in _TASK_TYPES:
        addresses = cluster.get(task_type, [])
        _check_addresses(addresses, task_type)
        all_addresses += addresses
        workers += [(task_type, index) for index in range(len(addresses))]
    if len(set(all_addresses)) < len(all_addresses):
        raise _error("the same address for several workers")
    this = (_get(task, "type"), _as_number(_get(task, "index")))
    if this not in workers:
        known = ", ".join(f"{task_type} {index}" for task_type, index in workers)
        raise _error(f'a "task" of type {this[0]} and index {this[1]}, where the cluster has: {known or "none"}')
    return Cluster(workers.index(this), len(workers))


def _get(document: Any, key: str) -> Any:
    """An entry of a JSON object; `None` if there is none, or no object."""
    return document.get(key) if isinstance(document, dict) else None


def _as_number(index: Any) -> Any:
    """An index that is written as a string is one, too, as for TensorFlow."""
    return int(index) if isinstance(index, str) and index.isdigit() else index


def _check_addresses(addresses: Any, task_type: str) -> None:
    """Check that addresses are like those of workers."""
    if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
        raise _error(f'"{task_type}" that is no list of addresses')
    for address in addresses:
        port = address.rpartition(":")[2]
        if ":" not in address or not port.isdigit():
            raise _error(f"the address {address!r}, which is not like host:port")


def _error(received: str) -> InputError:
    return InputError(f"Expected TF_CONFIG to be like {_EXAMPLE}. Received: {received}. Correct it for every worker.")
