"""The whole way, from an untrained supernet to measured int8 models, in one call."""

import contextlib
import dataclasses
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.devices.benchmark_results import save_benchmark
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR
from ofa_tf.space import costs
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.gate import Reference
from ofa_tf.tflite.shipping.ship import ship
from ofa_tf.training.baseline import train_baseline
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import PHASES
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.workflow.export import export_data
from ofa_tf.workflow.pipeline import Limits, measure_accuracies, measure_latencies, search_under
from ofa_tf.workflow.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class QuickstartSettings:
    """Sizes of the steps after training.

    Args:
        num_archs: Subnets whose accuracy is measured.
        num_networks: Whole networks that calibrate the latency model; half as many others check it.
        num_generations: Length of each search.
        num_finalists: Archs that are measured at the end of each search.
        budget_fractions: Where the latency budgets lie between the smallest
            (0) and the largest (1) subnet's predicted latency, on a logarithmic
            scale.
        max_accuracy_drop: See `ExportOptions`.
    """

    num_archs: int = 32
    num_networks: int = 6
    num_generations: int = 200
    num_finalists: int = 3
    budget_fractions: tuple[float, ...] = (0.2, 0.4, 0.6)
    max_accuracy_drop: float = 0.01

    def __post_init__(self) -> None:
        for name, minimum in (("num_archs", MIN_ARCHS_FOR_PREDICTOR), ("num_networks", MIN_ARCHS_FOR_EXPONENT)):
            if getattr(self, name) < minimum:
                raise InputError(f"Expected `{name}` to be at least {minimum}. Received: {name}={getattr(self, name)}.")


def run_quickstart(config: TrainConfig, device: Device, settings: QuickstartSettings | None = None) -> dict[str, Any]:
    """Train, measure, search, ship and benchmark; everything lands in the workdir.

    Steps that an earlier, interrupted call finished are not done again where
    they can be continued (training phases, accuracy table).

    Args:
        config: Training settings.
        device: Where latencies are measured.
        settings: Sizes of the other steps.

    Returns:
        The summary, as written to `summary.json`: `rows`, `seconds` of each
        step, and reports on the predictors.
    """
    settings = settings or QuickstartSettings()
    seconds: dict[str, float] = {}

    with _timed(seconds, "train"):
        evaluator = train(config, PHASES, resume=True).evaluator
    workdir = Workdir(config.workdir, evaluator)
    with _timed(seconds, "accuracy_table"):
        measure_accuracies(workdir, settings.num_archs, config.seed)
    with _timed(seconds, "latency_table"):
        latency_report = measure_latencies(
            workdir,
            device,
            num_networks=settings.num_networks,
            num_held_out=settings.num_networks // 2,
            seed=config.seed,
        )
    with _timed(seconds, "search"):
        candidates = _find_candidates(workdir, device, settings, config.seed)
    with _timed(seconds, "plain_keras_net"):
        plain_arch = _plain_arch(workdir)
        num_epochs = sum(phase.epochs for phase in config.phases.values())
        plain = train_baseline(config, workdir.source, workdir.space, plain_arch, num_epochs)
    with _timed(seconds, "export"):
        networks = []
        for name, (arch, budget_ms) in candidates.items():
            workdir.evaluator.calibrate(arch)
            networks.append(_Network(name, arch, budget_ms, extract_subnet(workdir.supernet, arch)))
        networks.append(_Network("plain_keras", plain_arch, None, plain))
        with progress_bar(len(networks), "export", "network") as bar:
            rows = []
            for network in networks:
                rows.append(_ship_row(workdir, network, device, settings.max_accuracy_drop))
                bar.update()
    with _timed(seconds, "benchmark"):
        _measure_rows(workdir, device, rows)
    summary = {
        "rows": rows,
        "seconds": seconds,
        "peak_ram_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "latency_model": latency_report,
        "device": device.describe().to_dict(),
    }
    files.write_json(workdir.path / "summary.json", "summary", summary)
    return summary


@dataclasses.dataclass(frozen=True)
class _Network:
    name: str
    arch: Arch
    budget_ms: float | None
    model: Any


def _find_candidates(
    workdir: Workdir, device: Device, settings: QuickstartSettings, seed: int
) -> dict[str, tuple[Arch, float | None]]:
    """Arch and latency budget of the found subnets and of the largest one, by name."""
    space, model = workdir.space, workdir.latency_model(device.id)
    smallest_ms, largest_ms = (float(model.predict(arch)) for arch in (space.smallest(), space.largest()))
    evolution = EvolutionSettings(num_generations=settings.num_generations)
    candidates: dict[str, tuple[Arch, float | None]] = {}
    for index, fraction in enumerate(settings.budget_fractions):
        budget_ms = float(np.ceil(1000 * smallest_ms * (largest_ms / smallest_ms) ** fraction) / 1000)
        found = search_under(
            workdir,
            Limits(latency_ms=budget_ms),
            device.id,
            settings=evolution,
            num_finalists=settings.num_finalists,
            seed=seed,
        )
        name = f"found_{index + 1}"
        found.arch.save(workdir.path / "archs" / f"{name}.json", found.notes())
        candidates[name] = (found.arch, budget_ms)
    candidates["largest"] = (space.largest(), None)
    return candidates


def _plain_arch(workdir: Workdir) -> Arch:
    """The middle kernel size, expand ratio and image size, in the smallest depth.

    In the MobileNetV3 spaces that makes 11 blocks, as many as MobileNetV3-Small has.
    """
    space = workdir.space
    genes = (space.gene_counts - 1) // 2
    genes[space.depth_genes] = 0
    return space.decode_one(genes)


def _ship_row(workdir: Workdir, network: _Network, device: Device, max_accuracy_drop: float) -> dict[str, Any]:
    arch, space = network.arch, workdir.space
    options = ExportOptions(max_accuracy_drop=max_accuracy_drop)
    data = export_data(workdir, arch, options)
    reference = Reference.measure(network.model, data.held_out(arch))
    row: dict[str, Any] = {
        "name": network.name,
        "arch": arch.to_dict(),
        "image_size": arch.image_size,
        "budget_ms": network.budget_ms,
        "predicted_latency_ms": workdir.latency_model(device.id).predict(arch),
        "num_macs": costs.num_macs(space, arch, workdir.supernet.num_classes),
        "num_params": costs.num_params(space, arch, workdir.supernet.num_classes),
    }
    for quantization, prefix, suffix in (("none", "", "float"), ("int8", "int8_", "int8")):
        path = workdir.path / "models" / f"{network.name}_{suffix}.tflite"
        shipped = ship(
            network.model, arch, path, dataclasses.replace(options, quantization=quantization), data, reference
        )
        row[f"{prefix}size_bytes"] = shipped["size_bytes"]
        row[f"{suffix}_top1"] = shipped["top1"]
        row[f"tflite_{suffix}"] = shipped["path"]
    return row


def _measure_rows(workdir: Workdir, device: Device, rows: list[dict[str, Any]]) -> None:
    keys = [(row, key) for row in rows for key in ("float", "int8")]
    models = [BenchmarkModel(f"{row['name']}_{key}", Path(row[f"tflite_{key}"])) for row, key in keys]
    settings = BenchmarkSettings(rounds=30, min_time_s=5.0)
    with progress_bar(1, f"benchmark on {device.id}", "step") as bar:
        measurements = device.measure(models, settings, on_progress(bar))
    failed = [f"{measurement.model}: {measurement.error}" for measurement in measurements if measurement.error]
    if failed:
        raise InputError(f"Expected all models to run on {device.id}. Received: {'; '.join(failed)}.")
    for (row, key), measurement in zip(keys, measurements, strict=True):
        row["latency_ms" if key == "float" else "int8_latency_ms"] = measurement.latency_ms
    save_benchmark(workdir.path / "benchmark.json", measurements, settings)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - start, 1)
