"""What the report says of a run's tables: latencies by device, and accuracies. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.report.page.contents import AccuracyReport, DeviceReport, Note
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.search.predictors.predictor_registry import AUTOMATIC, LINEAR
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.measured_run import MeasuredRun

# Of larger tables only the predictor that is quick to fit is asked, as others take minutes.
_MAX_ARCHS_FOR_SLOW_PREDICTORS = 1000


@dataclasses.dataclass(frozen=True)
class ReadTable:
    """A latency table that the report is made with.

    Args:
        path: Its file.
        model: Predicts latencies from it.
    """

    path: Path
    model: LatencyModel

    @property
    def device(self) -> str:
        """Id of the device."""
        return str(self.model.table.device["device"])

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.device}, {self.model.table.form_name}"

    @property
    def held_out(self) -> dict[str, Any]:
        """The networks that its model was checked on, see `LatencyTable.held_out`; empty if there are none."""
        calibration = self.model.table.calibration or {}
        return calibration.get("held_out", {})

    @property
    def error(self) -> float | None:
        """Mean relative error on the networks held out; `None`: not known."""
        return self.held_out.get("report", {}).get("mape")


def read_latency_tables(run: MeasuredRun, paths: Sequence[Path], num_classes: int | None) -> list[ReadTable | Note]:
    """The latency tables of a run, and notes of those that are not of it or damaged.

    That of a host may have been measured on another computer: nothing is measured here.

    Args:
        run: The run.
        paths: The tables' files.
        num_classes: Of the run; `None`: not known.
    """
    found: list[ReadTable | Note] = []
    for path in paths:
        try:
            table = LatencyTable.load(path, run.space)
            if num_classes not in (None, table.num_classes):
                raise InputError(f"{path} is of networks with {table.num_classes} classes instead of {num_classes}.")
            found.append(ReadTable(path, LatencyModel(run.space, table)))
        except InputError as error:
            found.append(Note(f"Left out: {error}"))
    return found


def describe_device(table: ReadTable, workdir: Path) -> DeviceReport:
    """What the report says of a latency table.

    Args:
        table: The table.
        workdir: The run's folder, which its name is told without.
    """
    latency_table = table.model.table
    smallest_ms, largest_ms = _range_ms(table.model)
    held_out = table.held_out
    measured_ms = [float(value) for value in held_out.get("measured_ms", [])]
    predicted_ms: list[float] = []
    if measured_ms:
        archs = [Arch.from_dict(arch) for arch in held_out["archs"]]
        predicted_ms = table.model.predict(archs).tolist()
    return DeviceReport(
        name=table.name,
        file=short_path(table.path, workdir),
        facts=latency_table.device,
        image_sizes=latency_table.image_sizes,
        num_pieces=latency_table.num_pieces,
        doubts=[f"{piece}: {reason}" for piece, reason in latency_table.doubts_of_pieces.items()],
        smallest_ms=smallest_ms,
        largest_ms=largest_ms,
        measured_ms=measured_ms,
        predicted_ms=predicted_ms,
        quality=held_out.get("report", {}),
    )


def _range_ms(model: LatencyModel) -> tuple[float, float]:
    """Latencies of the smallest and of the largest subnet of the image sizes that were measured, milliseconds."""
    space = model.space
    covered_sizes = [size for size in space.image_sizes if model.table.covers(size)]
    smallest = space.smallest(min(covered_sizes))
    largest = space.largest(max(covered_sizes))
    return float(model.predict(smallest)), float(model.predict(largest))


def describe_accuracies(table: AccuracyTable, predictor: str | None = None) -> AccuracyReport | Note:
    """What the report says of the accuracy table.

    Args:
        table: The table.
        predictor: Name of the predictor to judge; by default that with the smallest error, or, of large tables, the
            linear one.
    """
    if len(table) < MIN_ARCHS_FOR_PREDICTOR:
        return Note(
            f"The accuracy table has {len(table)} subnets; accuracies can be predicted from "
            f"{MIN_ARCHS_FOR_PREDICTOR} on."
        )
    fitted = fit_predictor(table, predictor or _choose_predictor(table))
    unseen = fitted.unseen.capped()
    return AccuracyReport(
        predictor=fitted.name,
        num_images=sum(table.num_images),
        measured_top1=table.top1.tolist(),
        predicted_top1=np.asarray(unseen.mean).tolist(),
        predicted_std=np.asarray(unseen.std).tolist(),
        quality=fitted.quality,
    )


def _choose_predictor(table: AccuracyTable) -> str:
    if len(table) > _MAX_ARCHS_FOR_SLOW_PREDICTORS:
        return LINEAR
    return AUTOMATIC


def short_path(path: Path, workdir: Path) -> str:
    """The path of a file, from the run's folder on if it lies there."""
    if path.resolve().is_relative_to(workdir.resolve()):
        return str(path.resolve().relative_to(workdir.resolve()))
    return str(path)
