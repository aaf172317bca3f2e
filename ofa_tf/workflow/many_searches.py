"""Several searches in one call: for several devices, latency tables or limits."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.numbers_in_words import points_in_words
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.report.device_comparison import FoundArch, describe_exchanges
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraints import Limits, check_any_limit, is_exactly_feasible
from ofa_tf.workflow.family import check_family_output
from ofa_tf.workflow.front import check_front_output
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings, constraints_within, cost_context


@dataclasses.dataclass(frozen=True)
class SearchedDevice:
    """A device with one of its latency tables.

    Args:
        device: Id of the device.
        latency_table: The table; `None` for the run's own.
        name: What tells it apart from others: the device, and its table where it has several.
    """

    device: str
    latency_table: str | None
    name: str


@dataclasses.dataclass(frozen=True)
class PlannedSearch(SearchedDevice):
    """A search, and where its arch goes; for the other arguments see `SearchedDevice`.

    Args:
        limits: What the arch must keep within.
        output: JSON file for the arch.
    """

    limits: Limits
    output: Path


@dataclasses.dataclass(frozen=True)
class PlannedFront(SearchedDevice):
    """A search for a front or a family, and where that goes; for the other arguments see `SearchedDevice`.

    Args:
        output: JSON file for it.
    """

    output: Path


_Plan = TypeVar("_Plan", bound=SearchedDevice)


def plan_searches(
    devices: Sequence[str],
    all_limits: Sequence[Limits],
    output: str,
    latency_tables: Sequence[str] = (),
) -> list[PlannedSearch]:
    """Which searches to make: one for each device with a table and each of the limits.

    Args:
        devices: Ids of devices.
        all_limits: The limits.
        output: A JSON file for one search, a folder for several.
        latency_tables: Tables of the devices, see `plan_devices`.

    Raises:
        InputError: If there is no device, one with its table or a limit is there twice, or the output does not suit.
    """
    check_any_limit(all_limits)
    for limits in all_limits:
        if list(all_limits).count(limits) > 1:
            raise InputError(f"Expected different limits. Received: {limits.describe()} more than once.")

    _check_no_comma(output)
    searched = plan_devices(devices, latency_tables)
    if len(searched) * len(all_limits) == 1:
        (device,) = searched
        return [_plan_search(device, all_limits[0], Path(output))]

    folder = check_folder(output)
    plans = []
    for device in searched:
        for limits in all_limits:
            described = "_".join(f"{kind}_{limit:.12g}" for kind, limit in limits.by_name.items())
            path = folder / f"{files.safe_name(device.name)}_{described}.json"
            plans.append(_plan_search(device, limits, path))
    _check_different([plan.output for plan in plans])
    return plans


def _plan_search(device: SearchedDevice, limits: Limits, output: Path) -> PlannedSearch:
    files.check_output(output)
    files.check_replaceable(output, "arch")
    return PlannedSearch(device.device, device.latency_table, device.name, limits, output)


def plan_fronts(
    devices: Sequence[str], output: str, latency_tables: Sequence[str] = (), *, of_families: bool = False
) -> list[PlannedFront]:
    """Which fronts, or families, to search: one for each device with a table.

    Args:
        devices: Ids of devices.
        output: A JSON file for one, a folder for several.
        latency_tables: Tables of the devices, see `plan_devices`.
        of_families: Whether they are families.

    Raises:
        InputError: If there is no device, one is there twice with the same table, or the output does not suit.
    """
    _check_no_comma(output)
    kind = "family" if of_families else "front"
    check_output = check_family_output if of_families else check_front_output
    searched = plan_devices(devices, latency_tables)
    plans = []
    for device in searched:
        path = Path(output)
        if len(searched) > 1:
            path = check_folder(output) / f"{kind}_{files.safe_name(device.name)}.json"
        plans.append(PlannedFront(device.device, device.latency_table, device.name, path))
    _check_different([plan.output for plan in plans])
    for plan in plans:
        check_output(plan.output)
    return plans


def plan_devices(devices: Sequence[str], latency_tables: Sequence[str] = ()) -> list[SearchedDevice]:
    """The devices with their latency tables, each by a name of its own.

    Args:
        devices: Ids of devices.
        latency_tables: None for the run's own tables; several of one device; or as many as devices, in their order.
            An empty one is the run's own.

    Raises:
        InputError: If there is no device, the number of tables does not suit, or two have the same name.
    """
    planned: list[SearchedDevice] = []
    pairs = _pair_with_tables(devices, latency_tables)
    for device, table in pairs:
        name = device
        num_tables = [other for other, _ in pairs].count(device)
        if table is not None and num_tables > 1:
            name = f"{device} {Path(table).stem}"
        if any(other.name == name for other in planned):
            raise InputError(
                f"Expected each latency table of {device} once, and the names of their files to differ. "
                f"Received: --latency_table={','.join(latency_tables)}. Leave one out, or copy it to another name."
            )
        planned.append(SearchedDevice(device, table, name))
    return planned


def check_devices(devices: Sequence[str], latency_tables: Sequence[str] = ()) -> None:
    """Check that devices go together with their latency tables.

    Raises:
        InputError: See `plan_devices`.
    """
    plan_devices(devices, latency_tables)


def _pair_with_tables(devices: Sequence[str], latency_tables: Sequence[str]) -> list[tuple[str, str | None]]:
    """Each device with its latency table; for the arguments see `plan_devices`."""
    received = f"Received: --device={','.join(devices)}"
    if not devices:
        raise InputError(f"Expected --device to name a device. {received}. Leave it out for this computer.")
    if not latency_tables:
        if len(set(devices)) != len(devices):
            raise InputError(
                f"Expected --device to name different devices. {received}. Name each once, or one table for each: "
                "--latency_table=A,B."
            )
        return [(device, None) for device in devices]

    received += f" --latency_table={','.join(latency_tables)}"
    if len(devices) == 1:
        devices = [*devices] * len(latency_tables)
    if len(devices) != len(latency_tables):
        raise InputError(
            f"Expected as many latency tables as devices, or one device. {received}. Leave a table empty, as in "
            "--latency_table=A,,C, to take the device's own."
        )
    return [(device, table or None) for device, table in zip(devices, latency_tables, strict=True)]


def check_each(plans: Sequence[_Plan], check: Callable[[_Plan], None]) -> None:
    """Check searches before the first one begins.

    Args:
        plans: What is planned.
        check: Raises for a search that cannot be made.

    Raises:
        InputError: What `check` raises; with several devices or tables, it names the one.
    """
    names = {plan.name for plan in plans}
    for plan in plans:
        try:
            check(plan)
        except InputError as error:
            if len(names) == 1:
                raise
            raise InputError(f"{plan.name}: {error}") from error


def _check_no_comma(output: str) -> None:
    """Check that what is written can be named in `--arch`, a list."""
    if "," in output:
        raise InputError(
            f"Expected --output to be without commas, which separate archs where they are named. Received: "
            f"--output={output}. Name another file or folder."
        )


def check_folder(output: str) -> Path:
    """Check that the output of several searches can be a folder.

    Raises:
        InputError: If it looks like a file, or is one.
    """
    folder = Path(output)
    if folder.suffix == ".json" or folder.is_file():
        raise InputError(
            f"Expected --output to be a folder, as there are several searches. Received: --output={output}. "
            "Name a folder, such as found."
        )
    return folder


def _check_different(outputs: Sequence[Path]) -> None:
    """Check that no file is written twice, as for devices whose ids differ in what no file's name holds."""
    for place, path in enumerate(outputs):
        if path in outputs[:place]:
            raise InputError(
                f"Expected each search to have a file of its own. Received: {path} twice. Search for one of the "
                "devices or limits in another call."
            )


def compare_devices(
    run: Run,
    plans: Sequence[PlannedSearch],
    results: Sequence[SearchResult],
    settings: SearchSettings,
) -> str | None:
    """What is lost by shipping the arch of one device to another, in words.

    Devices are told apart by the names of the plans: one with two latency tables, as of one thread and two, counts
    as two. `None` for one, or without limits of the latency.

    Args:
        run: The run.
        plans: What was searched.
        results: What was found, in the same order.
        settings: How.
    """
    by_name = {plan.name: plan for plan in plans}
    if len(by_name) == 1 or any(plan.limits.latency_ms is None for plan in plans):
        return None
    models = {}
    for name, plan in by_name.items():
        models[name] = run.latency_model(plan.device, settings.form, plan.latency_table)
    found = []
    for plan, result in zip(plans, results, strict=True):
        found.append(_on_each_device(run, plan, result, models, settings))
    if results[0].reported is None:
        heading = "--- archs of one device on another: predicted latencies, and accuracies that are predicted, too"
    else:
        heading = "--- archs of one device on another: predicted latencies, reported accuracies"
    lines = [heading, describe_exchanges(found)]
    noises = [result.noise_of_report for result in results if result.noise_of_report is not None]
    if noises:
        lines.append(f"differences below {points_in_words(max(noises))} points are noise")
    return "\n".join(lines)


def _on_each_device(
    run: Run,
    plan: PlannedSearch,
    result: SearchResult,
    models: Mapping[str, LatencyModel],
    settings: SearchSettings,
) -> FoundArch:
    """What was found, with its latency by each of the models, and whether it would keep the limits there."""
    genes = run.space.encode([result.arch])
    latency_ms = {}
    fits = {}
    for name, model in models.items():
        latency_ms[name] = float(model.predict(result.arch))
        context = cost_context(run.space, run.num_classes, settings.form, model)
        constraints = constraints_within(context, plan.limits, model, settings.confidence)
        fits[name] = bool(is_exactly_feasible(constraints, genes)[0])
    top1 = result.reported_top1
    if top1 is None:
        top1 = result.predicted_top1
    return FoundArch(plan.name, plan.limits.by_name["latency_ms"], top1, latency_ms, fits)
