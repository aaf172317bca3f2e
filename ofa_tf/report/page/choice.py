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


@dataclasses.dataclass(frozen=True)
class _Places:
    """Places in a group; see `choose_subnets`."""

    cheapest: int
    cheapest_as_good: int
    best: int


def choose_subnets(subnets: Sequence[ReportedSubnet], cheapest: str = "the cheapest") -> list[Choice]:
    """The cheapest subnet, the most accurate one, and the cheapest that is as good, within its error.

    They are chosen by what the search went by; so the accuracies on images that nothing was chosen by stay free of
    choice, and may be in another order.

    Args:
        subnets: In ascending order of cost.
        cheapest: What the cheapest one is called, by what the cost is.

    Returns:
        The choices, the cheapest first; each subnet once, and none without accuracies.

    Reference: Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3 (the rule of one standard
        error).
    """
    places = _find_places(subnets)
    if places is None:
        return []
    reasons: dict[int, list[str]] = {places.cheapest: [cheapest]}
    if places.cheapest_as_good != places.best:
        reasons.setdefault(places.cheapest_as_good, []).append("as good as the most accurate, as far as is known")
    reasons.setdefault(places.best, []).append("the most accurate")
    return [Choice(", ".join(reasons[index]), index) for index in sorted(reasons)]


def choose_first_shown(subnets: Sequence[ReportedSubnet]) -> int:
    """The place of the subnet that is shown first: the cheapest that is as good as the most accurate, or the first."""
    places = _find_places(subnets)
    if places is None:
        return 0
    return places.cheapest_as_good


def _find_places(subnets: Sequence[ReportedSubnet]) -> _Places | None:
    known = []
    for index, subnet in enumerate(subnets):
        if subnet.decisive is not None:
            known.append((index, subnet.decisive))
    if not known:
        return None
    best_index, best = max(known, key=lambda entry: entry[1].top1)
    enough = best.top1 - best.error
    cheapest_as_good = next(index for index, accuracy in known if accuracy.top1 >= enough)
    return _Places(known[0][0], cheapest_as_good, best_index)
