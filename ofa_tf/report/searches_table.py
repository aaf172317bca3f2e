"""What several searches found, one line for each."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from ofa_tf.base.numbers_in_words import accuracy_in_words, limit_in_words, points_in_words
from ofa_tf.report.columns import Column, format_columns
from ofa_tf.report.predictor_summary import models_in_words
from ofa_tf.report.subnet_costs import SubnetCosts, explain_marks
from ofa_tf.search.constrained_search import SearchResult


@dataclasses.dataclass(frozen=True)
class FinishedSearch:
    """A search that is over.

    Args:
        device: What its latencies are of.
        found: What it found.
        costs: What that costs.
        output: File of the arch.
    """

    device: str
    found: SearchResult
    costs: SubnetCosts
    output: str


def describe_searches(searches: Sequence[FinishedSearch]) -> str:
    """A table of what was found, below a heading, and which differences in it are noise.

    Args:
        searches: One at least, all for the same precision; either of all of them accuracies were reported, or of none.
    """
    is_reported = searches[0].found.reported is not None
    kind = "reported" if is_reported else "predicted"
    columns = [
        Column("device", "device", "{}", alignment="<"),
        *_limit_columns(searches),
        Column("predicted_ms", "predicted_ms", "{:.3f}"),
        Column("measured_ms", "measured_ms", "{}"),
        Column("num_macs", "MACs", "{:,}"),
        Column("size_bytes", "size_bytes", "{:,}"),
        Column("top1", f"{kind} top-1", "{}"),
        Column("output", "file", "{}", alignment="<"),
    ]
    first = searches[0].found
    models = models_in_words(first.predictor, first.precision, first.target)
    lines = [f"--- all {len(searches)} searches, {models}"]
    lines.append(format_columns(columns, [_row(search) for search in searches]))
    lines += explain_marks([_excess(search) for search in searches])
    noises = [search.found.noise_of_report for search in searches if search.found.noise_of_report is not None]
    if noises:
        lines.append(f"differences of {kind} accuracies below {points_in_words(max(noises))} points are noise")
    return "\n".join(lines)


def _limit_columns(searches: Sequence[FinishedSearch]) -> list[Column]:
    """A column for each cost that is limited in any of the searches."""
    names: dict[str, None] = {}
    for search in searches:
        names.update(dict.fromkeys(search.found.limits))
    return [Column(_limit_key(name), f"{name} at most", "{}") for name in names]


def _limit_key(name: str) -> str:
    return f"limit of {name}"


def _row(search: FinishedSearch) -> dict[str, Any]:
    found, costs = search.found, search.costs
    row: dict[str, Any] = {
        "device": search.device,
        "predicted_ms": costs.latency_ms,
        "measured_ms": costs.mark_measured(found.limits.get("latency_ms")),
        "num_macs": costs.num_macs,
        "size_bytes": costs.size_bytes,
        "output": search.output,
    }
    for name, limit in found.limits.items():
        row[_limit_key(name)] = limit_in_words(limit)
    if found.reported is None:
        row["top1"] = accuracy_in_words(found.predicted_top1, found.predicted_std)
    else:
        row["top1"] = accuracy_in_words(found.reported.top1, found.reported.standard_error)
    return row


def _excess(search: FinishedSearch) -> float:
    return search.costs.excess_over(search.found.limits.get("latency_ms"))
