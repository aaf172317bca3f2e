"""What is lost by shipping to one device the arch that was found for another."""

import dataclasses
from collections.abc import Mapping, Sequence

_TOO_SLOW = "too slow"


@dataclasses.dataclass(frozen=True)
class FoundArch:
    """What was found for a device and a budget.

    Args:
        device: Id of the device.
        budget_ms: Limit of its latency, milliseconds.
        top1: Reported accuracy.
        latency_ms: Predicted latency on each device, by its id.
    """

    device: str
    budget_ms: float
    top1: float
    latency_ms: Mapping[str, float]


def describe_exchanges(found: Sequence[FoundArch]) -> str:
    """A table: for each device and budget, how the archs of each device do there.

    An arch of another device counts if it was found for the same place in the list of budgets.

    Args:
        found: Of each device equally many, in the order of their budgets.
    """
    devices = list(dict.fromkeys(arch.device for arch in found))
    by_device = {device: [arch for arch in found if arch.device == device] for device in devices}
    heading = ["on", "budget_ms", *[f"arch of {device}" for device in devices]]
    rows = [heading]
    for device in devices:
        for place, own in enumerate(by_device[device]):
            row = [device, f"{own.budget_ms:g}"]
            for other in devices:
                row.append(_describe(by_device[other][place], device, own))
            rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _describe(arch: FoundArch, device: str, own: FoundArch) -> str:
    latency_ms = arch.latency_ms[device]
    if arch is own:
        return f"{arch.top1:.2%} in {latency_ms:.3g} ms"
    if latency_ms > own.budget_ms:
        return f"{_TOO_SLOW}: {latency_ms:.3g} ms"
    return f"{arch.top1:.2%} in {latency_ms:.3g} ms ({100 * (arch.top1 - own.top1):+.2f} points)"
