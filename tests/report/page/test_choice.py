"""Which subnets are pointed out."""

from ofa_tf.report.page.choice import choose_subnets
from ofa_tf.report.page.contents import Accuracy, ReportedSubnet
from tests.support.spaces import MICRO


def _subnet(estimated: float | None, reported: float = 0.5) -> ReportedSubnet:
    accuracy = None
    if estimated is not None:
        accuracy = Accuracy(estimated, 0.01)
    return ReportedSubnet("x", MICRO.smallest(), 1.0, "", estimated=accuracy, reported=Accuracy(reported, 0.01, 9))


def _indices(*estimates: float | None) -> list[int]:
    return [choice.index for choice in choose_subnets([_subnet(estimate) for estimate in estimates])]


def test_the_ends_are_chosen_and_the_cheapest_within_one_deviation_of_the_best() -> None:
    assert _indices(0.6, 0.70, 0.785, 0.79, 0.79) == [0, 2, 3]
    assert _indices(0.6, 0.70, 0.775, 0.79) == [0, 3]


def test_each_subnet_is_chosen_once() -> None:
    assert _indices(0.7) == [0]
    (choice,) = choose_subnets([_subnet(0.7)])
    assert choice.reason == "the most accurate"


def test_what_is_reported_decides_nothing() -> None:
    lucky = _subnet(0.6, reported=0.99)
    assert choose_subnets([lucky, _subnet(0.7)])[-1].index == 1


def test_subnets_without_accuracies_are_passed_over() -> None:
    assert _indices(None, 0.6, None, 0.7) == [1, 3]
    assert choose_subnets([ReportedSubnet("x", MICRO.smallest(), 1.0, "")]) == []
