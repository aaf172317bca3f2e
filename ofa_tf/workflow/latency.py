"""The latency table of a space on a device: pieces measured, its model calibrated on networks, checked on others."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar, tell
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device, Measurement
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT, LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.table_builder import TABLE_SETTINGS, build_latency_table
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.report.scatter import scatter_svg
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.for_measuring import convert_subnet_for_measuring
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow.latency_settings import NETWORK_SETTINGS, LatencyTableSettings


def measure_latency_table(
    space: SearchSpace,
    num_classes: int,
    device: Device,
    settings: LatencyTableSettings,
    unfinished_path: Path | None = None,
) -> LatencyTable:
    """Build a device's latency table, calibrate its model on whole networks, check it on others.

    The networks of both kinds are measured together, in turns.

    Args:
        space: Search space.
        num_classes: Number of classes of the networks.
        device: Where to measure.
        settings: How to measure.
        unfinished_path: File that keeps what is measured of the pieces; the next call
            continues with it. It is for the caller to delete, once the table is in
            safety.

    Returns:
        The table; its `calibration` holds the report on the networks held out.

    Raises:
        InputError: If the device cannot measure, or a piece, the smallest or the
            largest network, or half of those held out do not run on it.
    """
    table = _measure_pieces(space, num_classes, device, settings, unfinished_path)
    archs = _draw_networks(space, settings)
    measurements = _measure_networks(space, num_classes, device, archs, settings)
    check_networks(measurements, settings.num_networks)
    return _calibrate(table, archs, measurements, settings.num_networks)


def held_out_report(table: LatencyTable) -> dict[str, Any]:
    """How well the model agrees with the networks that it was not calibrated on; see `LatencyModel.evaluate`."""
    report: dict[str, Any] = table.held_out["report"]
    return report


def plot_held_out(table: LatencyTable) -> str:
    """Predicted against measured latencies of the networks held out, as the text of an SVG file."""
    held_out = table.held_out
    archs = [Arch.from_dict(arch) for arch in held_out["archs"]]
    predicted_ms = LatencyModel(table.space, table).predict(archs)
    title = f"{table.space.name} on {table.device['device']}, {table.form_name}: {len(archs)} random networks"
    return scatter_svg(
        held_out["measured_ms"],
        predicted_ms,
        title=title,
        measured_label="measured latency, ms",
        predicted_label="predicted latency, ms",
    )


def _measure_pieces(
    space: SearchSpace,
    num_classes: int,
    device: Device,
    settings: LatencyTableSettings,
    unfinished_path: Path | None,
) -> LatencyTable:
    models = make_piece_models(space, num_classes, settings.form)
    table_settings = dataclasses.replace(
        TABLE_SETTINGS, num_threads=settings.num_threads, time_limit_s=settings.time_limit_s
    )
    with progress_bar(None, f"latency table of {device.id}", "piece") as bar:
        table = build_latency_table(
            models,
            device,
            settings=table_settings,
            on_progress=on_progress(bar),
            unfinished_path=unfinished_path,
        )
    if table.doubts_of_pieces:
        name, doubt = next(iter(table.doubts_of_pieces.items()))
        num_doubtful = len(table.doubts_of_pieces)
        tell(f"latencies of {num_doubtful} of {table.num_pieces} pieces are doubtful, such as that of {name}: {doubt}")
    return table


def _draw_networks(space: SearchSpace, settings: LatencyTableSettings) -> list[Arch]:
    """The networks to calibrate on, then those to check the model on.

    The smallest and the largest come first, as the model must hold for both; then what
    networks usually are. (A set of mostly small networks makes predictions of middling
    ones 7% too high: caches favour the small ones.)
    """
    ends = [space.smallest(), space.largest()]
    num_random = settings.num_networks - len(ends) + settings.num_held_out
    genes = space.sample_genes(np.random.default_rng(settings.seed), num_random)
    return [*ends, *space.decode(genes)]


def _measure_networks(
    space: SearchSpace, num_classes: int, device: Device, archs: Sequence[Arch], settings: LatencyTableSettings
) -> list[Measurement]:
    network_settings = dataclasses.replace(
        NETWORK_SETTINGS, num_threads=settings.num_threads, time_limit_s=settings.time_limit_s
    )
    measurements = measure_subnets(space, num_classes, device, archs, settings.form, network_settings)
    _announce_faults("did not run and are left out", _failures(measurements), len(archs))
    _announce_faults("have doubtful latencies", _doubts(measurements), len(archs))
    return measurements


def measure_subnets(
    space: SearchSpace,
    num_classes: int,
    device: Device,
    archs: Sequence[Arch],
    form: ModelForm,
    settings: BenchmarkSettings,
) -> list[Measurement]:
    """Measure the latencies of subnets, with random weights, on which they do not depend.

    Args:
        space: Search space of the subnets.
        num_classes: Number of classes.
        device: Where to measure.
        archs: The subnets.
        form: Form of their models.
        settings: How to measure.

    Returns:
        One measurement each, in order; that of a model that does not run says why.

    Raises:
        InputError: If the device cannot measure.
    """
    networks = [(space, arch) for arch in archs]
    return measure_networks(networks, num_classes, device, form, settings)


def measure_networks(
    networks: Sequence[tuple[SearchSpace, Arch]],
    num_classes: int,
    device: Device,
    form: ModelForm,
    settings: BenchmarkSettings,
) -> list[Measurement]:
    """Measure the latencies of subnets of any spaces, in turns, with random weights.

    Args:
        networks: The search space and the arch of each.
        num_classes: See `measure_subnets`.
        device: See `measure_subnets`.
        form: See `measure_subnets`.
        settings: See `measure_subnets`.

    Returns:
        See `measure_subnets`.

    Raises:
        InputError: See `measure_subnets`.
    """
    models = []
    with progress_bar(len(networks), "converting networks", "network") as bar:
        for index, (space, arch) in enumerate(networks):
            subnet = build_subnet(space, arch, num_classes)
            models.append(BenchmarkModel(f"network {index}", convert_subnet_for_measuring(subnet, form)))
            bar.update()
    with progress_bar(None, f"networks on {device.id}", "step") as bar:
        return device.measure(models, settings, on_progress(bar))


def _announce_faults(what: str, faults: Sequence[str], num_models: int) -> None:
    if faults:
        tell(f"{len(faults)} of {num_models} networks {what}, such as {faults[0]}")


def _failures(measurements: Sequence[Measurement]) -> list[str]:
    """Which models did not run, and why."""
    return [f"{row.model}: {row.error}" for row in measurements if row.error]


def _doubts(measurements: Sequence[Measurement]) -> list[str]:
    """Which models have latencies that are not to be trusted, and why."""
    return [f"{row.model}: {row.doubt}" for row in measurements if row.doubt]


def check_networks(measurements: Sequence[Measurement], num_networks: int) -> None:
    """Check that enough networks ran.

    Args:
        measurements: Of the smallest, the largest and random networks.
        num_networks: How many of them, the first ones, calibrate; the others check.

    Raises:
        InputError: If the smallest or the largest did not run, or too few of either kind.
    """
    calibrating = measurements[:num_networks]
    held_out = measurements[num_networks:]
    half_of_held_out = (len(held_out) + 1) // 2
    _check_enough_ran(measurements[:2], 2, "the smallest and the largest network")
    _check_enough_ran(
        calibrating,
        MIN_ARCHS_FOR_EXPONENT,
        f"{MIN_ARCHS_FOR_EXPONENT} of {len(calibrating)} networks to calibrate on",
    )
    _check_enough_ran(
        held_out, half_of_held_out, f"{half_of_held_out} of {len(held_out)} networks to check the model on"
    )


def _check_enough_ran(measurements: Sequence[Measurement], at_least: int, which: str) -> None:
    errors = [row.error for row in measurements if row.latency_ms is None]
    num_ran = len(measurements) - len(errors)
    if num_ran < at_least:
        raise InputError(
            f"Expected {which} to run on the device. Received: {num_ran}; {errors[0]}. "
            "The pieces are kept: tools/build_latency_table.py measures the networks again, with a higher "
            "--time_limit_s if the time was up."
        )


def _calibrate(
    table: LatencyTable, archs: Sequence[Arch], measurements: Sequence[Measurement], num_networks: int
) -> LatencyTable:
    """The table with a calibration on the first networks, and what the others say of it."""
    networks, networks_ms = only_measured(archs[:num_networks], measurements[:num_networks])
    held_out, held_out_ms = only_measured(archs[num_networks:], measurements[num_networks:])
    model = LatencyModel(table.space, table).calibrate(networks, networks_ms)
    calibration = {
        **(model.table.calibration or {}),
        "held_out": {
            "archs": [arch.to_dict() for arch in held_out],
            "measured_ms": held_out_ms,
            "report": model.evaluate(held_out, held_out_ms),
        },
        "doubts": _doubts(measurements),
        "failed": _failures(measurements),
    }
    return dataclasses.replace(model.table, calibration=calibration)


def only_measured(archs: Sequence[Arch], measurements: Sequence[Measurement]) -> tuple[list[Arch], list[float]]:
    """Archs and latencies, milliseconds, of the networks that ran."""
    measured_archs = []
    latencies_ms = []
    for arch, row in zip(archs, measurements, strict=True):
        if row.latency_ms is not None:
            measured_archs.append(arch)
            latencies_ms.append(row.latency_ms)
    return measured_archs, latencies_ms
