"""Which subnets are pointed out."""

import dataclasses

from ofa_tf.report.page.choice import choose_first_shown, choose_subnets
from ofa_tf.report.page.contents import Accuracy, ReportedSubnet
from tests.support.spaces import MICRO


def _subnet(estimated: float | None, reported: float = 0.5) -> ReportedSubnet:
    subnet = ReportedSubnet("x", MICRO.smallest(), 1.0, "", reported=Accuracy(reported, 0.01, 9))
    if estimated is None:
        return subnet
    return dataclasses.replace(subnet, estimated=Accuracy(estimated, 0.01))


def _indices(*estimates: float | None) -> list[int]:
    return [choice.index for choice in choose_subnets([_subnet(estimate) for estimate in estimates])]


def test_the_ends_are_chosen_and_the_cheapest_within_one_deviation_of_the_best() -> None:
    assert _indices(0.6, 0.70, 0.785, 0.79, 0.79) == [0, 2, 3]
    assert _indices(0.6, 0.70, 0.775, 0.79) == [0, 3]


def test_each_subnet_is_chosen_once() -> None:
    (choice,) = choose_subnets([_subnet(0.7)])
    assert (choice.index, choice.reason) == (0, "the cheapest, the most accurate")
    cheap, best = choose_subnets([_subnet(0.695), _subnet(0.7)])
    assert cheap.reason == "the cheapest, as good as the most accurate, as far as is known"
    assert best.reason == "the most accurate"


def test_the_one_shown_first_is_as_good_as_the_best() -> None:
    assert choose_first_shown([_subnet(0.6), _subnet(0.695), _subnet(0.7)]) == 1
    assert choose_first_shown([_subnet(0.6), _subnet(0.7)]) == 1
    assert choose_first_shown([_subnet(None)]) == 0


def test_what_is_reported_decides_nothing() -> None:
    lucky = _subnet(0.6, reported=0.99)
    assert choose_subnets([lucky, _subnet(0.7)])[-1].index == 1


def test_subnets_without_accuracies_are_passed_over() -> None:
    assert _indices(None, 0.6, None, 0.7) == [1, 3]
    assert choose_subnets([ReportedSubnet("x", MICRO.smallest(), 1.0, "")]) == []
