"""Which values a picture of a front shows."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from ofa_tf.search.front.measured_front import Front
from tests.support.front_pictures import FRONT, FRONT_COLOR, OTHERS, TOLERANCE, Picture, draw_front, limit_latency


@pytest.mark.parametrize("shift", [0.0, 0.26, -0.72])
def test_nothing_impossible_is_shown(make_front: Callable[..., Front], shift: float) -> None:
    best = [(cost, top1 + shift, 5 * std) for cost, top1, std in FRONT]
    picture = Picture(draw_front(make_front(best)))
    assert picture.y(100) <= picture.top + TOLERANCE
    assert picture.y(0) >= picture.bottom - TOLERANCE
    assert all(0 <= tick <= 100 for tick in picture.y_ticks)
    for bar, (_, top1, std) in zip(picture.paths(FRONT_COLOR, stroke_opacity="0.4"), best, strict=True):
        _, bottom, top = map(float, re.findall(r"[\d.]+", bar))
        np.testing.assert_allclose(top, picture.y(min(100 * (top1 + std), 100)), atol=TOLERANCE)
        np.testing.assert_allclose(bottom, picture.y(max(100 * (top1 - std), 0)), atol=TOLERANCE)
    assert (picture.places("number")[:, 1] >= picture.top).all()
    assert (picture.places("number")[:, 1] <= picture.bottom).all()


def test_what_is_far_from_the_front_is_counted_and_does_not_squeeze_it(make_front: Callable[..., Front]) -> None:
    without = draw_front(make_front(FRONT, OTHERS))
    assert "other measured subnets" in Picture(without).texts
    far = [(20.0, 0.1, 0.01), (500.0, 0.74, 0.01), (45.0, 0.65, 0.01)]
    picture = Picture(draw_front(make_front(FRONT, [*OTHERS, *far])))
    assert "other measured subnets (3 are outside of the picture)" in picture.texts
    assert len(picture.places("not on the front")) == len(OTHERS)
    np.testing.assert_array_equal(picture.places("number"), Picture(without).places("number"))
    one = Picture(draw_front(make_front(FRONT, far[:1])))
    assert "other measured subnets (1 is outside of the picture)" in one.texts
    assert not any("other" in text for text in Picture(draw_front(make_front(FRONT))).texts)


def test_a_front_has_half_of_the_picture_at_least(make_front: Callable[..., Front]) -> None:
    rng = np.random.default_rng(0)
    scattered = rng.uniform((10, 0.3, 0.01), (100, 0.75, 0.01), (500, 3))
    picture = Picture(draw_front(make_front(FRONT, scattered.tolist()), limits=limit_latency(37.0)))
    width = np.ptp(picture.places("number")[:, 0])
    assert width > (picture.right - picture.left) / 2
    lowest, highest = picture.y(100 * 0.696), picture.y(100 * 0.755)
    assert lowest - highest > (picture.bottom - picture.top) / 2
    assert 0 < len(picture.places("not on the front")) < 500


@pytest.mark.parametrize("best", [FRONT[:1], [(10.0, 0.7, 0.0)], [(10.0, 0.7, 0.0), (11.0, 0.7, 0.0)], [(10.0, 1, 0)]])
@pytest.mark.parametrize("costs", [["latency_ms"], ["latency_ms", "size_bytes"]])
def test_one_point_and_equal_accuracies_are_drawn(
    make_front: Callable[..., Front], best: list[tuple[float, ...]], costs: list[str]
) -> None:
    picture = Picture(draw_front(make_front(best), costs))
    expected = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in best]
    np.testing.assert_allclose(picture.places("number"), expected, atol=TOLERANCE)
    # An accuracy is not drawn as if tiny differences counted.
    assert max(picture.y_ticks) - min(picture.y_ticks) >= 0.2
    assert len(picture.x_ticks) >= 3


def test_what_costs_little_more_than_a_front_of_one_point_is_near_it(make_front: Callable[..., Front]) -> None:
    picture = Picture(draw_front(make_front(FRONT[:1], [(12.0, 0.699, 0.01), (13.0, 0.699, 0.01)])))
    np.testing.assert_allclose(picture.places("not on the front"), [(picture.x(12.0), picture.y(69.9))], atol=TOLERANCE)
