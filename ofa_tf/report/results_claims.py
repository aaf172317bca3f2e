"""What a comparison of supernets and of networks trained alone says about the claims of the paper.

A claim is about accuracies in pairs: of the same subnet in two supernets, or of two networks for the same budget. It
holds if the mean difference is clearly more than chance, is undecided if it is not, and fails if it is clearly less.

What one training leads to is not independent: its subnets are all good or all bad. So of several seeds, each is one
pair, of means. Of a single seed, subnets are the pairs; what is clear then is clear for these trainings, and another
seed may contradict it, which is said.

Reference: Once-for-All, sections 3.3 and 4.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.base.counts import count_in_words

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
    def of(cls, pairs: Sequence[tuple[float, float]]) -> "PairedDifference":
        """By how much the first accuracy of each pair is higher than the second; shares of 1."""
        differences = [100 * (first - second) for first, second in pairs]
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
    shrinking = _pairs_of_supernets(seeds, "progressive_shrinking", "naive")
    sandwich = _pairs_of_supernets(seeds, "sandwich", "naive")
    found = _pairs_of_networks(seeds, "found", "alone")
    finetuned = _pairs_of_networks(seeds, "fine-tuned", "alone")
    lines = [
        f"- Progressive shrinking makes better subnets than naive training (random subnets): {_better(shrinking)}.",
        f"- So does the sandwich method (random subnets): {_better(sandwich)}.",
        f"- A subnet in the supernet is as good as the same network trained alone: {_as_good(found)}.",
        f"- Fine-tuned, with a teacher, it is better than trained alone, without one: {_better(finetuned)}.",
    ]
    for name, title in (("mobilenet_v2", "MobileNetV2"), ("mobilenet_v3_small", "MobileNetV3-Small")):
        pairs = _pairs_of_networks(seeds, "found", name)
        lines.append(f"- As found, it is better than {title} within the same latency budget: {_better(pairs)}.")
    if len(seeds) == 1:
        lines.append("- All this is of one training of each network: another seed may differ by more than the errors.")
    lines += [_describe_cost(name, seed) for name, seed in seeds.items()]
    return "\n".join(lines)


# --- verdicts ----------------------------------------------------------------


def _better(pairs: Sequence[tuple[float, float]]) -> str:
    """Whether the first of each pair is better."""
    return _verdict(pairs, held="held", undecided="undecided, within noise")


def _as_good(pairs: Sequence[tuple[float, float]]) -> str:
    """Whether the first of each pair is no worse."""
    # With few pairs, that is far from shown.
    return _verdict(pairs, held="held, and better", undecided="not refuted, within noise")


def _verdict(pairs: Sequence[tuple[float, float]], held: str, undecided: str) -> str:
    if not pairs:
        return "undecided: no pair to compare"
    difference = PairedDifference.of(pairs)
    if difference.error is None:
        return f"undecided, for want of pairs ({difference})"
    if not difference.is_clear:
        return f"{undecided} ({difference})"
    if difference.mean > 0:
        return f"{held} ({difference})"
    return f"NOT held ({difference})"


# --- pairs ---------------------------------------------------------------------


def _pairs_of_supernets(seeds: Seeds, first: str, second: str) -> list[tuple[float, float]]:
    """Accuracies of the same random subnets in two supernets; of several seeds, the means of each."""
    pairs_of_seeds = []
    for seed in seeds.values():
        first_top1 = seed["supernets"][first]["random_top1"]
        second_top1 = seed["supernets"][second]["random_top1"]
        pairs_of_seeds.append(list(zip(first_top1, second_top1, strict=True)))
    return _one_each(pairs_of_seeds)


def _pairs_of_networks(seeds: Seeds, first: str, second: str) -> list[tuple[float, float]]:
    """Accuracies of two networks for the same budget, where there are both; of several seeds, the means of each."""
    pairs_of_seeds = []
    for seed in seeds.values():
        pairs = []
        for budget in seed["budgets"]:
            top1 = {network["name"]: network["top1"] for network in budget["networks"]}
            if first in top1 and second in top1:
                pairs.append((top1[first], top1[second]))
        pairs_of_seeds.append(pairs)
    return _one_each(pairs_of_seeds)


def _one_each(pairs_of_seeds: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """The pairs of a single seed; of several seeds one pair each, of means."""
    if len(pairs_of_seeds) == 1:
        return list(pairs_of_seeds[0])
    means = []
    for pairs in pairs_of_seeds:
        if pairs:
            firsts, seconds = zip(*pairs, strict=True)
            means.append((statistics.fmean(firsts), statistics.fmean(seconds)))
    return means


# --- costs -----------------------------------------------------------------------


def _describe_cost(seed: str, results: Mapping[str, Any]) -> str:
    """What training once took beside training for each budget, processor minutes."""
    steps = {step["name"]: step["processor_seconds"] for step in results["steps"]}
    once = steps[f"train_{results['searched_method']}"] + steps["accuracy_table"]
    each_device = steps["latency_table"]
    num_budgets = len(results["budgets"])
    search = statistics.fmean(steps[f"search_{number + 1}"] for number in range(num_budgets))
    finetuning = _mean_seconds(results, "fine-tuned")
    alone = _mean_seconds(results, "alone")
    sentences = [
        f"The cost hardly grows with the number of budgets (seed {seed}): {_minutes(once)} processor minutes once, for "
        f"the supernet and its accuracy table, {_minutes(each_device)} for the latency table of each device, and "
        f"{_minutes(search)} for each budget, with fine-tuning {_minutes(search + finetuning)}",
        f"a given network alone takes {_minutes(alone)} for each, without a search",
        f"on one device, subnets as found cost less {_break_even(once + each_device, alone - search)}",
        f"fine-tuned ones {_break_even(once + each_device, alone - search - finetuning)}",
    ]
    return f"- {'; '.join(sentences)}."


def _break_even(once: float, saved_for_each: float) -> str:
    """From how many budgets on what is done once is worth it."""
    if saved_for_each <= 0:
        return "for no number of budgets: NOT held"
    num_budgets = math.floor(once / saved_for_each) + 1
    return f"from {count_in_words(num_budgets, 'budget')} on"


def _mean_seconds(results: Mapping[str, Any], name: str) -> float:
    """Processor time that training a network of a name took on average."""
    seconds = []
    for budget in results["budgets"]:
        for network in budget["networks"]:
            if network["name"] == name:
                seconds.append(network["processor_seconds"])
    return statistics.fmean(seconds)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"
