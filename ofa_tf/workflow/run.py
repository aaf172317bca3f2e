"""`Run`: a training run and all that is done with it afterwards; what the tools call.

    run = ofa_tf.open_run("runs/mine")
    run.build_accuracy_table(num_archs=100)
    run.build_latency_table("host")
    found = run.search(ofa_tf.Limits(latency_ms=0.5))
    run.export(found.arch, "found.tflite", ofa_tf.ExportOptions(quantization="int8"))

Only the run knows what lies where in the workdir (`run_folder.py`); the functions of the
other modules of this folder take plain values.
"""

import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce, tell
from ofa_tf.data.shares import REPORT_SHARE, SEARCH_SHARE
from ofa_tf.devices.device import Device
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.networks.file_names import SUPERNET_FILE, find_supernet
from ofa_tf.search.accuracy_table import AccuracyTable, Origin
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraints import Limits
from ofa_tf.search.front_search import Front
from ofa_tf.search.measurement import Measurement
from ofa_tf.search.shard_merging import merge_shards
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.quantization.precisions import get_precision
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.start_checks import check_start
from ofa_tf.workflow.accuracy import measure_accuracies
from ofa_tf.workflow.export_plan import check_model_output
from ofa_tf.workflow.finetuning import FinetuneSettings, finetune_config
from ofa_tf.workflow.front import FrontRequest, search_front
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.measured_once import MeasuredOnce
from ofa_tf.workflow.run_folder import RunFolder, device_id
from ofa_tf.workflow.search import Measurers, SearchSettings, check_latency_limit, search_within
from ofa_tf.workflow.table_checks import check_latency_table, check_present, opened

# Modules that load TensorFlow are imported where they are needed: mistakes that have nothing to do with it, and looks
# at archs and tables, need not wait for it.
if TYPE_CHECKING:
    from ofa_tf.base.replicas import Replicas
    from ofa_tf.data.image_source import ImageSource
    from ofa_tf.networks.supernet import Supernet
    from ofa_tf.training.evaluation import Evaluator


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


class Run(RunFolder):
    """What a finished training run left, loaded when first needed.

    Args:
        path: The run's `--workdir`.
        evaluator: One of the run's supernet, if the training has just ended in
            this process: loading and tracing are saved. One that computes in half
            precision is not used: a run is measured in float32, see `load_supernet`.

    Raises:
        InputError: (on access) If something is missing or damaged; the message
            says which command makes it.
    """

    def __init__(self, path: str | Path, evaluator: "Evaluator | None" = None) -> None:
        super().__init__(path)
        if evaluator is not None and evaluator.supernet.compute_dtype == "float32":
            self.evaluator = evaluator
            self.supernet = evaluator.supernet
            self.source = evaluator.source

    def compute_on(self, replicas: "Replicas") -> None:
        """Let replicas share the work of measuring and of fine-tuning. Call before the supernet is loaded.

        With several workers, all must ask for the same measurements in the same order; the first one writes files.
        """
        self.replicas = replicas

    @functools.cached_property
    def replicas(self) -> "Replicas":
        """What computes together; one device by default."""
        from ofa_tf.base.replicas import Replicas

        return Replicas()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    # --- what the training left ------------------------------------------

    def check(self) -> None:
        """Check, without loading TensorFlow, that there is a training run.

        Raises:
            InputError: If there is none, or its configuration is damaged.
        """
        TrainConfig.load(self.path)

    def check_supernet(self) -> None:
        """Check, without loading TensorFlow, that a phase of the training is finished.

        Raises:
            InputError: If there is no supernet; the message says how to get one.
        """
        find_supernet(self.path)

    def load(self) -> "Evaluator":
        """Load the supernet and the data set now, rather than when they are first needed.

        That checks that both are there and whole, and of as many classes.

        Returns:
            What measures subnets.

        Raises:
            InputError: If one is missing or damaged, or they do not fit each other.
        """
        return self.evaluator

    def load_supernet(self) -> "Supernet":
        """Load the supernet now, rather than when it is first needed.

        Raises:
            InputError: See `supernet`.
        """
        return self.supernet

    @functools.cached_property
    def config(self) -> TrainConfig:
        """The run's configuration."""
        return TrainConfig.load(self.path)

    @property
    def space(self) -> SearchSpace:
        """The run's search space."""
        return self.config.search_space

    @functools.cached_property
    def supernet(self) -> "Supernet":
        """The supernet of the last finished phase.

        Raises:
            InputError: If there is none, or it is of another search space than the run.
        """
        from ofa_tf.networks.saving import load_supernet

        announce(f"loading the supernet in {self.path}")
        with self.replicas.scope():
            supernet = load_supernet(self.path)
        if supernet.space != self.space:
            raise InputError(
                f"Expected the supernet in {self.path} to be of the search space {self.space.name!r} as it is now. "
                f"Received: one of {supernet.space.name!r} as it was. Undo the change to the space, or train or import "
                "again in another --workdir."
            )
        return supernet

    @functools.cached_property
    def source(self) -> "ImageSource":
        """The data set the supernet was trained on.

        Raises:
            InputError: If it is not there, or has another number of classes.
        """
        from ofa_tf.data.sources import open_source

        config = self.config
        source = open_source(
            config.dataset,
            config.data_dir,
            validation_fraction=config.validation_fraction,
            num_validation_images=config.num_validation_images,
        )
        if source.num_classes != self.supernet.num_classes:
            remedy = "Import the weights again, into another --workdir, with the right --dataset."
            if config.phases:
                remedy = "It changed after the training; train again in another --workdir."
            raise InputError(
                f"Expected the data set {source.name!r} to have the supernet's {self.supernet.num_classes} classes. "
                f"Received: {source.num_classes}. {remedy}"
            )
        return source

    @functools.cached_property
    def evaluator(self) -> "Evaluator":
        """Measures subnets on the run's data set; see `ofa_tf.training.evaluation.Evaluator`."""
        from ofa_tf.training.evaluation import Evaluator

        config = self.config
        return Evaluator(
            self.supernet,
            self.source,
            augmentation=config.augmentation,
            num_calibration_images=config.num_calibration_images,
            seed=config.seed,
            replicas=self.replicas,
        )

    @functools.cached_property
    def network_id(self) -> str:
        """SHA-256 of the supernet's file: measurements of another network are not mixed with this one's."""
        self.load_supernet()  # raises if the file is missing or damaged
        return _hash_file(self.path / SUPERNET_FILE)

    # --- accuracies ------------------------------------------------------

    def evaluate(self, arch: Arch, split: str = "test") -> float:
        """Top-1 accuracy of a subnet in [0, 1], after BN calibration for it.

        Args:
            arch: The subnet; its `image_size` is used.
            split: See `measure`.

        Raises:
            InputError: See `measure`.
        """
        return self.measure(arch, split).top1

    def measure(self, arch: Arch, split: str = "validation") -> Measurement:
        """Count the images that a subnet gets right, after BN calibration for it.

        Args:
            arch: The subnet; its `image_size` is used.
            split: `"train"`, `"validation"`, `"test"`, or one of the shares of the validation images:
                `"search"`, on which tables and searches choose, and `"report"`, on which they do not.

        Raises:
            InputError: If `arch` is not of the run's space, there is no such split, or it has too few
                images to be shared.
        """
        self.space.validate(arch)  # before the supernet is loaded, which takes long
        return self.evaluator.measure(arch, split)

    def build_accuracy_table(self, num_archs: int = 100, seed: int = 0, shard: Shard | None = None) -> AccuracyTable:
        """Measure a sample of subnets on half of the validation images; continues a table begun before.

        Args:
            num_archs: Number of subnets.
            seed: Decides which.
            shard: Which of these to measure here, in a file of its own; all, in the run's table, by default.

        Returns:
            The table, as it is kept in the run.

        Raises:
            InputError: If `num_archs` is below 1, the table begun before is damaged,
                or the run lacks its supernet or its data set.
        """
        path = self.accuracy_table_path
        if shard is not None:
            path = self.shard_path(shard)
        return measure_accuracies(
            self.space,
            lambda arch: self.measure(arch, SEARCH_SHARE),
            lambda: self.network_id,
            path,
            num_archs=num_archs,
            seed=seed,
            shard=shard,
            is_writer=self.replicas.is_first_worker,
        )

    def merge_accuracy_table(self) -> AccuracyTable:
        """Make the run's table of all shards that `build_accuracy_table` measured. Loads no TensorFlow.

        Returns:
            The table, the same that one process would have measured.

        Raises:
            InputError: If there is no supernet, or a shard is missing, unfinished or of another network, data set or
                sample.
        """
        network = _hash_file(find_supernet(self.path))
        return merge_shards(self.shard_paths(), self.accuracy_table_path, self.space, network)

    def accuracy_table(self) -> AccuracyTable:
        """The accuracy table.

        Raises:
            InputError: If there is none, or it is of an earlier supernet.
        """
        self.check_accuracy_table()
        table = AccuracyTable.load(self.accuracy_table_path, self.space)
        if table.network != self.network_id:
            raise InputError(
                f"Expected {self.accuracy_table_path} to be of the supernet in {self.path}. Received: one of an "
                "earlier supernet. Build it again with tools/build_accuracy_table.py."
            )
        return table

    def check_accuracy_table(self) -> None:
        """Check that the run has not only an accuracy table of an earlier version.

        Raises:
            InputError: If it has.
        """
        if self.earlier_accuracy_table_path.exists() and not self.accuracy_table_path.exists():
            raise InputError(
                f"Expected an accuracy table at {self.accuracy_table_path}. Received: only "
                f"{self.earlier_accuracy_table_path}, in which an earlier version measured on all validation images, "
                "without keeping counts: none would be left to report on. Build it again with: "
                f"python tools/build_accuracy_table.py --workdir={self.path}."
            )

    # --- latencies -------------------------------------------------------

    def build_latency_table(
        self,
        device: Device | str = "host",
        settings: LatencyTableSettings | None = None,
        path: str | Path | None = None,
    ) -> LatencyTable:
        """Measure a device's latency table, calibrate its model on whole networks and check it on others.

        Args:
            device: Where to measure: `"host"`, `"adb"`, `"adb:SERIAL"` or a device.
            settings: How to measure.
            path: Where to write the table; by default `latency_table_path`. A plot of
                predicted and measured latencies lies beside it.

        Returns:
            The table, calibrated; see `ofa_tf.workflow.latency.held_out_report`.

        Raises:
            InputError: If the device cannot measure, too few models run on it, or `path`
                is a table of another device or of other settings.
        """
        from ofa_tf.workflow import latency

        settings = settings or LatencyTableSettings()
        device = opened(device)
        path = self.latency_table_path(device, settings.precision, path)
        latency.check_table_path(path, self.space, device, settings)
        unfinished_path = path.with_suffix(".part.json")
        num_classes = self.supernet.num_classes
        table = latency.measure_latency_table(self.space, num_classes, device, settings, unfinished_path)
        table.save(path)
        unfinished_path.unlink(missing_ok=True)
        files.write_bytes(path.with_suffix(".svg"), latency.plot_held_out(table).encode())
        return table

    def latency_model(
        self, device: Device | str = "host", precision: str = "float32", latency_table: str | Path | None = None
    ) -> LatencyModel:
        """The latency model of a device, from its table.

        Args:
            device: The device, or its id.
            precision: Name of the `Precision` of the models whose latency is predicted.
            latency_table: The device's table; by default that at `latency_table_path`.

        Returns:
            The model, calibrated if the table is; it predicts milliseconds.

        Raises:
            InputError: If there is no table, it is of another device or precision,
                its pieces were exported in another way, or it was measured on
                another computer or with another runtime.
        """
        path = self.latency_table_path(device, precision, latency_table)
        table = LatencyTable.load(path, self.space)
        check_latency_table(table, path, device, precision)
        return LatencyModel(self.space, table)

    # --- search ----------------------------------------------------------

    def search(
        self,
        limits: Limits,
        device: Device | str = "host",
        settings: SearchSettings | None = None,
        latency_table: str | Path | None = None,
    ) -> SearchResult:
        """Find the most accurate arch within limits, from the run's tables.

        Args:
            limits: What the arch must keep within.
            device: Device of the latency limit, or its id.
            settings: How to search.
            latency_table: The device's table; by default that at `latency_table_path`.

        Returns:
            The arch, with its accuracies and what it costs.

        Raises:
            InputError: If a table is missing, that of the host is of another computer
                or runtime, or not even the smallest subnet is within the limits.
        """
        settings = settings or SearchSettings()
        self.check_search(limits, device, settings, latency_table)
        model = None
        if limits.latency_ms is not None:
            model = self.latency_model(device, settings.precision, latency_table)
        measurers = self._measurers(settings)
        return search_within(
            limits,
            self.supernet.num_classes,
            accuracies=self._accuracies(measurers, settings),
            latency_model=model,
            measurers=measurers,
            settings=settings,
        )

    def front(
        self,
        request: FrontRequest | None = None,
        device: Device | str = "host",
        latency_table: str | Path | None = None,
    ) -> Front:
        """Find the front of accuracy against costs, from the run's tables; measures subnets on the way.

        What is measured is kept: a search that was interrupted goes on where it was, and one for another device
        measures no subnet again.

        Args:
            request: Which front; that of latency by default.
            device: Device of the latencies, or its id.
            latency_table: The device's table; by default that at `latency_table_path`.

        Raises:
            InputError: See `check_front`; and if not even the smallest subnet is within the limits.
        """
        request = request or FrontRequest()
        self.check_front(request, device, latency_table)
        model = None
        if request.needs_latency:
            model = self.latency_model(device, request.search.precision, latency_table)
        measurers = self._measurers(request.search)
        return search_front(
            request,
            self.supernet.num_classes,
            accuracies=self._accuracies(measurers, request.search),
            latency_model=model,
            measurers=measurers,
        )

    def check_front(
        self,
        request: FrontRequest,
        device: Device | str = "host",
        latency_table: str | Path | None = None,
    ) -> None:
        """Check, without loading TensorFlow, that a search for a front has its tables.

        Args:
            request: See `front`.
            device: See `front`.
            latency_table: See `front`.

        Raises:
            InputError: If a table is missing or of something else, or no subnet keeps a limit of the latency.
        """
        search = request.search
        self._check_tables(request.needs_latency, device, search.precision, latency_table)
        if request.needs_latency:
            model = self.latency_model(device, search.precision, latency_table)
            if request.limits is not None and request.limits.latency_ms is not None:
                check_latency_limit(self.space, request.limits.latency_ms, model, search.confidence)

    def _measurers(self, settings: SearchSettings) -> Measurers:
        """What measures subnets for a search; each once, over programs, too."""
        return Measurers(
            choose=self._measured_once(SEARCH_SHARE, settings),
            report=self._measured_once(REPORT_SHARE, settings),
        )

    def _measured_once(self, share: str, settings: SearchSettings) -> MeasuredOnce:
        precision = "float32"
        if settings.measures_shipped_models:
            precision = settings.precision

        def measure(arch: Arch) -> Measurement:
            if not settings.measures_shipped_models:
                return self.measure(arch, share)
            from ofa_tf.workflow.shipped_accuracy import measure_as_shipped

            return measure_as_shipped(self.evaluator, arch, share, get_precision(precision).mode)

        path = self.search_measurements_path(share, precision)
        return MeasuredOnce(self.space, Origin(share, self.network_id), path, measure)

    def _accuracies(self, measurers: Measurers, settings: SearchSettings) -> AccuracyTable:
        """The accuracy table, corrected for the precision of a search."""
        table = self.accuracy_table()
        if not settings.measures_shipped_models:
            return table
        from ofa_tf.workflow.shipped_accuracy import correct_table

        num_archs = settings.num_shipped_archs
        announce(f"measuring {num_archs} subnets of the accuracy table as {settings.precision} models")
        table, loss = correct_table(table, measurers.choose, num_archs)
        tell(f"{settings.precision} models are {100 * loss:.2f} points less accurate on average")
        return table

    def check_search(
        self,
        limits: Limits,
        device: Device | str = "host",
        settings: SearchSettings | None = None,
        latency_table: str | Path | None = None,
    ) -> None:
        """Check, without loading TensorFlow, that a search has its tables and can keep a limit of the latency.

        Args:
            limits: See `search`.
            device: See `search`.
            settings: See `search`.
            latency_table: See `search`.

        Raises:
            InputError: See `check_tables` and `search`.
        """
        settings = settings or SearchSettings()
        self.check_tables(limits, device, settings.precision, latency_table)
        if limits.latency_ms is not None:
            model = self.latency_model(device, settings.precision, latency_table)
            check_latency_limit(self.space, limits.latency_ms, model, settings.confidence)

    def check_tables(
        self, limits: Limits, device: Device | str, precision: str = "float32", latency_table: str | Path | None = None
    ) -> None:
        """Check, without loading TensorFlow, that the tables that a search needs are there.

        Args:
            limits: Of the search: a latency table is needed if latency is limited.
            device: Device of the latency table, or its id.
            precision: Name of the `Precision` of its models.
            latency_table: The table; by default that at `latency_table_path`.

        Raises:
            InputError: If there is no training run, no such precision or no such
                device; else names each table that is missing and the command that
                builds it.
        """
        self._check_tables(limits.latency_ms is not None, device, precision, latency_table)

    def _check_tables(
        self, needs_latency: bool, device: Device | str, precision: str, latency_table: str | Path | None
    ) -> None:
        self.check()
        get_precision(precision)
        self.check_accuracy_table()
        commands = {self.accuracy_table_path: "build_accuracy_table.py"}
        if needs_latency:
            opened(device)  # raises if there can be none of that id
            path = self.latency_table_path(device, precision, latency_table)
            command = f"build_latency_table.py --device={device_id(device)} --precision={precision}"
            if latency_table is not None:
                command += f" --output={latency_table}"
            commands[path] = command
        check_present(commands, self.path)

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
    ) -> dict[str, Any]:
        """Write a subnet as a TFLite model, if it agrees with the network, with a JSON sidecar beside it.

        Args:
            arch: The subnet.
            path: Target, ending in `.tflite`.
            options: How to convert; float32 by default.
            limits: What the file must keep within, such as the `limits` of a `SearchResult`;
                of these, `size_bytes` and `peak_ram_bytes` are checked.

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

        return export_subnet(
            self.evaluator,
            self.config,
            arch,
            path,
            options or ExportOptions(),
            limits=limits,
        )

    def export_all(
        self,
        archs: Mapping[str, Arch],
        options: ExportOptions,
        on_exported: Callable[[dict[str, Any]], None],
        limits: Mapping[str, Mapping[str, float]] | None = None,
    ) -> list[str]:
        """Export several subnets; one that cannot be exported does not keep the others from it.

        Args:
            archs: The subnets, by the path that each is written to.
            options: How to convert.
            on_exported: Called with the facts about each model that was written.
            limits: What each must keep within, by its path, see `export`.

        Returns:
            What keeps the others from being written, in words.

        Raises:
            InputError: If the run itself is at fault, such as its data set.
        """
        from ofa_tf.workflow.export import export_all

        limits_by_path = limits or {}

        def export_one(arch: Arch, path: str) -> dict[str, Any]:
            return self.export(arch, path, options, limits_by_path.get(path))

        self.load()  # what the run lacks, each subnet would
        return export_all(archs, export_one, on_exported)


def _hash_file(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest()
