"""What a comparison of supernets and of networks trained alone came to, as Markdown."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ofa_tf.report.markdown_table import markdown_table

# Two networks differ by chance alone by so many standard errors in one of twenty cases.
_NUM_ERRORS_OF_A_CLAIM = 2

Seeds = Mapping[str, Mapping[str, Any]]


def describe_results(seeds: Seeds) -> str:
    """Tables of the supernets and of the budgets, and a sentence on each claim.

    Args:
        seeds: By seed, what `ofa_tf.studies.run_results` returns.
    """
    parts = [
        _table_of_supernets(seeds),
        _table_of_budgets(seeds),
        "\n".join(describe_claims(seeds)),
    ]
    return "\n\n".join(parts)


def describe_claims(seeds: Seeds) -> list[str]:
    """A sentence on each claim of the paper: by how much it held, or did not."""
    of_supernets = [seed["supernets"] for seed in seeds.values()]
    shrinking = [_mean_random(supernets["progressive_shrinking"]) for supernets in of_supernets]
    sandwich = [_mean_random(supernets["sandwich"]) for supernets in of_supernets]
    naive = [_mean_random(supernets["naive"]) for supernets in of_supernets]
    budgets = [budget for seed in seeds.values() for budget in seed["budgets"]]
    found = _top1_by_name(budgets, "found")
    return [
        _describe_difference("random subnets: progressive shrinking less naive", shrinking, naive),
        _describe_difference("random subnets: sandwich less naive", sandwich, naive),
        _describe_difference("found subnets: in the supernet less alone", found, _top1_by_name(budgets, "alone")),
        _describe_difference(
            "found subnets: fine-tuned less alone",
            _top1_by_name(budgets, "fine-tuned"),
            _top1_by_name(budgets, "alone"),
        ),
        _describe_difference("found subnets less MobileNetV2", found, _top1_by_name(budgets, "mobilenet_v2")),
        _describe_difference(
            "found subnets less MobileNetV3-Small", found, _top1_by_name(budgets, "mobilenet_v3_small")
        ),
        *[_describe_cost(name, seed) for name, seed in seeds.items()],
    ]


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


def _describe_difference(what: str, better: Sequence[float], worse: Sequence[float]) -> str:
    """The mean difference of paired accuracies, with its standard error where there are several."""
    differences = [100 * (first - second) for first, second in zip(better, worse, strict=True)]
    mean = statistics.fmean(differences)
    if len(differences) == 1:
        return f"- {what}: {mean:+.1f} points (one comparison)"
    error = statistics.stdev(differences) / len(differences) ** 0.5
    verdict = ""
    if abs(mean) <= _NUM_ERRORS_OF_A_CLAIM * error:
        verdict = ", within noise"
    return f"- {what}: {mean:+.1f} +- {error:.1f} points over {len(differences)} pairs{verdict}"


def _describe_cost(seed: str, results: Mapping[str, Any]) -> str:
    """What the supernet cost beside training for each budget."""
    steps = {step["name"]: step["processor_seconds"] for step in results["steps"]}
    once = steps[f"train_{results['searched_method']}"] + steps["accuracy_table"]
    alone = []
    for budget in results["budgets"]:
        for network in budget["networks"]:
            if network["name"] == "alone":
                alone.append(network["processor_seconds"])
    each = statistics.fmean(alone)
    return (
        f"- seed {seed}: the supernet and its accuracy table took {_minutes(once)} processor minutes, once; a subnet "
        f"alone {_minutes(each)} for each budget, as much from {once / each:.1f} budgets on"
    )


def _top1_by_name(budgets: Iterable[Mapping[str, Any]], name: str) -> list[float]:
    """Accuracies of the networks of a name, in the order of budgets."""
    found = []
    for budget in budgets:
        for network in budget["networks"]:
            if network["name"] == name:
                found.append(network["top1"])
    return found


def _mean_random(supernet: Mapping[str, Any]) -> float:
    return statistics.fmean(supernet["random_top1"])


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}"
