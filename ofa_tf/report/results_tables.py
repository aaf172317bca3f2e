"""What a comparison of supernets and of networks trained alone came to, as Markdown."""

import statistics
from collections.abc import Mapping
from typing import Any

from ofa_tf.base.markdown import markdown_table
from ofa_tf.report.results_claims import Seeds, describe_claims

_SECONDS_PER_HOUR = 3600


def describe_results(seeds: Seeds) -> str:
    """A list of claims, tables of the supernets and of the budgets, and how each figure was made.

    Args:
        seeds: By seed, what `ofa_tf.studies.run_results` returns.
    """
    parts = [
        describe_claims(seeds),
        _table_of_supernets(seeds),
        _table_of_budgets(seeds),
        *[_describe_steps(name, results) for name, results in seeds.items()],
    ]
    return "\n\n".join(parts)


def _table_of_supernets(seeds: Seeds) -> str:
    heading = ["method", "seed", "epochs", "processor minutes", "largest", "smallest", "random: worst", "mean", "best"]
    rows = []
    for seed, results in seeds.items():
        for method, supernet in results["supernets"].items():
            random_top1 = supernet["random_top1"]
            row = [method, seed, supernet["num_epochs"], _minutes(supernet["processor_seconds"])]
            accuracies = (
                supernet["largest_top1"],
                supernet["smallest_top1"],
                min(random_top1),
                statistics.fmean(random_top1),
                max(random_top1),
            )
            rows.append([*row, *map(_percent, accuracies)])
    return markdown_table(heading, rows)


def _table_of_budgets(seeds: Seeds) -> str:
    heading = [
        "budget, ms",
        "seed",
        "network",
        "measured, ms",
        "M MACs",
        "test top-1",
        "epochs alone",
        "processor minutes",
    ]
    rows = []
    for seed, results in seeds.items():
        for budget in results["budgets"]:
            for network in budget["networks"]:
                rows.append(
                    [
                        f"{budget['budget_ms']:.3f}",
                        seed,
                        _describe_name(network),
                        f"{network['measured_ms']:.3f}",
                        f"{network['num_macs'] / 1e6:.1f}",
                        f"{_percent(network['top1'])} +- {100 * network['standard_error']:.1f}",
                        network.get("num_epochs", 0),
                        _minutes(network.get("processor_seconds", 0.0)),
                    ]
                )
    return markdown_table(heading, rows)


def _describe_name(network: Mapping[str, Any]) -> str:
    """What a network is called, a plain one with its width."""
    if network["model"].startswith(f"{network['name']}_w"):
        return str(network["model"])
    return str(network["name"])


def _describe_steps(seed: str, results: Mapping[str, Any]) -> str:
    """The command of every step, with what it took, the machine and the commit."""
    steps = results["steps"]
    heading = ["step", "minutes", "processor minutes", "commit", "command"]
    rows = []
    for step in steps:
        took = [_minutes(step["seconds"]), _minutes(step["processor_seconds"])]
        rows.append([step["name"], *took, step["commit"], f"`{step['command']}`"])
    processors = sorted({step["cpu"] for step in steps})
    hours = sum(step["seconds"] for step in steps) / _SECONDS_PER_HOUR
    processor_hours = sum(step["processor_seconds"] for step in steps) / _SECONDS_PER_HOUR
    sentence = (
        f"Seed {seed}: {len(steps)} steps, {hours:.1f} hours, {processor_hours:.1f} processor hours, "
        f"on {' and '.join(processors)}."
    )
    return f"{sentence}\n\n{markdown_table(heading, rows)}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
