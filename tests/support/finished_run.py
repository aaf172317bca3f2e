"""A run with all that can be made of it, in seconds: tables, fronts and models are made up.

The supernet and its training are those of `tests/fixtures/earlier_state`, of the space `micro`.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np

from ofa_tf.base import files
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front.measured_front import Front
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.costs import num_macs
from ofa_tf.training.phases import PHASES
from ofa_tf.training.train_state import TrainState, checkpoint_name, phase_folder
from ofa_tf.workflow.front import FrontRequest, save_front
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.trained_run import hash_file
from tests.support.formula_device import FormulaDevice, piece_models
from tests.support.repository import FIXTURES
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO

NUM_EPOCHS = 3
NUM_HELD_OUT = 8
TOP1_OF_MODEL = 0.5
NUM_GATE_IMAGES = 100
LATENCY_OF_MODEL_MS = 1.25

_HELD_OUT_FACTORS = np.linspace(0.9, 1.1, NUM_HELD_OUT)  # measured by predicted latencies


def unfinished_run(folder: Path) -> Run:
    """A run that was stopped in the middle of its training."""
    shutil.copytree(FIXTURES / "earlier_state", folder)
    shutil.rmtree(folder / "bottlenecks")
    for name in ("accuracy_table.json", "archs", "models", "latency_tables"):
        _remove(folder / name)
    return Run(folder)


def finished_run(folder: Path, num_archs: int = 20) -> Run:
    """A run with phases, tables, a front on the device `formula` and a model.

    Args:
        folder: Its workdir, which must not be there.
        num_archs: Subnets in the accuracy table.
    """
    run = unfinished_run(folder)
    add_phases(run)
    add_accuracy_table(run, num_archs)
    add_latency_table(run)
    add_front(run, run.path / "front.json")
    add_model(run, "found_1_int8")
    return run


def add_phases(run: Run) -> None:
    """Let all phases of the training be finished."""
    for number, phase in enumerate(PHASES):
        shutil.rmtree(phase_folder(run.path, phase), ignore_errors=True)
        history = []
        for epoch in range(1, NUM_EPOCHS + 1):
            top1 = 1 - 1 / (2 + number + epoch)
            entry = {"epoch": epoch, "loss": 2 / epoch, "accuracy": top1, "images_per_second": 100.0}
            history.append({**entry, "smallest_top1": top1 - 0.1, "largest_top1": top1 + 0.01})
        state = TrainState(phase.name, num_steps=12, is_finished=True, history=history)
        folder = phase_folder(run.path, phase) / checkpoint_name(state)
        folder.mkdir(parents=True)
        files.write_json(folder / "checkpoint.json", "checkpoint", dataclasses.asdict(state))


def add_accuracy_table(run: Run, num_archs: int) -> AccuracyTable:
    """Let the accuracies of random subnets be measured."""
    drawn = SimulatedSupernet(run.space).table(2 * num_archs)
    _, rows = np.unique(drawn.genes, axis=0, return_index=True)
    network = hash_file(run.path / "supernet.keras")
    table = dataclasses.replace(drawn.rows(rows[:num_archs]), network=network)
    table.save(run.accuracy_table_path)
    return table


def add_latency_table(run: Run, device_id: str = "formula", precision: str = "float32") -> LatencyTable:
    """Let a device have a latency table, whose model is up to 10% off on networks held out."""
    device = FormulaDevice()
    device.id = device_id
    pieces = build_latency_table(piece_models(run.space, run.num_classes), device)
    table = dataclasses.replace(pieces, precision=precision)
    archs = run.space.decode(run.space.sample_genes(np.random.default_rng(0), NUM_HELD_OUT))
    model = LatencyModel(run.space, table)
    model = model.calibrate(archs, model.predict(archs))
    measured_ms = (model.predict(archs) * _HELD_OUT_FACTORS).tolist()
    held_out = {
        "archs": [arch.to_dict() for arch in archs],
        "measured_ms": measured_ms,
        "report": model.evaluate(archs, measured_ms),
    }
    calibration = {**(model.table.calibration or {}), "held_out": held_out}
    table = dataclasses.replace(model.table, calibration=calibration)
    table.save(run.latency_table_path(device_id, precision))
    return table


def search_front(run: Run, cost: str = "latency_ms") -> Front:
    """A front of the run's space; latencies are those of MACs."""
    supernet = SimulatedSupernet(run.space)

    def measure_cost(genes: np.ndarray) -> np.ndarray:
        return 1e-6 * np.asarray(num_macs(MICRO, genes, run.num_classes))

    settings = FrontSettings(4, evolution=EvolutionSettings(10, 5))
    predictor = fit_predictor(supernet.table(20), "linear")
    search = FrontSearch(run.space, predictor, {cost: measure_cost}, (), settings)
    return search.run(supernet.measure, supernet.measure)


def add_front(run: Run, path: Path, device: str = "formula", precision: str = "float32") -> Front:
    """Let a front be in a file of the run."""
    front = search_front(run)
    costs = []
    for point in front.best:
        macs = int(num_macs(run.space, point.arch, run.num_classes))
        costs.append(SubnetCosts(device, macs, 4 * macs, point.costs["latency_ms"]))
    save_front(front, path, FrontRequest(), costs, device=device)
    return front


def add_model(run: Run, name: str) -> None:
    """Let a model be shipped and its latency be measured. Its file is not there, as nobody looks into it."""
    gate = {
        "num_images": NUM_GATE_IMAGES,
        "max_relative_error": 0.06,
        "agreement": 0.98,
        "top1": TOP1_OF_MODEL,
        "reference_top1": 0.51,
        "num_partitions": 1,
        "peak_ram_bytes": 18432,
    }
    sidecar = {
        "model": f"{name}.tflite",
        "size_bytes": 819568,
        "quantization": "int8",
        "target": "cpu",
        "arch": run.space.largest().to_dict(),
        "image_size": 20,
        "remedies": ["ranges clipped"],
        "gate": gate,
    }
    files.write_json(run.path / "models" / f"{name}.json", "tflite_model", sidecar)
    measurement = {
        "model": name,
        "latency_ms": LATENCY_OF_MODEL_MS,
        "latency_low_ms": LATENCY_OF_MODEL_MS - 0.01,
        "latency_high_ms": LATENCY_OF_MODEL_MS + 0.01,
    }
    files.write_json(run.benchmark_path, "benchmark", {"device": {"device": "formula"}, "measurements": [measurement]})


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
