"""What training once saves, against methods that search and train for each latency budget.

All methods look in the same space, with the same latency table, images and training recipe. Once for all, a supernet is
trained and its accuracy table measured; each budget then costs a search. Each other method searches for each budget
anew, with weights that it trains for that, and then trains what it found from scratch. What is compared: processor
time, and the accuracy on test images at the latency that is measured in the end.

Left out of every bill, as all methods need it alike: the latency table, measurements of accuracy on test images, export
and benchmark.

Every step is a program that a user could run (`program_steps.py`). What is interrupted goes on: a search for one budget
from its last epoch, or from the last network that it trained. What is done twice for that is on the bill twice.

Reference: Once-for-All, section 1 and table 1.
"""

import dataclasses
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.latency.budgets import spread_budgets_ms
from ofa_tf.studies.nas.search_methods import SEARCH_METHODS
from ofa_tf.studies.program_calls import ProgramCalls, check_seeds_and_archs
from ofa_tf.studies.program_steps import StepRecord, workdir_for_programs
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.phases import NAIVE
from ofa_tf.workflow.run import open_run
from ofa_tf.workflow.run_folder import RunFolder

ONCE_FOR_ALL = "once_for_all"
COMPARED_METHODS = (ONCE_FOR_ALL, *SEARCH_METHODS)

COMPARISON_FILE = "comparison.json"

# Of the epochs of a search, the warm-up is at most such a share.
_MAX_WARMUP_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class ComparisonSettings:
    """What is compared.

    Args:
        methods: Names of `COMPARED_METHODS`; `once_for_all` must be among them, as its run has the latency table.
        budgets_ms: Latency budgets, milliseconds; by default some between the smallest and the largest subnet.
        seeds: Each is a comparison of its own, with the latency table of the first one.
        flagfile: Recipe of the supernet.
        train_flags: Further flags of the supernet's training, such as `--dataset=folder:PHOTOS`.
        num_archs: Subnets of the accuracy table.
        search_epochs: Epochs of a search for one budget; by default as many as a network is trained for.
        random_epochs: Epochs of each network of a search that has a time limit, as the random one does; by default an
            eighth of those.
        random_processor_seconds: That limit, of processor time; by default what the other searches for the same budget
            took on average.
        budget_fractions: Where budgets that are not given lie between the smallest and the largest subnet, on a
            logarithmic scale.

    Raises:
        InputError: If a method is unknown or `once_for_all` is missing, there is no seed, a budget is not above 0, the
            accuracy table is too small for a predictor, or it is not said how long a random search takes.
    """

    methods: tuple[str, ...] = COMPARED_METHODS
    budgets_ms: tuple[float, ...] = ()
    seeds: tuple[int, ...] = (0,)
    flagfile: str = "flags/cifar10_tiny_sandwich.cfg"
    train_flags: tuple[str, ...] = ()
    num_archs: int = 100
    search_epochs: int | None = None
    random_epochs: int | None = None
    random_processor_seconds: float | None = None
    budget_fractions: tuple[float, ...] = (0.25, 0.5)

    def __post_init__(self) -> None:
        unknown = [method for method in self.methods if method not in COMPARED_METHODS]
        if unknown or ONCE_FOR_ALL not in self.methods:
            raise InputError(
                f"Expected `methods` to be {ONCE_FOR_ALL} and others of {list(COMPARED_METHODS)}. "
                f"Received: {list(self.methods)}."
            )
        has_limit = self.random_processor_seconds is not None
        if not has_limit and self._searches(has_time_limit=True) and not self._searches(has_time_limit=False):
            raise InputError(
                "Expected `random_processor_seconds`, or another search for one budget, which the random one takes as "
                f"long as. Received: {list(self.methods)}."
            )
        check_seeds_and_archs(self.seeds, self.num_archs)
        if any(not budget_ms > 0 for budget_ms in self.budgets_ms):
            raise InputError(f"Expected `budgets_ms` to be above 0. Received: {list(self.budgets_ms)}.")

    @property
    def searches(self) -> tuple[str, ...]:
        """The methods that search for each budget; those with a time limit come last, as the others decide on it."""
        return (*self._searches(has_time_limit=False), *self._searches(has_time_limit=True))

    def _searches(self, has_time_limit: bool) -> tuple[str, ...]:
        searches = [method for method in self.methods if method != ONCE_FOR_ALL]
        return tuple(method for method in searches if SEARCH_METHODS[method].has_time_limit == has_time_limit)


def run_comparison(workdir: str | Path, settings: ComparisonSettings) -> dict[str, Any]:
    """Make the comparison for each seed, or go on with it, and write it to `comparison.json` in the workdir.

    Args:
        workdir: Folder for everything that is made.
        settings: What is compared.

    Returns:
        By seed, as text: `methods` and `steps`, as in the file. A method has `once_processor_seconds` and for each of
        the `budgets` what was found, what that took (`find_processor_seconds`, `train_processor_seconds`), its
        accuracy on test images and its measured latency.

    Raises:
        InputError: If a step fails; see `ProgramSteps.run`.
    """
    folder = workdir_for_programs(workdir)
    path = folder / COMPARISON_FILE
    files.check_output(path)
    by_seed = {}
    first_seed = settings.seeds[0]
    latency_table = RunFolder(_once_for_all_run(folder, first_seed)).latency_table_path("host")
    for seed in settings.seeds:
        comparison = _Comparison(folder, seed, settings, latency_table)
        by_seed[str(seed)] = comparison.run()
        files.write_json(path, "comparison", {"settings": dataclasses.asdict(settings), "seeds": by_seed})
    return by_seed


def _seed_folder(workdir: Path, seed: int) -> Path:
    return workdir / f"seed_{seed}"


def _once_for_all_run(workdir: Path, seed: int) -> Path:
    return _seed_folder(workdir, seed) / ONCE_FOR_ALL


class _Comparison:
    """The comparison of one seed.

    Args:
        workdir: Folder of all seeds.
        seed: Decides every random choice.
        settings: What is compared.
        latency_table: That of all seeds; measured if it is not there.
    """

    def __init__(self, workdir: Path, seed: int, settings: ComparisonSettings, latency_table: Path) -> None:
        self._folder = _seed_folder(workdir, seed)
        self._seed = seed
        self._settings = settings
        self._latency_table = latency_table
        self._calls = ProgramCalls(self._folder)
        self._run = _once_for_all_run(workdir, seed)

    def run(self) -> dict[str, Any]:
        once_seconds = self._prepare_once_for_all()
        budgets_ms = self._budgets_ms()
        rows = self._search_once_for_all(budgets_ms)
        methods: dict[str, Any] = {ONCE_FOR_ALL: {"once_processor_seconds": once_seconds, "budgets": rows}}
        for method in self._settings.searches:
            rows = []
            for number, budget_ms in enumerate(budgets_ms, start=1):
                seconds = self._time_limit(method, methods, number)
                rows.append(self._search_and_train(method, number, budget_ms, seconds))
            methods[method] = {"once_processor_seconds": 0.0, "budgets": rows}
        self._add_latencies(methods)
        return {"methods": methods, "steps": [record.to_dict() for record in self._calls.steps.records()]}

    # --- once for all ------------------------------------------------------

    def _prepare_once_for_all(self) -> float:
        """Train the supernet and measure its accuracy table: processor seconds. And the latency table, for all."""
        steps = self._calls.steps
        settings = self._settings
        trained = self._calls.train_supernet(
            "train_once_for_all", settings.flagfile, settings.train_flags, self._seed, self._run
        )
        measured = self._calls.build_accuracy_table(self._run, settings.num_archs, self._seed)
        if not self._latency_table.exists():
            steps.run("latency_table", "tools/build_latency_table.py", f"--workdir={self._run}", "--device=host")
        return trained.processor_seconds + measured.processor_seconds

    def _budgets_ms(self) -> tuple[float, ...]:
        if self._settings.budgets_ms:
            return self._settings.budgets_ms
        run = open_run(self._run)
        model = run.latency_model("host", latency_table=self._latency_table)
        smallest_ms = float(model.predict(run.space.smallest()))
        largest_ms = float(model.predict(run.space.largest()))
        return tuple(spread_budgets_ms(smallest_ms, largest_ms, self._settings.budget_fractions))

    def _search_once_for_all(self, budgets_ms: tuple[float, ...]) -> list[dict[str, Any]]:
        rows = []
        for number, budget_ms in enumerate(budgets_ms, start=1):
            arch = self._arch_path(ONCE_FOR_ALL, number)
            found = self._calls.steps.run(
                f"find_{_model_name(ONCE_FOR_ALL, number)}",
                "tools/search.py",
                f"--workdir={self._run}",
                f"--latency_table={self._latency_table}",
                f"--max_latency_ms={budget_ms:g}",
                f"--seed={self._seed}",
                "--nomeasure_found",
                f"--output={arch}",
            )
            rows.append(self._describe(ONCE_FOR_ALL, number, budget_ms, found, None))
        return rows

    # --- for each budget -----------------------------------------------------

    def _search_and_train(
        self, method: str, number: int, budget_ms: float, max_seconds: float | None
    ) -> dict[str, Any]:
        """Find a subnet for a budget by a method of its own, and train it from scratch."""
        name = _model_name(method, number)
        arch = self._arch_path(method, number)
        recipe = self._recipe(self._search_epochs(method))
        flags = []
        if max_seconds is not None:
            flags.append(f"--max_processor_seconds={max_seconds:g}")
        found = self._calls.steps.run(
            f"find_{name}",
            "tools/find_arch.py",
            f"--method={method}",
            f"--from={self._run}",
            f"--latency_table={self._latency_table}",
            f"--max_latency_ms={budget_ms:g}",
            f"--epochs={recipe.epochs}",
            f"--learning_rate={recipe.learning_rate:g}",
            f"--warmup_epochs={recipe.warmup_epochs:g}",
            *flags,
            f"--seed={self._seed}",
            f"--output={arch}",
        )
        trained = self._calls.train_from_scratch(
            f"train_{name}", self._run, arch, self._recipe(self._num_epochs_alone), self._alone(method, number)
        )
        return self._describe(method, number, budget_ms, found, trained)

    def _time_limit(self, method: str, methods: Mapping[str, Any], number: int) -> float | None:
        """The seconds of processor time that a search for a budget may take; `None` if it needs no limit."""
        if not SEARCH_METHODS[method].has_time_limit:
            return None
        if self._settings.random_processor_seconds is not None:
            return self._settings.random_processor_seconds
        seconds = []
        for other, described in methods.items():
            if other != ONCE_FOR_ALL and not SEARCH_METHODS[other].has_time_limit:
                seconds.append(described["budgets"][number - 1]["find_processor_seconds"])
        return round(statistics.fmean(seconds), 1)

    @property
    def _num_epochs_alone(self) -> int:
        """As many as the longest phase of the supernet has."""
        config = TrainConfig.load(self._run)
        return max(config.phases[phase.name].epochs for phase in config.run_phases)

    def _search_epochs(self, method: str) -> int:
        num_epochs_alone = self._num_epochs_alone
        if SEARCH_METHODS[method].has_time_limit:
            return self._settings.random_epochs or max(1, round(num_epochs_alone / 8))
        return self._settings.search_epochs or num_epochs_alone

    def _recipe(self, num_epochs: int) -> PhaseConfig:
        """How networks are trained on labels alone: as the naive method does."""
        naive = TrainConfig.load(self._run).phases[NAIVE.name]
        warmup_epochs = min(naive.warmup_epochs, _MAX_WARMUP_SHARE * num_epochs)
        return PhaseConfig(num_epochs, naive.learning_rate, warmup_epochs)

    # --- what is told ----------------------------------------------------------

    def _describe(
        self, method: str, number: int, budget_ms: float, found: StepRecord, trained: StepRecord | None
    ) -> dict[str, Any]:
        """What was found for a budget, what it took and what it gets right."""
        workdir, arch = self._network(method, number)
        row = self._calls.evaluate(f"evaluate_{_model_name(method, number)}", workdir, arch)
        notes = files.read_json(self._arch_path(method, number), "arch")["notes"]
        train_seconds = 0.0
        if trained is not None:
            train_seconds = trained.processor_seconds
        return {
            "budget_ms": budget_ms,
            "predicted_ms": notes["predicted_latency_ms"],
            "find_processor_seconds": found.processor_seconds,
            "train_processor_seconds": train_seconds,
            "num_archs": notes.get("num_archs"),
            "arch": row["arch"],
            "top1": row["top1"],
            "standard_error": row["standard_error"],
            "num_images": row["num_images"],
        }

    def _add_latencies(self, methods: Mapping[str, Any]) -> None:
        models = {}
        for method, described in methods.items():
            for number in range(1, len(described["budgets"]) + 1):
                models[_model_name(method, number)] = self._network(method, number)
        latencies_ms = self._calls.measure_latencies("benchmark", models)
        for method, described in methods.items():
            for number, row in enumerate(described["budgets"], start=1):
                row["measured_ms"] = latencies_ms[_model_name(method, number)]

    def _network(self, method: str, number: int) -> tuple[Path, str | Path]:
        """The run and the arch of what a method found for a budget, with its weights."""
        if method == ONCE_FOR_ALL:
            return self._run, self._arch_path(method, number)
        return self._alone(method, number), "max"

    def _arch_path(self, method: str, number: int) -> Path:
        return self._folder / "archs" / f"{_model_name(method, number)}.json"

    def _alone(self, method: str, number: int) -> Path:
        return self._folder / "alone" / _model_name(method, number)


def _model_name(method: str, number: int) -> str:
    return f"{method}_{number}"
