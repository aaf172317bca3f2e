"""The whole way, from an untrained supernet to measured int8 models, in one call."""

import contextlib
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked_file
from ofa_tf.base.progress import tell
from ofa_tf.devices.device import Device
from ofa_tf.latency.budgets import spread_budgets_ms
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.report.quickstart_table import PLAIN_NETWORK
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.guessing import share_of_commonest_class
from ofa_tf.training.phases import METHODS
from ofa_tf.training.progressive_shrinking import train
from ofa_tf.training.train_state import latest_checkpoint, read_state
from ofa_tf.workflow.export_plan import PlannedExport, search_facts
from ofa_tf.workflow.latency import held_out_report
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.plain_network import PlainNetwork, train_plain_network
from ofa_tf.workflow.quickstart_export import Candidate, export_candidates, measure_rows
from ofa_tf.workflow.quickstart_settings import QuickstartSettings
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.run_folder import UNFINISHED_TABLE
from ofa_tf.workflow.search import SearchSettings

_SECONDS_KIND = "quickstart_seconds"

# What is said when a step begins. Steps are numbered in this order, in which `run_quickstart` takes them.
_STEPS = {
    "train": "train the supernet, or go on with one that is there",
    "accuracy_table": "measure the accuracy of some subnets",
    "latency_table": "measure what latencies are predicted from",
    "search": "search a subnet for each budget",
    "plain_keras_net": "train an ordinary Keras network, for comparison",
    "export": "write the models, each checked against its network",
    "benchmark": "measure the latency of the models",
}


def run_quickstart(
    config: TrainConfig, device: Device, settings: QuickstartSettings | None = None, command: str | None = None
) -> dict[str, Any]:
    """Train, measure, search, ship and benchmark; everything lands in the workdir.

    What an earlier call, or one in a folder that this one is a copy of, has finished or begun is not done again where
    it can be continued: training phases, accuracy table, plain network.

    Args:
        config: Training settings.
        device: Where latencies are measured.
        settings: Sizes of the other steps.
        command: What was typed to make this call, for the models' cards.

    Returns:
        The summary, as written to the run's `summary_path`: `rows`, `seconds` of
        each step over all calls (`train` is `None` where an older version trained), reports on the predictors,
        `accuracy_predictor` and `latency_model`, and `guessed_top1`, what is right of the test images by always
        answering with the most frequent class.

    Raises:
        InputError: If the device cannot measure, a budget is below the smallest
            subnet, or no model at all is good enough to be shipped or runs.
    """
    settings = settings or QuickstartSettings()
    _announce_step("train")
    trained = train(config, METHODS[config.method], resume=True)
    run = Run(config.workdir, trained.evaluator)
    # The training had a lock of its own.
    with locked_file(run.summary_path):
        return _take_steps(run, device, settings, command)


def _take_steps(run: Run, device: Device, settings: QuickstartSettings, command: str | None) -> dict[str, Any]:
    """All steps behind the training; returns the summary."""
    config = run.config
    clock = _Clock(run.quickstart_seconds_path)
    _announce_step("accuracy_table")
    with clock.measure("accuracy_table", goes_on=run.accuracy_table_path.exists()):
        accuracies = run.build_accuracy_table(settings.num_archs, config.seed)
    _announce_step("latency_table")
    table_settings = _latency_settings(settings, config.seed)
    table = _find_better_table(run, device, table_settings)
    if table is None:
        unfinished_table = run.latency_table_path(device, settings.precision).with_suffix(UNFINISHED_TABLE)
        with clock.measure("latency_table", goes_on=unfinished_table.exists()):
            table = run.build_latency_table(device, table_settings)
    _announce_step("search")
    with clock.measure("search"):
        candidates = _find_candidates(run, device, settings)
    _announce_step("plain_keras_net")
    plain = train_plain_network(run)
    candidates.append(_as_candidate(plain))
    _announce_step("export")
    with clock.measure("export"):
        rows = export_candidates(run, device, candidates, settings, command)
    _announce_step("benchmark")
    with clock.measure("benchmark"):
        measure_rows(run, device, rows)
    summary = {
        "precision": settings.precision,
        "rows": rows,
        "seconds": {"train": _training_seconds(config), **clock.seconds, "plain_keras_net": plain.seconds},
        "peak_ram_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "accuracy_predictor": fit_predictor(accuracies).quality.to_dict(),
        "guessed_top1": share_of_commonest_class(run.source, "test"),
        "latency_model": {**held_out_report(table), "doubt": table.doubt},
        "device": device.describe().to_dict(),
    }
    files.write_json(run.summary_path, "summary", summary)
    return summary


def _find_better_table(run: Run, device: Device, settings: LatencyTableSettings) -> LatencyTable | None:
    """A latency table that was checked on more networks than these settings ask for; `None`: there is none."""
    if not run.latency_table_path(device, settings.precision).exists():
        return None
    try:
        table = run.latency_model(device, settings.precision).table
        num_held_out = len(table.held_out["archs"])
    except InputError:  # it is of something else, or was not checked
        return None
    if num_held_out <= settings.num_held_out:
        return None
    tell(f"keeping the latency table that was checked on {num_held_out} networks")
    return table


def _announce_step(step: str) -> None:
    number = list(_STEPS).index(step) + 1
    tell(f"step {number} of {len(_STEPS)}: {_STEPS[step]}")


class _Clock:
    """Seconds of steps, kept in a file, so that those of an interrupted call count, too.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = {}
        if path.exists():
            self.seconds = files.read_json(path, _SECONDS_KIND)["seconds"]

    @contextlib.contextmanager
    def measure(self, step: str, goes_on: bool = False) -> Iterator[None]:
        """Count the time of a step.

        Args:
            step: Its name.
            goes_on: Whether it goes on from what an earlier call did, whose time counts then.
        """
        before = 0.0
        if goes_on:
            before = self.seconds.get(step, 0.0)
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] = round(before + time.monotonic() - start, 1)
            files.write_json(self._path, _SECONDS_KIND, {"seconds": self.seconds})


def _training_seconds(config: TrainConfig) -> float | None:
    """What all phases took; `None` if that of one is not known."""
    total = 0.0
    for phase in config.run_phases:
        checkpoint = latest_checkpoint(config.workdir, phase)
        if checkpoint is None:
            return None
        seconds = read_state(checkpoint).seconds
        if seconds is None:
            return None
        total += seconds
    return round(total, 1)


def _latency_settings(settings: QuickstartSettings, seed: int) -> LatencyTableSettings:
    return LatencyTableSettings(
        precision=settings.precision,
        num_networks=settings.num_networks,
        num_held_out=settings.num_networks // 2,
        seed=seed,
    )


def _find_candidates(run: Run, device: Device, settings: QuickstartSettings) -> list[Candidate]:
    """The subnets found for the budgets, and the largest one."""
    search_settings = SearchSettings(
        precision=settings.precision,
        evolution=EvolutionSettings(num_generations=settings.num_generations),
        num_finalists=settings.num_finalists,
        seed=run.config.seed,
        # Each would have to be converted. The gate compares what is shipped.
        num_shipped_archs=0,
    )
    predictor = run.fit_predictor(search_settings)
    candidates = []
    for number, budget_ms in enumerate(_budgets_ms(run, device, settings), start=1):
        start = time.monotonic()
        found = run.search(Limits(latency_ms=budget_ms), device, search_settings, predictor=predictor)
        seconds = round(time.monotonic() - start, 1)
        predictor = found.known or predictor
        name = f"found_{number}"
        path = run.arch_path(name)
        found.arch.save(path, found.notes())
        facts = search_facts(PlannedExport(found.arch, str(path)))
        candidates.append(Candidate(name, found.arch, budget_ms, search_seconds=seconds, search=facts))
    candidates.append(Candidate("largest", run.space.largest()))
    return candidates


def _budgets_ms(run: Run, device: Device, settings: QuickstartSettings) -> Sequence[float]:
    model = run.latency_model(device, settings.precision)
    smallest_ms = float(model.predict(run.space.smallest()))
    largest_ms = float(model.predict(run.space.largest()))
    return spread_budgets_ms(smallest_ms, largest_ms, settings.budget_fractions)


def _as_candidate(plain: PlainNetwork) -> Candidate:
    return Candidate(PLAIN_NETWORK, plain.arch, train_seconds=plain.seconds, model=plain.model)
