"""`ProgramCalls`: the steps that comparisons have in common, each a call of one of this project's programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.benchmark_results import load_benchmark
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR
from ofa_tf.studies.program_steps import ProgramSteps, StepRecord
from ofa_tf.training.config import PhaseConfig

_BENCHMARK_ROUNDS = 30


def check_seeds_and_archs(seeds: Sequence[int], num_archs: int) -> None:
    """Check, before hours of training, what would fail after them.

    Args:
        seeds: Each is a comparison of its own.
        num_archs: Subnets of an accuracy table.

    Raises:
        InputError: If there is no seed, or the table is too small for a predictor.
    """
    if not seeds:
        raise InputError("Expected `seeds` to be at least one. Received: none.")
    if num_archs < MIN_ARCHS_FOR_PREDICTOR:
        raise InputError(f"Expected `num_archs` to be at least {MIN_ARCHS_FOR_PREDICTOR}. Received: {num_archs}.")


class ProgramCalls:
    """Trains, measures and exports by steps that are done once each.

    Args:
        folder: Where records, logs and what is measured go.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self.steps = ProgramSteps(folder)

    def train_supernet(
        self, name: str, flagfile: str, further_flags: Sequence[str], seed: int, workdir: Path
    ) -> StepRecord:
        """Train all phases of a recipe, with further flags."""
        return self.steps.run(
            name,
            "train_main.py",
            f"--flagfile={flagfile}",
            *further_flags,
            f"--seed={seed}",
            "--phase=all",
            "--resume",
            f"--workdir={workdir}",
        )

    def build_accuracy_table(self, run: Path, num_archs: int, seed: int) -> StepRecord:
        """Measure the accuracies of random subnets of a run."""
        return self.steps.run(
            "accuracy_table",
            "tools/build_accuracy_table.py",
            f"--workdir={run}",
            f"--num_archs={num_archs}",
            f"--seed={seed}",
        )

    def train_from_scratch(self, name: str, run: Path, arch: Path, recipe: PhaseConfig, workdir: Path) -> StepRecord:
        """Train a subnet of a run alone, as a network of its own would be.

        Args:
            name: Of the step.
            run: Whose data set and settings are used; no weights.
            arch: File of the subnet.
            recipe: How long, and with which learning rate.
            workdir: Folder of the new run.
        """
        flags = (
            "--from_scratch",
            "--distillation_weight=0",
            f"--learning_rate={recipe.learning_rate:g}",
            f"--warmup_epochs={recipe.warmup_epochs:g}",
        )
        return self._train_alone(name, run, arch, recipe.epochs, flags, workdir)

    def fine_tune(self, name: str, run: Path, arch: Path, num_epochs: int, workdir: Path) -> StepRecord:
        """Train a subnet of a run alone, from the supernet's weights.

        Args:
            name: Of the step.
            run: Whose weights, data set and settings are used.
            arch: File of the subnet.
            num_epochs: How long.
            workdir: Folder of the new run.
        """
        return self._train_alone(name, run, arch, num_epochs, (), workdir)

    def _train_alone(
        self, name: str, run: Path, arch: Path, num_epochs: int, flags: Sequence[str], workdir: Path
    ) -> StepRecord:
        return self.steps.run(
            name,
            "tools/finetune.py",
            f"--from={run}",
            f"--arch={arch}",
            f"--epochs={num_epochs}",
            *flags,
            "--intra_op_threads=1",
            "--resume",
            f"--workdir={workdir}",
        )

    def evaluate(self, name: str, workdir: Path, arch: str | Path, split: str = "test") -> dict[str, Any]:
        """Measure one subnet: its row in the file of tools/evaluate.py."""
        (row,) = self.evaluate_all(name, workdir, arch, split)
        return row

    def evaluate_all(self, name: str, workdir: Path, archs: str | Path, split: str = "test") -> list[dict[str, Any]]:
        """Measure subnets: their rows in the file of tools/evaluate.py, in order.

        Args:
            name: Of the step.
            workdir: The run that they are of.
            archs: What its `--arch` is.
            split: Which images.
        """
        output = self._folder / "evaluations" / f"{name}.json"
        self.steps.run(
            name,
            "tools/evaluate.py",
            f"--workdir={workdir}",
            f"--arch={archs}",
            f"--split={split}",
            f"--output={output}",
        )
        rows: list[dict[str, Any]] = files.read_json(output, "evaluation")["results"]
        return rows

    def measure_latencies(self, name: str, models: Mapping[str, tuple[Path, str | Path]]) -> dict[str, float]:
        """Export networks as float models, and measure all of them on this computer, in turns.

        Args:
            name: Of the step that measures.
            models: By the name of a model, the run and the arch that it is of.

        Returns:
            By the name of a model, its latency, milliseconds.

        Raises:
            InputError: If one of them does not run.
        """
        paths = {}
        for model, (workdir, arch) in models.items():
            paths[model] = self._folder / "models" / f"{model}.tflite"
            self.steps.run(
                f"export_{model}",
                "tools/to_tflite.py",
                f"--workdir={workdir}",
                f"--arch={arch}",
                f"--output={paths[model]}",
            )
        output = self._folder / f"{name}.json"
        self.steps.run(
            name,
            "tools/benchmark.py",
            f"--model={','.join(map(str, paths.values()))}",
            "--device=host",
            f"--rounds={_BENCHMARK_ROUNDS}",
            f"--output={output}",
        )
        measured_ms = {measured.model: measured.latency_ms for measured in load_benchmark(output)}
        latencies_ms = {}
        for model, path in paths.items():
            latency_ms = measured_ms[str(path)]
            if latency_ms is None:
                raise InputError(f"Expected {path} to run on this computer. Received: no latency, see {output}.")
            latencies_ms[model] = latency_ms
        return latencies_ms
