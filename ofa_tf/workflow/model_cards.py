"""Making the card of a shipped model again, with latencies measured since. Loads neither TensorFlow nor Keras."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.devices.benchmark_results import load_benchmark
from ofa_tf.devices.device import Measurement
from ofa_tf.devices.device_facts import kind_of_measurement, shareable_facts
from ofa_tf.tflite.litert.interpreter import describe_model
from ofa_tf.tflite.shipping.elastic_file import is_elastic
from ofa_tf.tflite.shipping.sidecar import card_path, load_sidecar, save_facts

_KEY = "measured_latencies"  # of the measurements in a sidecar

# What of a measurement a sidecar keeps, beside the facts about the device.
_KEPT = ("latency_ms", "latency_low_ms", "latency_high_ms", "num_runs", "doubt", "output_error")


def update_model_card(model_path: str | Path, benchmark_paths: Sequence[str | Path] = ()) -> Path:
    """Make the card of a model again from its sidecar, after adding latencies that were measured to both.

    What somebody wrote into the card's own part is kept.

    Args:
        model_path: The `.tflite` file, with its sidecar beside it.
        benchmark_paths: Files of tools/benchmark.py. Of each, the measurements of this model are taken: those of
            a file of its name, and, where the file says it, of its content. They replace those that the sidecar has of
            the same device, runtime and settings.

    Returns:
        The card.

    Raises:
        InputError: If the model or the sidecar is missing, they do not belong together, the
            card would replace another file, or a benchmark has nothing of this model.
    """
    path = Path(model_path)
    if is_elastic(path):
        raise InputError(
            f"Expected a file of one model, with --card. Received: {path}, an elastic file, which has a sidecar only. "
            "See --describe."
        )
    facts = load_sidecar(path)
    facts.pop("schema", None)
    tensors = describe_model(path)
    for name in ("input_tensor", "output_tensor"):
        facts[name] = tensors[name]  # Sidecars of earlier versions lack them.

    measured: list[dict[str, Any]] = list(facts.get(_KEY) or [])
    for benchmark_path in benchmark_paths:
        for measurement in _measurements_of(path, benchmark_path):
            measured = _with_measurement(measured, _describe(measurement))
    if measured:
        facts[_KEY] = measured
    save_facts(path, facts)
    return card_path(path)


def _measurements_of(model_path: Path, benchmark_path: str | Path) -> list[Measurement]:
    """The measurements of a model in a file.

    Raises:
        InputError: If there are none, or one is of another model of the same name.
    """
    measurements = load_benchmark(benchmark_path)
    sha256 = hashlib.sha256(model_path.read_bytes()).hexdigest()
    found = []
    for measurement in measurements:
        if not _is_named(measurement.model, model_path) or measurement.latency_ms is None:
            continue
        if measurement.model_sha256 not in (None, sha256):
            raise InputError(
                f"Expected {benchmark_path} to be of {model_path} (sha256 {sha256}). Received: one of another model of "
                f"that name (sha256 {measurement.model_sha256}). Measure it with tools/benchmark.py."
            )
        found.append(measurement)
    if not found:
        names = ", ".join(measurement.model for measurement in measurements)
        raise InputError(
            f"Expected {benchmark_path} to have a latency of {model_path.name}. Received: measurements of {names}. "
            "Measure it with tools/benchmark.py."
        )
    return found


def _is_named(name: str, model_path: Path) -> bool:
    """Whether a measurement is of a model of this name: a path, or, in a quickstart, a name without an ending."""
    return Path(name).name in (model_path.name, model_path.stem)


def _describe(measurement: Measurement) -> dict[str, Any]:
    """A measurement as the sidecar has it."""
    facts = {name: getattr(measurement, name) for name in _KEPT}
    known = {name: value for name, value in facts.items() if value is not None}
    return {**known, "device": shareable_facts(measurement.device)}


def _with_measurement(measured: Sequence[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Measurements, with one more in place of an older one of the same kind."""
    others = [old for old in measured if _kind(old) != _kind(new)]
    return [*others, new]


def _kind(measurement: Mapping[str, Any]) -> list[Any]:
    """On what and how a latency was measured, apart from how a phone was reached."""
    return kind_of_measurement(measurement["device"])
