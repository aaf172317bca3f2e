"""How a quickstart ships and measures its networks. One that cannot be shipped costs its row, not the others."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar, tell
from ofa_tf.devices.benchmark_results import save_benchmark, with_hashes
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.tflite.shipping.references import References
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.shipping.sidecar import remove_model
from ofa_tf.workflow.export import data_of_run
from ofa_tf.workflow.export_plan import searched_for_such
from ofa_tf.workflow.model_cards import update_model_card
from ofa_tf.workflow.quickstart_settings import QUICKSTART_MODELS, QuickstartModels, QuickstartSettings
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.run_folder import model_name

_BENCHMARK_SETTINGS = BenchmarkSettings(rounds=30, min_time_s=5.0)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A network of the final table.

    Args:
        name: Name of its row.
        arch: What it is.
        budget_ms: Latency budget that it was found for, if any.
        search_seconds: That finding it took, beyond the training and the tables; `None`: it was not searched.
        train_seconds: That training it alone took; `None`: it was cut out of the supernet.
        model: The network, where it is not to be cut out of the supernet.
        search: What the search that found it wrote of it, see `search_facts`.
    """

    name: str
    arch: Arch
    budget_ms: float | None = None
    search_seconds: float | None = None
    train_seconds: float | None = None
    model: keras.Model | None = None
    search: Mapping[str, Any] | None = None


def export_candidates(
    run: Run,
    device: Device,
    candidates: Sequence[Candidate],
    settings: QuickstartSettings,
    command: str | None = None,
) -> list[dict[str, Any]]:
    """Export all networks, each as a model of every kind; one row of the summary each.

    Args:
        run: What they are of.
        device: Whose latency is predicted.
        candidates: The networks.
        settings: What is let through.
        command: See `Origin`.

    Returns:
        The facts about each. What keeps a model from being shipped is among the `errors` of its row, by the name of
        the kind, and why a latency is not to be trusted will be among the `doubts`.

    Raises:
        InputError: If no model at all could be shipped.
    """
    rows = []
    with progress_bar(len(candidates), "export", "network") as bar:
        for candidate in candidates:
            rows.append(_export(run, device, candidate, settings, command))
            bar.update()
    if not any(_has_model(row) for row in rows):
        raise InputError(f"Expected at least one model to be shipped. Received: none. {_describe_failures(rows)}")
    return rows


def measure_rows(run: Run, device: Device, rows: Sequence[dict[str, Any]]) -> None:
    """Measure the models of all rows in turns, and add their latencies, or what went wrong, to the rows.

    The latencies go into the models' cards, too.

    Raises:
        InputError: If none of them runs on the device.
    """
    places = []
    models = []
    for row in rows:
        for kind in QUICKSTART_MODELS.values():
            if kind.path_key in row:
                places.append((row, kind))
                models.append(BenchmarkModel(model_name(row["name"], kind.name), Path(row[kind.path_key])))
    with progress_bar(None, f"benchmark on {device.id}", "step") as bar:
        measurements = device.measure(models, _BENCHMARK_SETTINGS, on_progress(bar))
    for (row, kind), measurement in zip(places, measurements, strict=True):
        if measurement.error:
            row["errors"][kind.name] = f"It does not run on {device.id}: {measurement.error}"
        else:
            row[kind.latency_key] = measurement.latency_ms
        if measurement.doubt:
            row["doubts"][kind.name] = measurement.doubt
    if all(measurement.error for measurement in measurements):
        raise InputError(
            f"Expected at least one model to run on {device.id}. Received: none. {_describe_failures(rows)}"
        )
    save_benchmark(run.benchmark_path, with_hashes(measurements, models), _BENCHMARK_SETTINGS)
    for row, kind in places:
        if kind.latency_key in row:
            update_model_card(row[kind.path_key], [run.benchmark_path])


def _export(
    run: Run, device: Device, candidate: Candidate, settings: QuickstartSettings, command: str | None
) -> dict[str, Any]:
    """Export a network as a model of every kind; the facts about all are a row of the summary."""
    arch = candidate.arch
    options = ExportOptions(max_accuracy_drop=settings.max_accuracy_drop)
    network = candidate.model
    if network is None:
        run.evaluator.calibrate(arch)
        network = extract_subnet(run.supernet, arch)
    data = data_of_run(run.evaluator, run.config, arch, options)
    references = References.measure(network, data, arch)
    row: dict[str, Any] = {
        "name": candidate.name,
        "arch": arch.to_dict(),
        "image_size": arch.image_size,
        "budget_ms": candidate.budget_ms,
        "predicted_latency_ms": run.latency_model(device, settings.precision).predict(arch),
        "num_macs": int(num_macs(run.space, arch, run.supernet.num_classes)),
        "num_params": int(num_params(run.space, arch, run.supernet.num_classes)),
        "num_test_images": len(references.reported.logits),
        "search_seconds": candidate.search_seconds,
        "train_seconds": candidate.train_seconds,
        "errors": {},
        "doubts": {},
        "float_layers": {},
    }
    for kind in QUICKSTART_MODELS.values():
        path = run.model_path(candidate.name, kind.name)
        options_of_kind = dataclasses.replace(options, quantization=kind.quantization)
        origin = Origin(
            command,
            candidate.search,
            run.predict_latencies(arch, options_of_kind),
            is_plain=candidate.model is not None,
            is_searched_for_such=searched_for_such(candidate.search or {}, options_of_kind),
        )
        try:
            shipped = ship(network, arch, path, options_of_kind, data=data, references=references, origin=origin)
        except OSError:  # such as a full disk, which the next model would meet, too
            raise
        except Exception as error:  # the gate's, or whatever a converter raises
            _note_failure(row, kind, path, error)
        else:
            row[kind.size_key] = shipped["size_bytes"]
            row[kind.top1_key] = shipped["top1"]
            row[kind.path_key] = shipped["path"]
            row["float_layers"][kind.name] = len(shipped["float_layers"])
    return row


def _has_model(row: dict[str, Any]) -> bool:
    return any(kind.path_key in row for kind in QUICKSTART_MODELS.values())


def _note_failure(row: dict[str, Any], kind: QuickstartModels, path: Path, error: Exception) -> None:
    """Say why a model is not shipped, and remove that of an earlier call, which may be of another network."""
    reason = " ".join(str(error).split())
    if not isinstance(error, InputError):
        reason = f"{type(error).__name__}: {reason}"
    row["errors"][kind.name] = reason
    tell(f"{row['name']} is not shipped as {kind.name}: {reason}")
    remove_model(path)


def _describe_failures(rows: Sequence[dict[str, Any]]) -> str:
    faults = []
    for row in rows:
        for kind, error in row["errors"].items():
            faults.append(f"{row['name']} as {kind}: {error}")
    return " ".join(faults)
