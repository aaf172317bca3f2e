"""The steps after training, each from what lies in a workdir to what it adds there."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce, on_progress, progress_bar
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device, Measurement
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT, LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.piece_models import block_model_converter
from ofa_tf.latency.table_builder import TABLE_SETTINGS, build_latency_table
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.report.scatter import scatter_svg
from ofa_tf.search.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.accuracy_table import AccuracyTable, build_accuracy_table, sample_archs
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.find import Found, find_arch, make_constraints
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.to_tflite import to_tflite
from ofa_tf.tflite.lowering.rewrites import choose_lowerings
from ofa_tf.workflow.workdir import Workdir

_SEARCH_SPLIT = "validation"
_SECONDS_BETWEEN_WRITES = 15.0


def measure_accuracies(workdir: Workdir, num_archs: int, seed: int = 0) -> AccuracyTable:
    """Measure a sample of subnets on the validation images; continues a table begun before."""
    space, path = workdir.space, workdir.accuracy_table_path
    archs = sample_archs(space, num_archs, seed)
    known = AccuracyTable.load(path, space) if path.exists() else None
    last_write = time.monotonic()
    with progress_bar(len(archs), "accuracy table", "subnet") as bar:

        def on_measured(table: AccuracyTable) -> None:
            nonlocal last_write
            bar.set_postfix(top1=f"{table.top1[-1]:.1%}", refresh=False)
            bar.update()
            if time.monotonic() - last_write > _SECONDS_BETWEEN_WRITES:
                table.save(path)
                last_write = time.monotonic()

        table = build_accuracy_table(
            space,
            archs,
            lambda arch: workdir.evaluator.top1(arch, _SEARCH_SPLIT),
            _SEARCH_SPLIT,
            workdir.network_id,
            known,
            on_measured,
        )
    table.save(path)
    return table


def measure_latencies(
    workdir: Workdir,
    device: Device,
    precision: str = "float32",
    num_threads: int = 1,
    num_networks: int = 8,
    num_held_out: int = 50,
    seed: int = 0,
    time_limit_s: float = 1800.0,
    path: Path | None = None,
) -> dict[str, Any]:
    """Build a device's latency table, calibrate its model on whole networks, check it on others.

    The networks of both kinds are measured together, in turns.

    Args:
        workdir: Gets the table and a plot of predicted and measured latencies.
        device: Where to measure.
        precision: `"float32"` or `"int8"`.
        num_threads: Threads of the interpreter.
        num_networks: Whole networks that calibrate the model: the smallest, the largest
            and evenly drawn random ones.
        num_held_out: Evenly drawn random networks that check it.
        seed: Decides which networks.
        time_limit_s: Limit for each part of the pieces, and again for the networks, seconds.
        path: Where to write the table; by default `Workdir.latency_table_path`.

    Returns:
        The report on those held out, see `LatencyModel.evaluate`.

    Raises:
        InputError: If a number is too small, the device cannot measure, a piece, the
            smallest or the largest network or half of those held out do not run on
            it, or `path` is a table of another device or of other settings.
    """
    smallest = (("num_networks", num_networks, MIN_ARCHS_FOR_EXPONENT), ("num_held_out", num_held_out, 1))
    for name, number, minimum in smallest:
        if number < minimum:
            raise InputError(f"Expected `{name}` to be at least {minimum}. Received: {name}={number}.")
    space = workdir.space
    path = path or workdir.latency_table_path(device.id, precision)
    _check_table_path(path, space, device, precision, num_threads)
    part_path = path.with_suffix(".part.json")
    table = _measure_pieces(workdir, device, precision, num_threads, time_limit_s, part_path)
    # The smallest and the largest, as the model must hold for both, and what networks usually are. (A set of mostly
    # small networks makes predictions of middling ones 7% too high: caches favour the small ones.)
    archs = [space.smallest(), space.largest()]
    genes = space.sample_genes(np.random.default_rng(seed), num_networks - len(archs) + num_held_out)
    archs += space.decode(genes)
    measurements = _measure_networks(workdir, device, archs, precision, num_threads, time_limit_s)
    _check_networks(measurements, num_networks)
    networks, networks_ms = _those_that_ran(archs[:num_networks], measurements[:num_networks])
    held_out, held_out_ms = _those_that_ran(archs[num_networks:], measurements[num_networks:])
    model = LatencyModel(space, table).calibrate(networks, networks_ms)
    report = model.evaluate(held_out, held_out_ms)
    calibration = {
        **(model.table.calibration or {}),
        "held_out": {"archs": [arch.to_dict() for arch in held_out], "measured_ms": held_out_ms, "report": report},
        "doubts": [f"{row.model}: {row.doubt}" for row in measurements if row.doubt],
        "failed": [f"{row.model}: {row.error}" for row in measurements if row.error],
    }
    dataclasses.replace(model.table, calibration=calibration).save(path)
    part_path.unlink(missing_ok=True)
    predicted_ms = np.atleast_1d(model.predict(space.encode(held_out)))
    title = f"{space.name} on {device.id}, {precision}: {len(held_out)} random networks"
    plot = scatter_svg(held_out_ms, predicted_ms, title, "measured latency, ms", "predicted latency, ms")
    files.write_bytes(path.with_suffix(".svg"), plot.encode())
    return report


def _check_table_path(path: Path, space: SearchSpace, device: Device, precision: str, num_threads: int) -> None:
    """Check, before all is measured, that a table can be written to a path and replaces none of another kind.

    Raises:
        InputError: If it cannot, or does.
    """
    files.check_output(path)
    files.check_replaceable(path, "latency_table")
    if path.suffix != ".json":
        raise InputError(f"Expected --output to end in .json; the plot gets the suffix .svg. Received: {path}.")
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        table = LatencyTable.load(path)
    except InputError as error:
        raise InputError(
            f"Expected {path}, which would be replaced, to be a whole latency table of this version. "
            f"Received: one that cannot be read ({error.__cause__ or error!r}). "
            "Move it away, or name another file with --output."
        ) from error
    found = {**table.device, "space": table.space.name, "precision": table.precision}
    facts = dataclasses.replace(device.describe(), num_threads=num_threads)
    now = {**facts.to_dict(), "space": space.name, "precision": precision}
    for name in ("space", "precision", *device.facts_that_tell_tables_apart):
        if found.get(name) != now.get(name):
            raise InputError(
                f"Expected the latency table {path} to have been measured with {name}={now.get(name)!r}, as it would "
                f"be replaced. Received: one with {found.get(name)!r}. Name another file with --output."
            )


def _measure_pieces(
    workdir: Workdir, device: Device, precision: str, num_threads: int, time_limit_s: float, part_path: Path
) -> LatencyTable:
    num_classes = workdir.supernet.num_classes
    with progress_bar(1, f"latency table of {device.id}", "piece") as bar:
        table = build_latency_table(
            workdir.space,
            device,
            block_model_converter(workdir.space, num_classes, precision),
            num_classes,
            precision,
            dataclasses.replace(TABLE_SETTINGS, num_threads=num_threads, time_limit_s=time_limit_s),
            on_progress=on_progress(bar),
            lowering=choose_lowerings("all", quantized=precision == "int8"),
            part_path=part_path,
        )
    if table.doubts:
        name, doubt = next(iter(table.doubts.items()))
        announce(f"{len(table.doubts)} pieces have doubtful latencies, such as {name}: {doubt}")
    return table


def _measure_networks(
    workdir: Workdir, device: Device, archs: Sequence[Arch], precision: str, num_threads: int, time_limit_s: float
) -> list[Measurement]:
    """Measure whole networks."""
    models = []
    with progress_bar(len(archs), "converting networks", "network") as bar:
        for index, arch in enumerate(archs):
            subnet = build_subnet(workdir.space, arch, workdir.supernet.num_classes)
            models.append(BenchmarkModel(f"network {index}", _convert(subnet, precision)))
            bar.update()
    settings = BenchmarkSettings(
        num_threads=num_threads, rounds=20, min_time_s=6.0, measure_peak_ram=False, time_limit_s=time_limit_s
    )
    with progress_bar(1, f"networks on {device.id}", "step") as bar:
        measurements = device.measure(models, settings, on_progress(bar))
    for what, faults in (
        ("did not run and are left out", [f"{row.model}: {row.error}" for row in measurements if row.error]),
        ("have doubtful latencies", [f"{row.model}: {row.doubt}" for row in measurements if row.doubt]),
    ):
        if faults:
            announce(f"{len(faults)} of {len(models)} networks {what}, such as {faults[0]}")
    return measurements


def _check_networks(measurements: Sequence[Measurement], num_networks: int) -> None:
    """Check that enough networks ran.

    Args:
        measurements: Of the smallest, the largest and random networks.
        num_networks: How many of them, the first ones, calibrate; the others check.

    Raises:
        InputError: If the smallest or the largest did not run, or too few of either kind.
    """
    calibrating, held_out = measurements[:num_networks], measurements[num_networks:]
    half = (len(held_out) + 1) // 2
    rules = (
        ("the smallest and the largest network", measurements[:2], 2),
        (
            f"{MIN_ARCHS_FOR_EXPONENT} of {len(calibrating)} networks to calibrate on",
            calibrating,
            MIN_ARCHS_FOR_EXPONENT,
        ),
        (f"{half} of {len(held_out)} networks to check the model on", held_out, half),
    )
    for which, rows, at_least in rules:
        errors = [row.error for row in rows if row.latency_ms is None]
        if len(rows) - len(errors) < at_least:
            raise InputError(
                f"Expected {which} to run on the device. Received: {len(rows) - len(errors)}; {errors[0]}. "
                "The pieces are kept: tools/build_latency_table.py measures the networks again, with a higher "
                "--time_limit_s if the time was up."
            )


def _those_that_ran(archs: Sequence[Arch], measurements: Sequence[Measurement]) -> tuple[list[Arch], list[float]]:
    """Archs and latencies, milliseconds, of the networks that ran."""
    ran = [(arch, row.latency_ms) for arch, row in zip(archs, measurements, strict=True) if row.latency_ms is not None]
    return [arch for arch, _ in ran], [latency_ms for _, latency_ms in ran]


def search_under(
    workdir: Workdir,
    limits: Limits,
    device_id: str = "host",
    precision: str = "float32",
    settings: EvolutionSettings | None = None,
    num_finalists: int = 5,
    seed: int = 0,
    latency_table: Path | None = None,
) -> Found:
    """Find the best arch under limits, from the workdir's tables.

    Args:
        workdir: The run.
        limits: What the arch must keep within.
        device_id: Device of the latency limit.
        precision: Precision of the shipped model.
        settings: Of the evolution.
        num_finalists: Best archs that are measured; 0: predictions are trusted.
        seed: Decides every random choice.
        latency_table: The device's table; by default `Workdir.latency_table_path`.

    Raises:
        InputError: If a table is missing, that of the host is of another computer
            or runtime, no limit is given, or not even the smallest subnet is
            within them.
    """
    workdir.check_tables(device_id if limits.latency_ms is not None else None, precision, latency_table)
    predict_latency_ms = None
    if limits.latency_ms is not None:
        predict_latency_ms = workdir.latency_model(device_id, precision, latency_table).predict
    constraints = make_constraints(
        workdir.space,
        workdir.supernet.num_classes,
        limits,
        predict_latency_ms,
        precision,
    )
    table = AccuracyTable.load(workdir.accuracy_table_path, workdir.space)
    if table.network != workdir.network_id:
        raise InputError(
            f"Expected {workdir.accuracy_table_path} to be of the supernet in {workdir.path}. Received: one of an "
            "earlier supernet. Build it again with tools/build_accuracy_table.py."
        )

    def measure(arch: Arch) -> float:
        return workdir.evaluator.top1(arch, _SEARCH_SPLIT)

    with progress_bar(1, "search", "generation") as bar:
        found = find_arch(
            workdir.space,
            AccuracyPredictor.fit(table),
            constraints,
            seed,
            settings,
            measure if num_finalists else None,
            num_finalists,
            table,
            on_progress(bar),
        )
    return dataclasses.replace(found, device=device_id if limits.latency_ms is not None else None, precision=precision)


def _convert(subnet: Any, precision: str) -> bytes:
    if precision == "float32":
        return to_tflite(subnet)
    shape = (2, *subnet.input_shape[1:])
    return to_tflite(subnet, precision, [np.random.default_rng(0).standard_normal(shape, dtype=np.float32)])
