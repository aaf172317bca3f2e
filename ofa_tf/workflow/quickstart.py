"""The whole way, from an untrained supernet to measured int8 models, in one call."""

import contextlib
import dataclasses
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.devices.benchmark_results import save_benchmark
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device
from ofa_tf.latency.budgets import spread_budgets_ms
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.gate import Reference
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.training.baseline import train_baseline
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import METHODS
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.workflow.export import data_of_run
from ofa_tf.workflow.latency import held_out_report
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.run_folder import model_name
from ofa_tf.workflow.search import SearchSettings

_BENCHMARK_SETTINGS = BenchmarkSettings(rounds=30, min_time_s=5.0)


@dataclasses.dataclass(frozen=True)
class _ModelKind:
    """A way to convert each network, and the keys of the model's facts in a row of the summary.

    Args:
        name: What models of the kind are called.
        quantization: How they are quantized.
        size_key: Key of the file's size, bytes.
        top1_key: Key of the accuracy.
        path_key: Key of the file.
        latency_key: Key of the measured latency, milliseconds.
    """

    name: str
    quantization: str
    size_key: str
    top1_key: str
    path_key: str
    latency_key: str


_MODEL_KINDS = (
    _ModelKind(
        name="float",
        quantization="none",
        size_key="size_bytes",
        top1_key="float_top1",
        path_key="tflite_float",
        latency_key="latency_ms",
    ),
    _ModelKind(
        name="int8",
        quantization="int8",
        size_key="int8_size_bytes",
        top1_key="int8_top1",
        path_key="tflite_int8",
        latency_key="int8_latency_ms",
    ),
)


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

    Raises:
        InputError: If a number is too small for what comes after the training.
    """

    num_archs: int = 32
    num_networks: int = 6
    num_generations: int = 200
    num_finalists: int = 3
    budget_fractions: tuple[float, ...] = (0.2, 0.4, 0.6)
    max_accuracy_drop: float = 0.01

    def __post_init__(self) -> None:
        smallest = {"num_archs": MIN_ARCHS_FOR_PREDICTOR, "num_networks": MIN_ARCHS_FOR_EXPONENT}
        for name, minimum in smallest.items():
            number = getattr(self, name)
            if number < minimum:
                raise InputError(f"Expected `{name}` to be at least {minimum}. Received: {name}={number}.")


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """A network of the final table.

    Args:
        name: Name of its row.
        arch: What it is.
        budget_ms: Latency budget that it was found for, if any.
    """

    name: str
    arch: Arch
    budget_ms: float | None = None


def run_quickstart(config: TrainConfig, device: Device, settings: QuickstartSettings | None = None) -> dict[str, Any]:
    """Train, measure, search, ship and benchmark; everything lands in the workdir.

    Steps that an earlier, interrupted call finished are not done again where
    they can be continued (training phases, accuracy table).

    Args:
        config: Training settings.
        device: Where latencies are measured.
        settings: Sizes of the other steps.

    Returns:
        The summary, as written to the run's `summary_path`: `rows`, `seconds` of
        each step, and reports on the predictors: `accuracy_predictor` and
        `latency_model`.

    Raises:
        InputError: If the device cannot measure, a budget is below the smallest
            subnet, or a model is not good enough to be shipped or does not run.
    """
    settings = settings or QuickstartSettings()
    seconds: dict[str, float] = {}

    with _timed(seconds, "train"):
        trained = train(config, METHODS[config.method], resume=True)
    run = Run(config.workdir, trained.evaluator)
    with _timed(seconds, "accuracy_table"):
        accuracies = run.build_accuracy_table(settings.num_archs, config.seed)
    with _timed(seconds, "latency_table"):
        table = run.build_latency_table(device, _latency_settings(settings, config.seed))
    with _timed(seconds, "search"):
        candidates = _find_candidates(run, device, settings)
    with _timed(seconds, "plain_keras_net"):
        plain = _Candidate("plain_keras", _plain_arch(run.space))
        plain_model = _train_plain(run, plain.arch)
    with _timed(seconds, "export"):
        rows = _export_all(run, device, candidates, (plain, plain_model), settings)
    with _timed(seconds, "benchmark"):
        _measure_rows(run, device, rows)
    summary = {
        "rows": rows,
        "seconds": seconds,
        "peak_ram_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "accuracy_predictor": fit_predictor(accuracies).quality.to_dict(),
        "latency_model": held_out_report(table),
        "device": device.describe().to_dict(),
    }
    files.write_json(run.summary_path, "summary", summary)
    return summary


def _latency_settings(settings: QuickstartSettings, seed: int) -> LatencyTableSettings:
    return LatencyTableSettings(num_networks=settings.num_networks, num_held_out=settings.num_networks // 2, seed=seed)


def _find_candidates(run: Run, device: Device, settings: QuickstartSettings) -> list[_Candidate]:
    """The subnets found for the budgets, and the largest one."""
    search_settings = SearchSettings(
        evolution=EvolutionSettings(num_generations=settings.num_generations),
        num_finalists=settings.num_finalists,
        seed=run.config.seed,
    )
    predictor = run.fit_predictor(search_settings)
    candidates = []
    for number, budget_ms in enumerate(_budgets_ms(run, device, settings.budget_fractions), start=1):
        found = run.search(Limits(latency_ms=budget_ms), device, search_settings, predictor=predictor)
        predictor = found.known or predictor
        name = f"found_{number}"
        found.arch.save(run.arch_path(name), found.notes())
        candidates.append(_Candidate(name, found.arch, budget_ms))
    candidates.append(_Candidate("largest", run.space.largest()))
    return candidates


def _budgets_ms(run: Run, device: Device, fractions: Sequence[float]) -> list[float]:
    model = run.latency_model(device)
    smallest_ms = float(model.predict(run.space.smallest()))
    largest_ms = float(model.predict(run.space.largest()))
    return spread_budgets_ms(smallest_ms, largest_ms, fractions)


def _plain_arch(space: SearchSpace) -> Arch:
    """The middle kernel size, expand ratio and image size, in the smallest depth.

    In the MobileNetV3 spaces that makes 11 blocks, as many as MobileNetV3-Small has.
    """
    genes = (space.gene_counts - 1) // 2
    genes[space.depth_genes] = 0
    return space.decode_one(genes)


def _train_plain(run: Run, arch: Arch) -> keras.Model:
    return train_baseline(run.config, run.source, run.space, arch, run.config.num_epochs)


def _export_all(
    run: Run,
    device: Device,
    candidates: list[_Candidate],
    plain: tuple[_Candidate, keras.Model],
    settings: QuickstartSettings,
) -> list[dict[str, Any]]:
    """Export all networks; one row of the summary each."""
    networks = []
    for candidate in candidates:
        run.evaluator.calibrate(candidate.arch)
        networks.append((candidate, extract_subnet(run.supernet, candidate.arch)))
    networks.append(plain)
    rows = []
    with progress_bar(len(networks), "export", "network") as bar:
        for candidate, model in networks:
            rows.append(_export(run, device, candidate, model, settings.max_accuracy_drop))
            bar.update()
    return rows


def _export(
    run: Run, device: Device, candidate: _Candidate, network: keras.Model, max_accuracy_drop: float
) -> dict[str, Any]:
    """Export a network in float and int8; the facts about both are a row of the summary."""
    arch = candidate.arch
    options = ExportOptions(max_accuracy_drop=max_accuracy_drop)
    data = data_of_run(run.evaluator, run.config, arch, options)
    reference = Reference.measure(network, data.held_out(arch))
    row: dict[str, Any] = {
        "name": candidate.name,
        "arch": arch.to_dict(),
        "image_size": arch.image_size,
        "budget_ms": candidate.budget_ms,
        "predicted_latency_ms": run.latency_model(device).predict(arch),
        "num_macs": int(num_macs(run.space, arch, run.supernet.num_classes)),
        "num_params": int(num_params(run.space, arch, run.supernet.num_classes)),
    }
    for kind in _MODEL_KINDS:
        path = run.model_path(candidate.name, kind.name)
        options_of_kind = dataclasses.replace(options, quantization=kind.quantization)
        shipped = ship(network, arch, path, options_of_kind, data=data, reference=reference)
        row[kind.size_key] = shipped["size_bytes"]
        row[kind.top1_key] = shipped["top1"]
        row[kind.path_key] = shipped["path"]
    return row


def _measure_rows(run: Run, device: Device, rows: list[dict[str, Any]]) -> None:
    """Measure the models of all rows in turns, and add their latencies to the rows."""
    places = []
    models = []
    for row in rows:
        for kind in _MODEL_KINDS:
            places.append((row, kind.latency_key))
            models.append(BenchmarkModel(model_name(row["name"], kind.name), Path(row[kind.path_key])))
    with progress_bar(None, f"benchmark on {device.id}", "step") as bar:
        measurements = device.measure(models, _BENCHMARK_SETTINGS, on_progress(bar))
    failed = [f"{measurement.model}: {measurement.error}" for measurement in measurements if measurement.error]
    if failed:
        raise InputError(f"Expected all models to run on {device.id}. Received: {'; '.join(failed)}.")
    for (row, key), measurement in zip(places, measurements, strict=True):
        row[key] = measurement.latency_ms
    save_benchmark(run.benchmark_path, measurements, _BENCHMARK_SETTINGS)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - start, 1)
