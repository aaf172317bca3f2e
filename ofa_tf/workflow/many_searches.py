"""Several searches in one call: for several devices, several limits, or both."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.report.device_comparison import FoundArch, describe_exchanges
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraints import Limits, is_exactly_feasible
from ofa_tf.workflow.front import check_front_output
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings, constraints_within, cost_context


@dataclasses.dataclass(frozen=True)
class PlannedSearch:
    """A search, and where its arch goes.

    Args:
        device: Id of the device.
        limits: What the arch must keep within.
        output: JSON file for the arch.
    """

    device: str
    limits: Limits
    output: Path


def plan_searches(devices: Sequence[str], all_limits: Sequence[Limits], output: str) -> list[PlannedSearch]:
    """Which searches to make: one for each device and each of the limits.

    Args:
        devices: Ids of devices.
        all_limits: The limits.
        output: A JSON file for one search, a folder for several.

    Raises:
        InputError: If there is no device, one or a limit is there twice, or the output does not suit.
    """
    if not all_limits:
        Limits()  # raises: there must be one
    check_devices(devices)
    if len(devices) * len(all_limits) == 1:
        files.check_output(output)
        files.check_replaceable(output, "arch")
        return [PlannedSearch(devices[0], all_limits[0], Path(output))]

    if len(set(all_limits)) != len(all_limits):
        raise InputError(f"Expected different limits. Received: {', '.join(map(repr, all_limits))}.")
    folder = check_folder(output)
    plans = []
    for device in devices:
        for limits in all_limits:
            described = "_".join(f"{name}_{limit:.12g}" for name, limit in limits.by_name.items())
            path = folder / f"{files.safe_name(device)}_{described}.json"
            files.check_output(path)
            files.check_replaceable(path, "arch")
            plans.append(PlannedSearch(device, limits, path))
    _check_different([plan.output for plan in plans])
    return plans


def plan_fronts(devices: Sequence[str], output: str) -> dict[str, Path]:
    """Where the front of each device goes.

    Args:
        devices: Ids of devices.
        output: A JSON file for one device, a folder for several.

    Raises:
        InputError: If there is no device, one is there twice, or the output does not suit.
    """
    check_devices(devices)
    if len(devices) == 1:
        outputs = {devices[0]: Path(output)}
    else:
        folder = check_folder(output)
        outputs = {device: folder / f"front_{files.safe_name(device)}.json" for device in devices}
    _check_different(list(outputs.values()))
    for path in outputs.values():
        check_front_output(path)
    return outputs


def check_devices(devices: Sequence[str]) -> None:
    """Check that there is a device, and each once.

    Raises:
        InputError: If not.
    """
    if not devices or len(set(devices)) != len(devices):
        raise InputError(f"Expected --device to name different devices. Received: --device={','.join(devices)}.")


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

    `None` for one device, or without limits of the latency.

    Args:
        run: The run.
        plans: What was searched.
        results: What was found, in the same order.
        settings: How.
    """
    devices = list(dict.fromkeys(plan.device for plan in plans))
    if len(devices) == 1 or any(plan.limits.latency_ms is None for plan in plans):
        return None
    models = {device: run.latency_model(device, settings.precision) for device in devices}
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
        lines.append(f"differences below {100 * max(noises):.2g} points are noise")
    return "\n".join(lines)


def _on_each_device(
    run: Run,
    plan: PlannedSearch,
    result: SearchResult,
    models: Mapping[str, LatencyModel],
    settings: SearchSettings,
) -> FoundArch:
    """What was found, with its latency on each device and whether it would keep the limits there."""
    genes = run.space.encode([result.arch])
    latency_ms = {}
    fits = {}
    for device, model in models.items():
        latency_ms[device] = float(model.predict(result.arch))
        context = cost_context(run.space, run.num_classes, settings.precision, model)
        constraints = constraints_within(context, plan.limits, model, settings.confidence)
        fits[device] = bool(is_exactly_feasible(constraints, genes)[0])
    top1 = result.reported_top1
    if top1 is None:
        top1 = result.predicted_top1
    return FoundArch(plan.device, plan.limits.by_name["latency_ms"], top1, latency_ms, fits)
