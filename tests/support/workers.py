"""Real workers: processes on this computer that find each other by TF_CONFIG."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def start_workers(num_workers: int, command: Sequence[str]) -> list[subprocess.Popen]:
    """Start a Python program once for each worker.

    Args:
        num_workers: Number of workers.
        command: What stands behind `python`; `{worker}` becomes the number of the worker.
    """
    ports = _free_ports(num_workers)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    workers = []
    for worker in range(num_workers):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": worker}}
        arguments = [part.replace("{worker}", str(worker)) for part in command]
        workers.append(start_program(arguments, {"TF_CONFIG": json.dumps(cluster)}))
    return workers


def start_program(arguments: Sequence[str], variables: dict[str, str] | None = None) -> subprocess.Popen:
    """Start a Python program of the repository."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(_ROOT), **(variables or {})}
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(processes: Sequence[subprocess.Popen], timeout_s: float = 300) -> list[str]:
    """Wait for programs to end: what they wrote."""
    try:
        return [process.communicate(timeout=timeout_s)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def _free_ports(num_ports: int) -> list[int]:
    """Ports that nobody uses, all different."""
    sockets = [socket.socket() for _ in range(num_ports)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
