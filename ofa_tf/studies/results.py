"""What the claims of the paper come to on a data set, by training and measuring everything that they compare.

Three supernets are trained with as many images each: by progressive shrinking, by the sandwich method, and naively. In
one of them subnets are found for some latency budgets. Each of these is then trained alone, from scratch with as many
images, and fine-tuned with a fraction of them; and so are two published networks, as wide as the budget allows.

Every step is a program that a user could run, so that each figure has its command (`program_steps.py`).

Reference: Once-for-All, sections 3.3 and 4.
"""

import dataclasses
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.opening import open_device
from ofa_tf.latency.budgets import spread_budgets_ms
from ofa_tf.space.plain_networks import SMALL_NETWORKS
from ofa_tf.studies.plain_rivals import (
    PlainNetwork,
    measure_plain_networks,
    widest_within,
    write_plugin,
)
from ofa_tf.studies.program_calls import ProgramCalls, check_seeds_and_archs
from ofa_tf.studies.program_steps import StepRecord, workdir_for_programs
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.workflow.run import open_run

# How a supernet is trained -> its recipe.
RECIPES = {
    "progressive_shrinking": "flags/cifar10_tiny_ps.cfg",
    "sandwich": "flags/cifar10_tiny_sandwich.cfg",
    "naive": "flags/cifar10_tiny_naive.cfg",
}
_NAIVE = "naive"

RESULTS_FILE = "results.json"

_FOUND = "found_"


@dataclasses.dataclass(frozen=True)
class ResultsSettings:
    """What is compared.

    Args:
        train_flags: Further flags of every training, such as `--dataset=folder:PHOTOS`.
        seeds: Each is a comparison of its own.
        searched_method: Which of `RECIPES` the subnets are found in.
        budget_fractions: Where latency budgets lie between the smallest and the largest subnet, on a logarithmic scale.
        num_archs: Subnets of the accuracy table.
        num_random: Random subnets by which the supernets are compared, beside the largest and the smallest.
        finetuned_share: Epochs of fine-tuning, as a share of those from scratch.

    Raises:
        InputError: If there is no such method, no seed or no budget, or the accuracy table is too small for a
            predictor.
    """

    train_flags: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    searched_method: str = "sandwich"
    budget_fractions: tuple[float, ...] = (0.15, 0.3, 0.45, 0.6)
    num_archs: int = 100
    num_random: int = 20
    finetuned_share: float = 0.25

    def __post_init__(self) -> None:
        if self.searched_method not in RECIPES:
            raise InputError(
                f"Expected `searched_method` to be one of {list(RECIPES)}. Received: {self.searched_method!r}."
            )
        check_seeds_and_archs(self.seeds, self.num_archs)
        if not self.budget_fractions:
            raise InputError("Expected `budget_fractions` to hold at least one number. Received: none.")


def run_results(workdir: str | Path, settings: ResultsSettings) -> dict[str, Any]:
    """Make the comparison for each seed, or go on with it, and write it to `results.json` in the workdir.

    Args:
        workdir: Folder for everything that is made.
        settings: What is compared.

    Returns:
        By seed, as text: `searched_method`, `supernets`, `budgets` and `steps`, as in the file.

    Raises:
        InputError: If a step fails; see `ProgramSteps.run`.
    """
    folder = workdir_for_programs(workdir)
    path = folder / RESULTS_FILE
    files.check_output(path)
    by_seed = {}
    for seed in settings.seeds:
        comparison = _Comparison(folder / f"seed_{seed}", seed, settings)
        by_seed[str(seed)] = comparison.run()
        files.write_json(path, "results", {"settings": dataclasses.asdict(settings), "seeds": by_seed})
    return by_seed


class _Comparison:
    """The comparison of one seed.

    Args:
        folder: Where everything goes.
        seed: Decides every random choice.
        settings: What is compared.
    """

    def __init__(self, folder: Path, seed: int, settings: ResultsSettings) -> None:
        self._folder = folder
        self._seed = seed
        self._settings = settings
        self._calls = ProgramCalls(folder)

    def run(self) -> dict[str, Any]:
        supernets = {}
        for method in RECIPES:
            supernets[method] = self._train_supernet(method)
        self._build_tables()
        budgets_ms = self._budgets_ms()
        self._search(budgets_ms)
        plain = self._measure_plain()
        budgets = []
        for number, budget_ms in enumerate(budgets_ms, start=1):
            budgets.append(self._fill_budget(number, budget_ms, plain))
        self._measure_latencies(budgets)
        return {
            "searched_method": self._settings.searched_method,
            "supernets": supernets,
            "budgets": budgets,
            "steps": [record.to_dict() for record in self._calls.steps.records()],
        }

    # --- the supernets ---------------------------------------------------

    def _train_supernet(self, method: str) -> dict[str, Any]:
        """Train a supernet and measure its largest, its smallest and some random subnets."""
        workdir = self._workdir(method)
        trained = self._train(f"train_{method}", method, (), workdir)
        archs = f"max,min,random:{self._settings.num_random}"
        rows = self._calls.evaluate_all(f"evaluate_{method}", workdir, archs)
        config = TrainConfig.load(workdir)
        random_top1 = [row["top1"] for row in rows[2:]]
        return {
            "num_epochs": config.num_epochs,
            **_time_of(trained),
            "largest_top1": rows[0]["top1"],
            "smallest_top1": rows[1]["top1"],
            "random_top1": random_top1,
            "num_images": rows[0]["num_images"],
        }

    def _train(self, name: str, method: str, flags: tuple[str, ...], workdir: Path) -> StepRecord:
        """Train with the recipe of a method, and with further flags."""
        further_flags = (*flags, *self._settings.train_flags)
        return self._calls.train_supernet(name, RECIPES[method], further_flags, self._seed, workdir)

    # --- subnets for the budgets -----------------------------------------

    def _build_tables(self) -> None:
        self._calls.build_accuracy_table(self._searched, self._settings.num_archs, self._seed)
        self._calls.steps.run(
            "latency_table", "tools/build_latency_table.py", f"--workdir={self._searched}", "--device=host"
        )

    def _budgets_ms(self) -> list[float]:
        run = open_run(self._searched)
        model = run.latency_model("host")
        smallest_ms = float(model.predict(run.space.smallest()))
        largest_ms = float(model.predict(run.space.largest()))
        return spread_budgets_ms(smallest_ms, largest_ms, self._settings.budget_fractions)

    def _search(self, budgets_ms: list[float]) -> None:
        for number, budget_ms in enumerate(budgets_ms, start=1):
            self._calls.steps.run(
                f"search_{number}",
                "tools/search.py",
                f"--workdir={self._searched}",
                f"--max_latency_ms={budget_ms:g}",
                f"--seed={self._seed}",
                "--nomeasure_found",
                f"--output={self._arch_path(number)}",
            )
        self._calls.steps.run(
            "front",
            "tools/search.py",
            f"--workdir={self._searched}",
            "--front",
            f"--seed={self._seed}",
            "--nomeasure_found",
            f"--output={self._folder / 'front.json'}",
        )

    def _fill_budget(self, number: int, budget_ms: float, plain: list[PlainNetwork]) -> dict[str, Any]:
        """Measure what was found for a budget, train it alone, and train the plain networks of the budget."""
        arch = self._arch_path(number)
        found = self._calls.evaluate(f"evaluate_found_{number}", self._searched, arch)
        model = f"{_FOUND}{number}"
        rows = [
            {**found, "name": "found", "model": model},
            {**self._fine_tune(number, arch), "name": "fine-tuned", "model": model},
            {**self._train_alone(number, arch), "name": "alone", "model": model},
        ]
        for name in SMALL_NETWORKS:
            network = widest_within(plain, name, budget_ms)
            if network is not None:
                rows.append({**self._train_plain(network), "name": name, "model": network.space_name})
        notes = files.read_json(arch, "arch")["notes"]
        return {
            "budget_ms": budget_ms,
            "predicted_ms": notes["predicted_latency_ms"],
            "reported_top1": notes["reported_top1"],
            "networks": rows,
        }

    def _fine_tune(self, number: int, arch: Path) -> dict[str, Any]:
        """Train a found subnet from the supernet's weights."""
        name = f"finetune_{number}"
        workdir = self._alone(name)
        trained = self._calls.fine_tune(name, self._searched, arch, self._num_finetuning_epochs, workdir)
        return self._describe(name, workdir, self._num_finetuning_epochs, trained)

    def _train_alone(self, number: int, arch: Path) -> dict[str, Any]:
        """Train a found subnet as a network of its own would be."""
        name = f"alone_{number}"
        workdir = self._alone(name)
        naive = TrainConfig.load(self._workdir(_NAIVE)).phases[_NAIVE]
        recipe = PhaseConfig(self._num_epochs_alone, naive.learning_rate, naive.warmup_epochs)
        trained = self._calls.train_from_scratch(name, self._searched, arch, recipe, workdir)
        return self._describe(name, workdir, recipe.epochs, trained)

    def _describe(self, name: str, workdir: Path, num_epochs: int, trained: StepRecord) -> dict[str, Any]:
        """What a run's only network gets right, and what its training took."""
        row = self._calls.evaluate(f"evaluate_{name}", workdir, "max")
        return {**row, "num_epochs": num_epochs, **_time_of(trained)}

    @property
    def _num_epochs_alone(self) -> int:
        """As many as the longest phase of the searched supernet has."""
        config = TrainConfig.load(self._searched)
        return max(config.phases[phase.name].epochs for phase in config.run_phases)

    @property
    def _num_finetuning_epochs(self) -> int:
        return max(1, round(self._settings.finetuned_share * self._num_epochs_alone))

    # --- the plain networks ----------------------------------------------

    def _measure_plain(self) -> list[PlainNetwork]:
        """Latencies of the plain networks in all widths; measured once."""
        path = self._folder / "plain_latencies.json"
        if not path.exists():
            num_classes = open_run(self._searched).num_classes
            networks = measure_plain_networks(open_device("host"), num_classes)
            payload = {"networks": [dataclasses.asdict(network) for network in networks]}
            files.write_json(path, "plain_latencies", payload)
        rows = files.read_json(path, "plain_latencies")["networks"]
        return [PlainNetwork(**row) for row in rows]

    def _train_plain(self, network: PlainNetwork) -> dict[str, Any]:
        plugin = write_plugin(network, self._folder / "plain")
        name = network.space_name
        workdir = self._folder / "plain" / name
        flags = (f"--plugins={plugin.absolute()}", f"--space={name}")
        trained = self._train(f"train_{name}", _NAIVE, flags, workdir)
        return self._describe(name, workdir, TrainConfig.load(workdir).num_epochs, trained)

    # --- latencies ---------------------------------------------------------

    def _measure_latencies(self, budgets: list[dict[str, Any]]) -> None:
        """Export the networks as float models, measure all of them in turns, and add latencies to the rows."""
        rows = []
        for budget in budgets:
            rows.extend(budget["networks"])
        models = {row["model"]: self._source_of(row["model"]) for row in rows}
        latencies_ms = self._calls.measure_latencies("benchmark", models)
        for row in rows:
            row["measured_ms"] = latencies_ms[row["model"]]

    def _source_of(self, model: str) -> tuple[Path, str | Path]:
        """The run and the arch that a model is exported from."""
        if model.startswith(_FOUND):
            return self._searched, self._arch_path(model.removeprefix(_FOUND))
        return self._folder / "plain" / model, "max"

    # --- where things lie ----------------------------------------------------

    def _workdir(self, method: str) -> Path:
        return self._folder / method

    @property
    def _searched(self) -> Path:
        """The run that subnets are found in."""
        return self._workdir(self._settings.searched_method)

    def _alone(self, name: str) -> Path:
        return self._folder / "alone" / name

    def _arch_path(self, number: int | str) -> Path:
        return self._folder / "found" / f"{_FOUND}{number}.json"


def _time_of(step: StepRecord) -> dict[str, float]:
    return {"seconds": step.seconds, "processor_seconds": step.processor_seconds}
