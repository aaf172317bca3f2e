"""What a picture of a front shows of its points, of two costs, and in words."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ofa_tf.report import cost_unit, svg
from ofa_tf.report.cost_limit import CostLimit
from ofa_tf.report.front_plot import front_svg, is_front_svg
from ofa_tf.search import constraint_kinds
from ofa_tf.search.constraint_kinds import ConstraintKind
from ofa_tf.search.front.measured_front import Front
from tests.support.front_pictures import (
    FRONT,
    FRONT_COLOR,
    NAMESPACE,
    OTHER_COLOR,
    OTHERS,
    TOLERANCE,
    Picture,
    draw_front,
)

# --- points --------------------------------------------------------------------------


def test_points_and_error_bars_are_where_the_ticks_say(make_front: Callable[..., Front]) -> None:
    picture = Picture(draw_front(make_front(FRONT, OTHERS)))
    expected = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in FRONT]
    np.testing.assert_allclose(picture.places("number"), expected, atol=TOLERANCE)
    expected = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in OTHERS]
    np.testing.assert_allclose(picture.places("not on the front"), expected, atol=TOLERANCE)
    assert {circle.get("fill") for circle in picture.circles("number").values()} == {FRONT_COLOR}
    assert {circle.get("fill") for circle in picture.circles("not").values()} == {OTHER_COLOR}

    bars = picture.paths(FRONT_COLOR, stroke_opacity="0.4")
    assert len(bars) == len(FRONT)
    for bar, (cost, top1, std) in zip(bars, FRONT, strict=True):
        x, bottom, top = map(float, re.findall(r"[\d.]+", bar))
        expected_bar = (picture.x(cost), picture.y(100 * (top1 - std)), picture.y(100 * (top1 + std)))
        np.testing.assert_allclose((x, bottom, top), expected_bar, atol=TOLERANCE)


def test_steps_say_what_is_best_for_each_budget(make_front: Callable[..., Front]) -> None:
    picture = Picture(draw_front(make_front(FRONT)))
    (steps,) = picture.paths(FRONT_COLOR, fill="none")
    (first_x, first_y), *following = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in FRONT]
    expected = [first_x, first_y]
    for x, y in following:
        expected += [x, y]
    assert re.sub(r"[\d. ]+", "", steps) == "M" + "HV" * len(following)
    np.testing.assert_allclose([float(number) for number in re.findall(r"[\d.]+", steps)], expected, atol=TOLERANCE)


def test_costs_of_more_than_a_decade_are_on_a_logarithmic_axis(make_front: Callable[..., Front]) -> None:
    best = [(0.2, 0.6, 0.01), (1.0, 0.65, 0.01), (9.0, 0.7, 0.01)]
    picture = Picture(draw_front(make_front(best)), is_logarithmic=True)
    assert list(picture.x_ticks) == [0.2, 0.5, 1, 2, 5, 10]
    expected = [picture.x(cost) for cost, _, _ in best]
    np.testing.assert_allclose(picture.places("number")[:, 0], expected, atol=TOLERANCE)


def test_each_number_is_next_to_its_point(make_front: Callable[..., Front]) -> None:
    front = make_front(FRONT, OTHERS)
    picture = Picture(draw_front(front))
    numbers = picture.numbers()
    assert list(numbers) == ["0", "1", "2", "3"]
    for place, number in zip(picture.places("number"), numbers, strict=True):
        assert np.abs(place - numbers[number]).max() < 20
    for point, title in zip(front.best, picture.circles("number"), strict=True):
        assert title.split()[1] == str(front.best.index(point))
    assert "numbers: N of --arch=front.json:N" in " ".join(picture.texts)


def test_a_number_hides_no_error_bar_if_there_is_other_room(make_front: Callable[..., Front]) -> None:
    # To the upper left of the second point is the bar of the first one.
    picture = Picture(draw_front(make_front([(10.0, 0.70, 0.02), (10.29, 0.702, 0.001), (30.0, 0.72, 0.01)])))
    first, second, _ = picture.places("number")
    assert 5 < second[0] - first[0] < 12
    number = picture.numbers()["1"]
    assert number[0] > second[0]
    assert number[1] > second[1]


def test_a_number_hides_no_other_point_if_there_is_other_room(make_front: Callable[..., Front]) -> None:
    alone = Picture(draw_front(make_front(FRONT)))
    number_x, number_y = alone.numbers()["2"]
    in_the_way = (alone.cost_at(number_x), alone.percent_at(number_y - 4) / 100, 0.01)
    picture = Picture(draw_front(make_front(FRONT, [in_the_way])))
    np.testing.assert_allclose(picture.places("not"), [(number_x, number_y - 4)], atol=0.1)
    own_x, own_y = picture.places("number")[2]
    moved_x, moved_y = picture.numbers()["2"]
    assert number_x < own_x < moved_x < own_x + 20
    assert number_y < own_y < moved_y < own_y + 20


def test_numbers_without_room_are_told_of(make_front: Callable[..., Front]) -> None:
    one_place = [(10.0, 0.70, 0.004)] * 9
    picture = Picture(draw_front(make_front(one_place)))
    assert 0 < len(picture.numbers()) < 9
    assert any(text.endswith("(where there is room)") for text in picture.texts)
    spread = Picture(draw_front(make_front([(10 + 0.5 * step, 0.7 + 0.002 * step, 0.01) for step in range(60)])))
    assert len(spread.numbers()) == 60
    assert not any("room" in text for text in spread.texts)


def test_a_tooltip_says_what_is_known_of_a_subnet(make_front: Callable[..., Front]) -> None:
    picture = Picture(draw_front(make_front(FRONT, OTHERS), ("latency_ms", "size_bytes")))
    (circle, *_) = picture.circles("number").values()
    assert circle.findtext(f"{NAMESPACE}title", "").splitlines() == [
        "number 0",
        "predicted latency: 10 ms",
        "file size: 2 MB",
        "estimated top-1: 70.00% +- 0.40",
        "reported top-1: 71.00% +- 3.22",
    ]
    (circle, *_) = picture.circles("not").values()
    assert circle.findtext(f"{NAMESPACE}title", "").splitlines() == [
        "not on the front",
        "predicted latency: 12 ms",
        "file size: 2 MB",
        "estimated top-1: 69.00% +- 1.00",
    ]


def test_signs_of_markup_in_a_tooltip_are_shown_as_they_are(make_front: Callable[..., Front]) -> None:
    sure = make_front([(10.0, 0.7, 0.00001)])
    (circle,) = Picture(draw_front(sure)).circles("number").values()
    assert "estimated top-1: 70.00% +- <0.01" in circle.findtext(f"{NAMESPACE}title", "").splitlines()


# --- two costs -----------------------------------------------------------------------


def test_a_second_cost_is_a_color_and_there_are_no_steps(make_front: Callable[..., Front]) -> None:
    sizes = [3e6, 1e6, 4e6, 2e6]
    best = [(*values, size) for values, size in zip(FRONT, sizes, strict=True)]
    picture = Picture(draw_front(make_front(best, OTHERS), ["latency_ms", "size_bytes"]))
    assert not picture.paths(FRONT_COLOR)
    assert {"front, colored by file size", "file size, MB", "predicted latency, ms"} <= set(picture.texts)
    lightnesses = []
    for circle in picture.circles("number").values():
        red, green, blue = (int(channel, 16) for channel in re.findall(r"[\da-f]{2}", circle.get("fill", "")))
        lightnesses.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    # The larger the darker.
    assert np.argsort(lightnesses).tolist() == np.argsort(sizes)[::-1].tolist()

    scale = {}
    for text in picture.root.iter(f"{NAMESPACE}text"):
        if float(text.get("x", "")) > picture.right:
            scale[float(text.text or "")] = float(text.get("y", ""))
    assert {1, 2, 3, 4} <= set(scale)
    assert sorted(scale, key=scale.__getitem__) == sorted(scale, reverse=True)  # the largest at the upper end

    (gradient,) = picture.root.iter(f"{NAMESPACE}linearGradient")
    stops = [stop.get("stop-color") for stop in gradient]
    assert stops[0] == "rgb(253,231,37)"  # the lightest, at the lower end
    assert (gradient.get("y1"), gradient.get("y2")) == ("1", "0")


# --- words ---------------------------------------------------------------------------


def test_axes_have_words_and_units_and_a_plugins_cost_its_name(
    make_front: Callable[..., Front], monkeypatch: pytest.MonkeyPatch
) -> None:
    front = make_front(FRONT)
    assert {"predicted latency, ms", "top-1, % (estimated)", "a < b"} <= set(Picture(draw_front(front)).texts)
    assert "file size, MB" in Picture(draw_front(front, ["size_bytes"])).texts

    kinds = {"num_blocks": ConstraintKind("Most blocks.", lambda context: None)}
    for module in (constraint_kinds, cost_unit):
        monkeypatch.setattr(module, "CONSTRAINT_KINDS", kinds)
    points = []
    for point in front.points:
        points.append(dataclasses.replace(point, costs={"num_blocks": point.costs["latency_ms"]}))
    own = dataclasses.replace(front, points=tuple(points))
    picture = Picture(front_svg(own, ["num_blocks"], title="", file_name="", limits={"num_blocks": CostLimit(31)}))
    assert {"num_blocks", "limit 31"} <= set(picture.texts)


def test_what_points_are_is_told_side_by_side(make_front: Callable[..., Front]) -> None:
    picture = Picture(draw_front(make_front(FRONT, OTHERS)))
    first, _ = picture.place_of("front")
    second, _ = picture.place_of("other measured subnets")
    _, sample, *_ = picture.root.iter(f"{NAMESPACE}circle")
    assert first + svg.text_width("front") < float(sample.get("cx", "")) < second


def test_long_texts_and_a_scale_make_the_picture_wider(make_front: Callable[..., Front]) -> None:
    front = make_front(FRONT)

    def width(title: str, costs: Sequence[str]) -> float:
        root = ElementTree.fromstring(front_svg(front, costs, title=title, file_name="front.json"))
        assert root.get("viewBox", "").split()[2] == root.get("width")
        return float(root.get("width", ""))

    usual = width("short", ["latency_ms"])
    assert width("a" * 200, ["latency_ms"]) > usual + 500
    assert usual + 50 < width("short", ["latency_ms", "size_bytes"]) < usual + 150


def test_the_picture_stands_alone_on_white(make_front: Callable[..., Front]) -> None:
    text = draw_front(make_front(FRONT, OTHERS), ["latency_ms", "size_bytes"])
    assert "<script" not in text
    assert "href" not in text
    root = ElementTree.fromstring(text)
    ground = root[0]
    assert (ground.get("fill"), ground.get("width"), ground.get("height")) == (
        "white",
        root.get("width"),
        root.get("height"),
    )


def test_a_picture_of_a_front_is_known_from_others(make_front: Callable[..., Front]) -> None:
    assert is_front_svg(draw_front(make_front(FRONT)))
    # As an earlier version drew it.
    assert is_front_svg('<svg xmlns="http://www.w3.org/2000/svg">\n<text x="1" y="2">estimated top-1, %</text>\n</svg>')
    assert not is_front_svg('<svg xmlns="http://www.w3.org/2000/svg">\n<text x="1" y="2">estimated</text>\n</svg>')
    assert not is_front_svg("<html><text>top-1, % (estimated)</text></html>")
