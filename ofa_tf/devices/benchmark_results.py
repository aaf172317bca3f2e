"""Benchmark results as a file."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Measurement

KIND = "benchmark"


def benchmark_document(
    measurements: Sequence[Measurement],
    settings: BenchmarkSettings,
    notes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measurements as JSON-serialisable data.

    The facts about the device, which all measurements share, appear once.

    Args:
        measurements: What was measured, all on one device.
        settings: How.
        notes: Further facts to keep, such as predictions.
    """
    rows = [dataclasses.asdict(measurement) for measurement in measurements]
    device: dict[str, Any] = {}
    for row in rows:
        device = row.pop("device")
    document: dict[str, Any] = {
        "device": device,
        "settings": settings.to_dict(),
        "measurements": rows,
    }
    if notes:
        document["notes"] = dict(notes)
    return document


def with_hashes(measurements: Sequence[Measurement], models: Sequence[BenchmarkModel]) -> list[Measurement]:
    """Measurements that say, by a hash, which models they are of: another model may get the same name later.

    Args:
        measurements: What was measured.
        models: The models, among them all that the measurements are of.
    """
    hashes = {model.name: _hash(model) for model in models}
    return [dataclasses.replace(row, model_sha256=hashes.get(row.model)) for row in measurements]


def _hash(model: BenchmarkModel) -> str:
    content = model.content
    if not isinstance(content, bytes):
        content = Path(content).read_bytes()
    return hashlib.sha256(content).hexdigest()


def save_benchmark(
    path: str | Path,
    measurements: Sequence[Measurement],
    settings: BenchmarkSettings,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write measurements as JSON, atomically; see `benchmark_document`."""
    document = benchmark_document(measurements, settings, notes)
    files.write_json(path, KIND, document)


def load_benchmark(path: str | Path) -> list[Measurement]:
    """Read the measurements of a file.

    Raises:
        InputError: If the file is missing or holds no measurements.
    """
    document = files.read_json(path, KIND, hint="Write one with tools/benchmark.py.")
    try:
        rows = document["measurements"]
        return [Measurement(**row, device=document["device"]) for row in rows]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"Expected {path} to hold measurements. Received: {error!r}. Write it again with tools/benchmark.py."
        ) from error
