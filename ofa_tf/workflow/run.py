"""`Run`: a training run and all that is done with it afterwards; what the tools call.

    run = ofa_tf.open_run("runs/mine")
    run.build_accuracy_table(num_archs=100)
    run.build_latency_table("host")
    found = run.search(ofa_tf.Limits(latency_ms=0.5))
    run.export(found.arch, "found.tflite", ofa_tf.ExportOptions(quantization="int8"))

What a run can do is spread over five classes, each built on the one before: `TrainedRun` (`trained_run.py`: what the
training left), `SampledRun` (`sampled_run.py`: the accuracy table), `MeasuredRun` (`measured_run.py`: latency tables,
costs), `SearchedRun` (`searched_run.py`: searches) and `Run` (fine-tuning, exports).

Only the run knows what lies where in the workdir (`run_folder.py`); the functions of the other modules of this folder
take plain values.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.training.start_checks import check_start
from ofa_tf.workflow.export_plan import check_model_output
from ofa_tf.workflow.finetuning import FinetuneSettings, finetune_config
from ofa_tf.workflow.searched_run import SearchedRun


def open_run(workdir: str | Path) -> "Run":
    """Open a training run or an import, to evaluate, search and export with it.

    Args:
        workdir: The run's `--workdir`.

    Raises:
        InputError: If there is no run; the message says how to make one.
    """
    run = Run(workdir)
    run.check()
    return run


class Run(SearchedRun):
    """A training run and all that is done with it afterwards; for the arguments see `TrainedRun`."""

    # --- fine-tuning -----------------------------------------------------

    def finetune(
        self,
        arch: Arch,
        workdir: str | Path,
        settings: FinetuneSettings | None = None,
        resume: bool = False,
    ) -> "Run":
        """Train a subnet alone, in a run of its own, with this one's data and recipe.

        Args:
            arch: The subnet.
            workdir: Folder of the new run.
            settings: How to train.
            resume: Whether to go on with what was begun there.

        Returns:
            The new run, of a space with one subnet: `run.evaluate(arch)` and `run.export(arch, ...)` are for it.

        Raises:
            InputError: If `arch` is not of the run's space, the run lacks what it begins with or
                learns from, or `workdir` holds something else, see `ofa_tf.training.train`.
            KeyboardInterrupt: After Ctrl-C or SIGTERM, when a checkpoint is written.
        """
        config = finetune_config(self.config, arch, workdir, settings or FinetuneSettings())
        check_start(config, config.run_phases, resume)

        from ofa_tf.training.progressive_shrinking import train

        result = train(config, config.run_phases, resume, self.replicas)
        run = Run(workdir, result.evaluator)
        run.compute_on(self.replicas)
        return run

    # --- export ----------------------------------------------------------

    def export(
        self,
        arch: Arch,
        path: str | Path,
        options: ExportOptions | None = None,
        limits: Mapping[str, float] | None = None,
        origin: Origin | None = None,
    ) -> dict[str, Any]:
        """Write a subnet as a TFLite model, if it agrees with the network, with a JSON sidecar and a card beside it.

        Args:
            arch: The subnet.
            path: Target, ending in `.tflite`.
            options: How to convert; float32 by default.
            limits: What the file must keep within, such as the `limits` of a `SearchResult`;
                of these, `size_bytes`, `peak_ram_bytes` and `arena_bytes` are checked.
            origin: Where the arch comes from; what the run's latency tables say of it is added.

        Returns:
            Facts about the model: `path`, `size_bytes`, `top1` and others, see
            `ofa_tf.tflite.shipping.ship_subnet.ship`.

        Raises:
            InputError: If `arch` is not of the run's space, `path` cannot be written, or the
                model does not pass the gate or breaks a limit; nothing is written then.
        """
        self.space.validate(arch)  # before the supernet is loaded, which takes long
        check_model_output(path)

        from ofa_tf.workflow.export import export_subnet

        options = options or ExportOptions()
        origin = dataclasses.replace(
            origin or Origin(),
            predicted_latencies=self.predict_latencies(arch, options),
        )
        return export_subnet(
            self.evaluator,
            self.config,
            arch,
            path,
            options,
            limits=limits,
            origin=origin,
        )

    def export_all(
        self,
        archs: Mapping[str, Arch],
        options: ExportOptions,
        on_exported: Callable[[dict[str, Any]], None],
        limits: Mapping[str, Mapping[str, float]] | None = None,
        origins: Mapping[str, Origin] | None = None,
    ) -> list[str]:
        """Export several subnets; one that cannot be exported does not keep the others from it.

        Args:
            archs: The subnets, by the path that each is written to.
            options: How to convert.
            on_exported: Called with the facts about each model that was written.
            limits: What each must keep within, by its path, see `export`.
            origins: Where each comes from, by its path, see `export`.

        Returns:
            What keeps the others from being written, in words.

        Raises:
            InputError: If the run itself is at fault, such as its data set.
        """
        from ofa_tf.workflow.export import export_all

        limits_by_path = limits or {}
        origins_by_path = origins or {}

        def export_one(arch: Arch, path: str) -> dict[str, Any]:
            return self.export(arch, path, options, limits_by_path.get(path), origins_by_path.get(path))

        self.load()  # what the run lacks, each subnet would
        return export_all(archs, export_one, on_exported)
