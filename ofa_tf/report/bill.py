"""What training once saves against searching and training for each budget, as Markdown."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.markdown import markdown_table
from ofa_tf.report.published_searches import PUBLISHED_SAVINGS, PUBLISHED_SEARCHES

NUMS_OF_BUDGETS = (1, 2, 4, 8)

_ONCE_FOR_ALL = "once_for_all"
_SECONDS_PER_HOUR = 3600

Seeds = Mapping[str, Mapping[str, Any]]


def describe_comparison(seeds: Seeds) -> str:
    """Tables of costs and accuracies, from how many budgets on training once is cheaper, and what was published.

    Args:
        seeds: By seed, what `ofa_tf.studies.run_comparison` returns.
    """
    parts = [
        _table_of_hours(seeds),
        "\n".join(_describe_break_even(seeds)),
        _table_of_budgets(seeds),
        _describe_errors(seeds),
        _table_of_published(),
        PUBLISHED_SAVINGS,
    ]
    return "\n\n".join(parts)


def processor_seconds(seeds: Seeds, method: str, num_budgets: int) -> float:
    """What a method takes for a number of budgets, seconds of processor time.

    That is what it takes once, and for each budget what a budget took on average, over budgets and seeds.
    """
    return _once(seeds, method) + num_budgets * _for_each_budget(seeds, method)


def break_even(seeds: Seeds, method: str) -> int | None:
    """From how many budgets on training once takes less than a method; `None` if it never does."""
    saved_for_each = _for_each_budget(seeds, method) - _for_each_budget(seeds, _ONCE_FOR_ALL)
    if saved_for_each <= 0:
        return None
    more_at_first = _once(seeds, _ONCE_FOR_ALL) - _once(seeds, method)
    return max(1, math.floor(more_at_first / saved_for_each) + 1)


def _once(seeds: Seeds, method: str) -> float:
    return statistics.fmean(seed["methods"][method]["once_processor_seconds"] for seed in seeds.values())


def _for_each_budget(seeds: Seeds, method: str) -> float:
    seconds = []
    for row in _rows(seeds, method):
        seconds.append(row["find_processor_seconds"] + row["train_processor_seconds"])
    return statistics.fmean(seconds)


def _rows(seeds: Seeds, method: str) -> list[Mapping[str, Any]]:
    """What a method found, for all budgets of all seeds."""
    rows: list[Mapping[str, Any]] = []
    for seed in seeds.values():
        rows += seed["methods"][method]["budgets"]
    return rows


def _methods(seeds: Seeds) -> list[str]:
    first_seed = next(iter(seeds.values()))
    return list(first_seed["methods"])


def _table_of_hours(seeds: Seeds) -> str:
    budgets = [f"N = {num}" for num in NUMS_OF_BUDGETS]
    heading = ["processor hours for N budgets", *budgets, "once", "search, each", "training, each"]
    rows = []
    for method in _methods(seeds):
        found = _rows(seeds, method)
        parts = [
            _once(seeds, method),
            statistics.fmean(row["find_processor_seconds"] for row in found),
            statistics.fmean(row["train_processor_seconds"] for row in found),
        ]
        totals = [processor_seconds(seeds, method, num) for num in NUMS_OF_BUDGETS]
        rows.append([method, *map(_hours, totals), *map(_hours, parts)])
    return markdown_table(heading, rows)


def _describe_break_even(seeds: Seeds) -> list[str]:
    sentences = []
    for method in _methods(seeds):
        if method == _ONCE_FOR_ALL:
            continue
        num_budgets = break_even(seeds, method)
        if num_budgets is None:
            sentences.append(f"- Training once never takes less than {method}: a search takes as long.")
        else:
            budgets = count_in_words(num_budgets, "budget")
            sentences.append(f"- Training once takes less processor time than {method} from {budgets} on.")
    return sentences


def _table_of_budgets(seeds: Seeds) -> str:
    heading = ["budget, ms", "method", "predicted, ms", "measured, ms", "test top-1", "image size", "archs trained"]
    first_seed = next(iter(seeds.values()))
    rows = []
    for number, budget in enumerate(first_seed["methods"][_ONCE_FOR_ALL]["budgets"]):
        for method in _methods(seeds):
            found = [seed["methods"][method]["budgets"][number] for seed in seeds.values()]
            rows.append(
                [
                    f"{budget['budget_ms']:.3f}",
                    method,
                    _mean(found, "predicted_ms", digits=3),
                    _mean(found, "measured_ms", digits=3),
                    _top1(found),
                    _listed(row["arch"]["image_size"] for row in found),
                    _listed(row["num_archs"] for row in found if row["num_archs"] is not None),
                ]
            )
    return markdown_table(heading, rows)


def _top1(found: Sequence[Mapping[str, Any]]) -> str:
    """The mean accuracy with its standard error: over seeds, or of one seed that of its test images."""
    accuracies = [100 * row["top1"] for row in found]
    if len(accuracies) == 1:
        error = 100 * found[0]["standard_error"]
    else:
        error = statistics.stdev(accuracies) / len(accuracies) ** 0.5
    return f"{statistics.fmean(accuracies):.1f}% +- {error:.1f}"


def _describe_errors(seeds: Seeds) -> str:
    if len(seeds) == 1:
        return "One seed: standard errors are those of the test images, and know nothing of other searches."
    return f"Means and standard errors over {len(seeds)} seeds."


def _table_of_published() -> str:
    heading = ["published, not measured here", "data", "cost", "top-1", "latency", "source"]
    rows = []
    for search in PUBLISHED_SEARCHES:
        rows.append([search.method, search.data, search.cost, f"{search.top1}%", search.latency, search.source])
    return markdown_table(heading, rows)


def _mean(found: Sequence[Mapping[str, Any]], key: str, digits: int) -> str:
    return f"{statistics.fmean(row[key] for row in found):.{digits}f}"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def _hours(seconds: float) -> str:
    return f"{seconds / _SECONDS_PER_HOUR:.3f}"
