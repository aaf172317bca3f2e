"""Which subnets of a group the report points out."""

import dataclasses
from collections.abc import Sequence

from ofa_tf.report.page.contents import ReportedSubnet


@dataclasses.dataclass(frozen=True)
class Choice:
    """A subnet that is pointed out.

    Args:
        reason: Why.
        index: Its place in the group.
    """

    reason: str
    index: int


def choose_subnets(subnets: Sequence[ReportedSubnet]) -> list[Choice]:
    """The cheapest subnet, the most accurate one, and the cheapest that is nearly as accurate as that.

    They are chosen by what the search went by; so the accuracies on images that nothing was chosen by stay free of
    choice, and may be in another order.

    Args:
        subnets: In ascending order of cost.

    Returns:
        The choices, the cheapest first; each subnet once, and none without accuracies.

    Reference: Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3 (the rule of one standard
        error).
    """
    known = []
    for index, subnet in enumerate(subnets):
        if subnet.decisive is not None:
            known.append((index, subnet.decisive))
    if not known:
        return []

    best_index, best = max(known, key=lambda entry: entry[1].top1)
    enough = best.top1 - best.error
    nearly_best = next(index for index, accuracy in known if accuracy.top1 >= enough)

    reasons = {
        known[0][0]: "the cheapest",
        nearly_best: "nearly the most accurate, but cheaper",
        best_index: "the most accurate",
    }
    return [Choice(reason, index) for index, reason in sorted(reasons.items())]
