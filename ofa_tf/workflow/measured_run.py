"""`MeasuredRun`: a trained run with its tables, of accuracies and of latencies, and what its subnets cost."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked_file
from ofa_tf.base.progress import announce, tell
from ofa_tf.devices.device import Device
from ofa_tf.devices.device_facts import shareable_facts
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.networks.file_names import check_archive, find_supernet
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.lowering.lowerings import choose_lowerings
from ofa_tf.tflite.lowering.targets import get_target
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU, ModelForm, as_model_form
from ofa_tf.tflite.quantization.precisions import PRECISIONS
from ofa_tf.workflow.evaluation import predict_costs
from ofa_tf.workflow.latency_settings import FOUND_SETTINGS, LatencyTableSettings
from ofa_tf.workflow.run_folder import UNFINISHED_TABLE, device_id
from ofa_tf.workflow.sampled_run import SampledRun
from ofa_tf.workflow.table_checks import (
    announce_other_hardware,
    check_latency_table,
    check_same_use,
    check_table_path,
    opened,
)


class MeasuredRun(SampledRun):
    """A run with an accuracy table, and its latency tables; for the arguments see `TrainedRun`."""

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
            InputError: If the device cannot measure, too few models run on it, `path`
                is a table of another device or of other settings, or another program measures it.
        """
        from ofa_tf.workflow import latency

        settings = settings or LatencyTableSettings()
        device = opened(device, settings.form.target)
        path = self.check_latency_table_path(device, settings, path)
        announce_other_hardware(device, settings.form.target)
        unfinished_path = path.with_suffix(UNFINISHED_TABLE)
        num_classes = self.supernet.num_classes
        with locked_file(path):
            table = latency.measure_latency_table(self.space, num_classes, device, settings, unfinished_path)
            table.save(path)
            unfinished_path.unlink(missing_ok=True)
            files.write_bytes(path.with_suffix(".svg"), latency.plot_held_out(table).encode())
        return table

    def check_latency_table_path(
        self, device: Device, settings: LatencyTableSettings, path: str | Path | None = None
    ) -> Path:
        """Check, without loading TensorFlow, that `build_latency_table` has a supernet, and may write its table.

        Args:
            device: See `build_latency_table`; it is reached if there is a table already.
            settings: See `build_latency_table`.
            path: See `build_latency_table`.

        Returns:
            Where the table will lie.

        Raises:
            InputError: If there is no supernet, or a damaged one, or the table would replace one of another device or
                of other settings.
        """
        check_archive(find_supernet(self.path))
        path = self.latency_table_path(device, settings.form, path)
        check_table_path(path, self.space, device, settings)
        return path

    def latency_model(
        self,
        device: Device | str = "host",
        form: ModelForm | str = FLOAT32_ON_CPU,
        latency_table: str | Path | None = None,
    ) -> LatencyModel:
        """The latency model of a device, from its table.

        Args:
            device: The device, or its id.
            form: Form of the models whose latency is predicted, or the name of its precision.
            latency_table: The device's table; by default that at `latency_table_path`.

        Returns:
            The model, calibrated if the table is; it predicts milliseconds.

        Raises:
            InputError: If there is no table, it is of another device, target, precision or number of
                classes, its pieces were exported in another way, or it was measured on
                another computer or with another runtime.
        """
        form = as_model_form(form)
        path = self.latency_table_path(device, form, latency_table)
        table = LatencyTable.load(path, self.space)
        check_latency_table(table, path, device, form)
        if table.num_classes != self.num_classes:
            raise InputError(
                f"Expected {path} to be of networks with {self.num_classes} classes, as the supernet has. "
                f"Received: one of {table.num_classes}. Build it again with tools/build_latency_table.py."
            )
        return LatencyModel(self.space, table, input_type=form.input_type)

    def find_latency_model(
        self,
        device: Device | str = "host",
        form: ModelForm | str = FLOAT32_ON_CPU,
        latency_table: str | Path | None = None,
    ) -> LatencyModel | None:
        """The latency model of a device, where there is a table that it can be made from.

        Args:
            device: See `latency_model`.
            form: See `latency_model`.
            latency_table: See `latency_model`.

        Returns:
            The model; `None` where there is no table, or, which is announced, one of something else.
        """
        if not self.latency_table_path(device, form, latency_table).exists():
            return None
        try:
            return self.latency_model(device, form, latency_table)
        except InputError as error:
            announce(f"without predicted latencies: {error}")
            return None

    def predict_latencies(self, arch: Arch, options: ExportOptions) -> list[dict[str, Any]]:
        """What the run's latency tables say of a subnet's model, as its sidecar tells it.

        Nothing is measured, so the devices need not be there. A table of other models (for another target, of another
        precision or number of classes, or exported with other rewrites) is passed over, and so is one that is damaged
        or incomplete: an export needs none.

        Args:
            arch: The subnet.
            options: How it is exported.

        Returns:
            For each table that tells of such models `latency_ms`, `device`, `target`, `precision`,
            `input_type`, `mean_error` and `doubt`, see `Origin`.
        """
        if options.float_layers:
            return []  # tables are of models without such layers
        rewrites = choose_lowerings(
            options.lowering,
            integer_activations=options.mode.has_integer_activations,
            target=get_target(options.target),
        )
        predictions = []
        for path in self.latency_table_paths():
            try:
                table = LatencyTable.load(path, self.space)
                is_of_precision = table.precision in PRECISIONS and PRECISIONS[table.precision].holds_for(options.mode)
                is_of_form = is_of_precision and (table.target, table.lowering) == (options.target, rewrites)
                is_of_such_models = is_of_form and table.num_classes == self.num_classes
            except InputError:
                continue
            if not is_of_such_models or not table.covers(arch.image_size):
                continue
            try:
                model = LatencyModel(self.space, table, input_type=options.input_type)
                latency_ms = float(model.predict(arch))
            except InputError as error:
                tell(f"without a latency that {path} predicts: {error}")
                continue
            predictions.append(_describe_prediction(model, latency_ms))
        return predictions

    # --- costs -----------------------------------------------------------

    def predict_costs(
        self,
        archs: Sequence[Arch],
        device: Device | str = "host",
        form: ModelForm | str = FLOAT32_ON_CPU,
        latency_table: str | Path | None = None,
    ) -> list[SubnetCosts]:
        """What subnets cost: MACs, size of the file, latency if there is a table for it.

        Args:
            archs: The subnets.
            device: Of the latencies.
            form: Form of the models, or the name of its precision.
            latency_table: The device's table; by default that at `latency_table_path`.
        """
        form = as_model_form(form)
        model = self.find_latency_model(device, form, latency_table)
        costs = []
        for arch in archs:
            costs.append(
                predict_costs(
                    self.space,
                    self.num_classes,
                    arch,
                    form,
                    model,
                    device_id(device),
                )
            )
        return costs

    def measure_costs(
        self,
        archs: Sequence[Arch],
        device: Device | str = "host",
        form: ModelForm | str = FLOAT32_ON_CPU,
        latency_table: str | Path | None = None,
    ) -> list[SubnetCosts]:
        """What subnets cost, see `predict_costs`, with latencies measured on the device, which takes seconds.

        Args:
            archs: The subnets.
            device: Where to measure.
            form: Form of the models, or the name of its precision.
            latency_table: The device's table, which says with how many threads models run.

        Raises:
            InputError: If the device cannot measure, or not as the table was measured.
        """
        from ofa_tf.workflow.latency import measure_subnets

        form = as_model_form(form)
        costs = self.predict_costs(archs, device, form, latency_table)
        device = opened(device, form.target)
        settings = FOUND_SETTINGS
        path = self.latency_table_path(device, form, latency_table)
        if path.exists():
            table = LatencyTable.load(path, self.space)
            check_same_use(table, device)
            settings = dataclasses.replace(settings, num_threads=table.device.get("num_threads") or 1)
        measurements = measure_subnets(self.space, self.num_classes, device, archs, form, settings)
        measured = []
        for cost, measurement in zip(costs, measurements, strict=True):
            measured.append(dataclasses.replace(cost, measurement=measurement))
        return measured


def _describe_prediction(model: LatencyModel, latency_ms: float) -> dict[str, Any]:
    """A predicted latency as a sidecar has it: without the table's file, whose name has the address of a phone."""
    table = model.table
    held_out = (table.calibration or {}).get("held_out") or {}
    report = held_out.get("report") or {}
    return {
        "latency_ms": latency_ms,
        "device": shareable_facts(table.device),
        "target": table.target,
        "precision": table.precision,
        "mean_error": report.get("mape"),
        "input_type": model.input_type,
        "doubt": table.doubt,
    }
