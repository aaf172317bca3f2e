"""What is lost by shipping to one device the arch that was found for another."""

import dataclasses
from collections.abc import Mapping, Sequence

from ofa_tf.base.numbers_in_words import limit_in_words
from ofa_tf.report.columns import Column, format_columns


@dataclasses.dataclass(frozen=True)
class FoundArch:
    """What was found for a device and a budget.

    Args:
        name: Of the device; of one with several latency tables, with that of the table.
        budget_ms: Limit of its latency, milliseconds.
        top1: Accuracy: reported, or, where nothing was measured, predicted.
        latency_ms: Predicted latency on each device, by its name.
        fits: Whether it keeps that limit, with the margin of the search, on each device, by its name.
    """

    name: str
    budget_ms: float
    top1: float
    latency_ms: Mapping[str, float]
    fits: Mapping[str, bool]


def describe_exchanges(found: Sequence[FoundArch]) -> str:
    """A table: for each device and budget, how the archs of each device do there.

    An arch of another device counts if it was found for the same place in the list of budgets.

    Args:
        found: Of each device equally many, in the order of their budgets.
    """
    names = list(dict.fromkeys(arch.name for arch in found))
    by_name = {name: [arch for arch in found if arch.name == name] for name in names}
    columns = [Column("on", "on", "{}", alignment="<"), Column("budget_ms", "budget_ms", "{}")]
    for name in names:
        columns.append(Column(f"arch of {name}", f"arch of {name}", "{}", alignment="<"))
    rows = []
    for name in names:
        for place, own in enumerate(by_name[name]):
            row = {"on": name, "budget_ms": limit_in_words(own.budget_ms)}
            for other in names:
                row[f"arch of {other}"] = _describe(by_name[other][place], name, own)
            rows.append(row)
    return format_columns(columns, rows)


def _describe(arch: FoundArch, name: str, own: FoundArch) -> str:
    latency_ms = arch.latency_ms[name]
    if not arch.fits[name]:
        return f"too slow: {latency_ms:.3g} ms"
    words = f"{arch.top1:.2%} in {latency_ms:.3g} ms"
    if arch is not own:
        words += f" ({100 * (arch.top1 - own.top1):+.2f} points)"
    return words
