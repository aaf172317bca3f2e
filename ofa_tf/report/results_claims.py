"""What a comparison of supernets and of networks trained alone says about the claims of the paper.

A claim is about accuracies in pairs: of the same subnet in two supernets, or of two networks for the same budget. It
holds if the mean difference is clearly more than chance, is undecided if it is not, and fails if it is clearly less.

Reference: Once-for-All, sections 3.3 and 4.
"""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# A difference is called clear if chance alone makes one as large in at most one of twenty cases.
_CONFIDENCE = 0.95

Seeds = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """By how much accuracies differ, pair by pair.

    Args:
        mean: Of the differences, percentage points.
        error: Its standard error; `None` of a single pair.
        num_pairs: So many differences.
    """

    mean: float
    error: float | None
    num_pairs: int

    @classmethod
    def of(cls, better: Sequence[float], worse: Sequence[float]) -> "PairedDifference":
        """The difference of two accuracies of each pair, shares of 1."""
        differences = [100 * (first - second) for first, second in zip(better, worse, strict=True)]
        error = None
        if len(differences) > 1:
            error = statistics.stdev(differences) / len(differences) ** 0.5
        return cls(statistics.fmean(differences), error, len(differences))

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance; never known of a single pair.

        By Student's t: how much differences scatter is itself known badly from few pairs. Of many, two standard errors
        are clear, of four more than three.
        """
        if self.error is None:
            return False
        # Importing scipy.stats takes longer than all else here.
        from scipy.stats import t

        num_errors = float(t.ppf((1 + _CONFIDENCE) / 2, self.num_pairs - 1))
        return abs(self.mean) > num_errors * self.error

    def __str__(self) -> str:
        if self.error is None:
            return f"{self.mean:+.1f} points, one pair"
        return f"{self.mean:+.1f} +- {self.error:.1f} points over {self.num_pairs} pairs"


def describe_claims(seeds: Seeds) -> str:
    """A list in Markdown: each claim, whether it held, and by how much.

    Args:
        seeds: By seed, what `ofa_tf.studies.run_results` returns.
    """
    found = _top1_of_networks(seeds, "found")
    alone = _top1_of_networks(seeds, "alone")
    finetuned = _top1_of_networks(seeds, "fine-tuned")
    lines = [
        _describe_better(
            "Progressive shrinking makes better subnets than naive training (random subnets)",
            PairedDifference.of(_top1_of_random(seeds, "progressive_shrinking"), _top1_of_random(seeds, "naive")),
        ),
        _describe_better(
            "So does the sandwich method (random subnets)",
            PairedDifference.of(_top1_of_random(seeds, "sandwich"), _top1_of_random(seeds, "naive")),
        ),
        _describe_as_good(
            "A subnet in the supernet is as good as the same network trained alone", PairedDifference.of(found, alone)
        ),
        _describe_better(
            "Fine-tuned, it is better than trained alone",
            PairedDifference.of(finetuned, alone),
        ),
    ]
    for name, title in (("mobilenet_v2", "MobileNetV2"), ("mobilenet_v3_small", "MobileNetV3-Small")):
        difference = PairedDifference.of(found, _top1_of_networks(seeds, name))
        lines.append(_describe_better(f"It is better than {title} within the same latency budget", difference))
    lines += [_describe_cost(name, seed) for name, seed in seeds.items()]
    return "\n".join(lines)


def _describe_better(claim: str, difference: PairedDifference) -> str:
    verdict = "undecided, within noise"
    if difference.error is None:
        verdict = "undecided, for want of pairs"
    elif difference.is_clear:
        verdict = "held" if difference.mean > 0 else "NOT held"
    return f"- {claim}: {verdict} ({difference})."


def _describe_as_good(claim: str, difference: PairedDifference) -> str:
    verdict = "not refuted, within noise"  # with few pairs, far from shown
    if difference.error is None:
        verdict = "undecided, for want of pairs"
    elif difference.is_clear:
        verdict = "held, and better" if difference.mean > 0 else "NOT held"
    return f"- {claim}: {verdict} ({difference})."


def _describe_cost(seed: str, results: Mapping[str, Any]) -> str:
    """What training once took beside training for each budget, processor minutes."""
    steps = {step["name"]: step["processor_seconds"] for step in results["steps"]}
    once = steps[f"train_{results['searched_method']}"] + steps["accuracy_table"]
    num_budgets = len(results["budgets"])
    search = statistics.fmean(steps[f"search_{number + 1}"] for number in range(num_budgets))
    alone = statistics.fmean(network["processor_seconds"] for network in _networks([results], "alone"))
    words = (
        f"- The cost hardly grows with the number of devices: once {_minutes(once)} processor minutes for the supernet "
        f"and its accuracy table (seed {seed}), then {_minutes(search)} for each budget; a given network alone takes "
        f"{_minutes(alone)} for each"
    )
    if alone <= search:
        return f"{words}, so that training once never takes less: NOT held."
    return f"{words}, so that training once takes less from {once / (alone - search):.1f} budgets on."


def _top1_of_random(seeds: Seeds, method: str) -> list[float]:
    """Accuracies of the random subnets of a supernet, the same ones in each; of several seeds, their means."""
    of_seeds = [seed["supernets"][method]["random_top1"] for seed in seeds.values()]
    if len(of_seeds) == 1:
        return list(of_seeds[0])
    return [statistics.fmean(random_top1) for random_top1 in of_seeds]


def _top1_of_networks(seeds: Seeds, name: str) -> list[float]:
    """Accuracies of the networks of a name, one for each budget of each seed."""
    return [network["top1"] for network in _networks(seeds.values(), name)]


def _networks(results: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The networks of a name, in the order of seeds and budgets."""
    found = []
    for seed in results:
        for budget in seed["budgets"]:
            for network in budget["networks"]:
                if network["name"] == name:
                    found.append(network)
    return found


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
