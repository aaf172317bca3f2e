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
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constraint_kinds import ConstraintKind
from ofa_tf.search.front.measured_front import Front, FrontPoint, StopReason
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor, fit_predictor
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_FRONT_COLOR = "#1f5fa8"
_OTHER_COLOR = "#999"
_TOLERANCE = 0.02  # pixels; positions are written with two decimals

# Latency in milliseconds, estimated top-1, its standard deviation.
_FRONT = [(10.0, 0.70, 0.004), (14.0, 0.72, 0.006), (15.0, 0.725, 0.003), (30.0, 0.75, 0.005)]
_OTHERS = [(12.0, 0.69, 0.01), (25.0, 0.71, 0.01), (33.0, 0.74, 0.01)]


@pytest.fixture(scope="module")
def predictor() -> FittedPredictor:
    return fit_predictor(SimulatedSupernet(MICRO).table(20), "linear")


@pytest.fixture(name="make_front", scope="module")
def _make_front(predictor: FittedPredictor) -> Callable[..., Front]:
    """Makes a front of archs that have these costs and accuracies."""

    def make(best: Sequence[tuple[float, ...]], others: Sequence[tuple[float, ...]] = ()) -> Front:
        points = [_point(values, is_on_front=True) for values in best]
        points += [_point(values, is_on_front=False) for values in others]
        points.sort(key=lambda point: point.costs["latency_ms"])
        return Front(
            points=tuple(points),
            predictor=predictor,
            num_measured=0,
            hypervolumes=(),
            max_measured=0,
            stop_reason=StopReason.NOTHING_NEW,
            quality_before=predictor.quality,
        )

    return make


def _point(values: tuple[float, ...], is_on_front: bool) -> FrontPoint:
    latency_ms, top1, std, *size_bytes = values
    count = AccuracyCount((70, 72), (100, 100))
    return FrontPoint(
        arch=MICRO.smallest(),
        is_found=True,
        is_on_front=is_on_front,
        predicted_top1=top1,
        predicted_std=std,
        measured=count,
        estimated_top1=top1,
        estimated_std=std,
        costs={"latency_ms": latency_ms, "size_bytes": (size_bytes or [2e6])[0]},
        reported=count if is_on_front else None,
    )


class _Picture:
    """What is in an SVG file, with the values that its ticks say."""

    def __init__(self, text: str, is_logarithmic: bool = False) -> None:
        self.root = ElementTree.fromstring(text)
        self.is_logarithmic = is_logarithmic
        self.texts = [element.text or "" for element in self._all("text")]
        self.area = self._all("rect")[1]
        self.left, self.top, width, height = (float(self.area.get(key, "")) for key in ("x", "y", "width", "height"))
        self.right = self.left + width
        self.bottom = self.top + height
        self.x_ticks = self._ticks("middle", "x", lambda x, y: y == self.bottom + 18)
        self.y_ticks = self._ticks("end", "y", lambda x, y: x == self.left - 8)

    def _all(self, tag: str) -> list[ElementTree.Element]:
        return list(self.root.iter(_NAMESPACE + tag))

    def _ticks(self, anchor: str, axis: str, is_place: Callable[[float, float], bool]) -> dict[float, float]:
        """Value -> pixel, of the labels at an edge of the area."""
        ticks = {}
        for element in self._all("text"):
            x, y = float(element.get("x", "")), float(element.get("y", ""))
            if element.get("text-anchor") == anchor and is_place(x, y):
                ticks[float((element.text or "").replace(",", ""))] = {"x": x, "y": y - 4}[axis]
        return ticks

    def x(self, value: float) -> float:
        """Where a cost should be, by the ticks."""
        values = np.array(list(self.x_ticks))
        if self.is_logarithmic:
            values, value = np.log(values), np.log(value)
        slope, start = np.polyfit(values, list(self.x_ticks.values()), 1)
        return float(slope * value + start)

    def y(self, percent: float) -> float:
        """Where an accuracy should be, by the ticks."""
        slope, start = np.polyfit(list(self.y_ticks), list(self.y_ticks.values()), 1)
        return float(slope * percent + start)

    def cost_at(self, x: float) -> float:
        """The cost at a pixel, by the ticks of an axis that is not logarithmic."""
        slope, start = np.polyfit(list(self.x_ticks.values()), list(self.x_ticks), 1)
        return float(slope * x + start)

    def percent_at(self, y: float) -> float:
        """The accuracy at a pixel, by the ticks."""
        slope, start = np.polyfit(list(self.y_ticks.values()), list(self.y_ticks), 1)
        return float(slope * y + start)

    def place_of(self, text: str) -> tuple[float, str]:
        """Where a text is from the left, and which end of it."""
        (element,) = [element for element in self._all("text") if element.text == text]
        return float(element.get("x", "")), element.get("text-anchor", "")

    def paths(self, color: str, **attributes: str) -> list[str]:
        """The lines of a color."""
        wanted = {"stroke": color, **{key.replace("_", "-"): value for key, value in attributes.items()}}
        return [path.get("d", "") for path in self._all("path") if wanted.items() <= path.attrib.items()]

    def circles(self, heading: str) -> dict[str, ElementTree.Element]:
        """First line of the tooltip -> circle, of those whose tooltip begins with some words."""
        found = {}
        for circle in self._all("circle"):
            title = circle.findtext(f"{_NAMESPACE}title", "")
            if title.startswith(heading):
                found[f"{title.splitlines()[0]} {len(found)}"] = circle
        return found

    def places(self, heading: str) -> np.ndarray:
        """The centers of these circles, `(n, 2)`."""
        return np.array(
            [[float(circle.get(key, "")) for key in ("cx", "cy")] for circle in self.circles(heading).values()]
        )

    def numbers(self) -> dict[str, tuple[float, float]]:
        """The numbers beside points, and where they are."""
        found = {}
        for element in self._all("text"):
            if element.get("font-size") == "11":
                found[element.text or ""] = (float(element.get("x", "")), float(element.get("y", "")))
        return found


def _draw(front: Front, costs: Sequence[str] = ("latency_ms",), **options: dict[str, CostLimit]) -> str:
    return front_svg(front, costs, title="a < b", file_name="front.json", **options)


def _limit(value: float, margin: float = 0.0) -> dict[str, CostLimit]:
    return {"latency_ms": CostLimit(value, margin)}


# --- points -------------------------------------------------------------------------


def test_points_and_error_bars_are_where_the_ticks_say(make_front: Callable[..., Front]) -> None:
    picture = _Picture(_draw(make_front(_FRONT, _OTHERS)))
    expected = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in _FRONT]
    np.testing.assert_allclose(picture.places("number"), expected, atol=_TOLERANCE)
    expected = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in _OTHERS]
    np.testing.assert_allclose(picture.places("not on the front"), expected, atol=_TOLERANCE)
    assert {circle.get("fill") for circle in picture.circles("number").values()} == {_FRONT_COLOR}
    assert {circle.get("fill") for circle in picture.circles("not").values()} == {_OTHER_COLOR}

    bars = picture.paths(_FRONT_COLOR, stroke_opacity="0.4")
    assert len(bars) == len(_FRONT)
    for bar, (cost, top1, std) in zip(bars, _FRONT, strict=True):
        x, bottom, top = map(float, re.findall(r"[\d.]+", bar))
        expected_bar = (picture.x(cost), picture.y(100 * (top1 - std)), picture.y(100 * (top1 + std)))
        np.testing.assert_allclose((x, bottom, top), expected_bar, atol=_TOLERANCE)


def test_steps_say_what_is_best_for_each_budget(make_front: Callable[..., Front]) -> None:
    picture = _Picture(_draw(make_front(_FRONT)))
    (steps,) = picture.paths(_FRONT_COLOR, fill="none")
    (first_x, first_y), *following = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in _FRONT]
    expected = [first_x, first_y]
    for x, y in following:
        expected += [x, y]
    assert re.sub(r"[\d. ]+", "", steps) == "M" + "HV" * len(following)
    np.testing.assert_allclose([float(number) for number in re.findall(r"[\d.]+", steps)], expected, atol=_TOLERANCE)


def test_costs_of_more_than_a_decade_are_on_a_logarithmic_axis(make_front: Callable[..., Front]) -> None:
    best = [(0.2, 0.6, 0.01), (1.0, 0.65, 0.01), (9.0, 0.7, 0.01)]
    picture = _Picture(_draw(make_front(best)), is_logarithmic=True)
    assert list(picture.x_ticks) == [0.2, 0.5, 1, 2, 5, 10]
    expected = [picture.x(cost) for cost, _, _ in best]
    np.testing.assert_allclose(picture.places("number")[:, 0], expected, atol=_TOLERANCE)


def test_each_number_is_next_to_its_point(make_front: Callable[..., Front]) -> None:
    front = make_front(_FRONT, _OTHERS)
    picture = _Picture(_draw(front))
    numbers = picture.numbers()
    assert list(numbers) == ["0", "1", "2", "3"]
    for place, number in zip(picture.places("number"), numbers, strict=True):
        assert np.abs(place - numbers[number]).max() < 20
    for point, title in zip(front.best, picture.circles("number"), strict=True):
        assert title.split()[1] == str(front.best.index(point))
    assert "numbers: N of --arch=front.json:N" in " ".join(picture.texts)


def test_a_number_hides_no_error_bar_if_there_is_other_room(make_front: Callable[..., Front]) -> None:
    # To the upper left of the second point is the bar of the first one.
    picture = _Picture(_draw(make_front([(10.0, 0.70, 0.02), (10.29, 0.702, 0.001), (30.0, 0.72, 0.01)])))
    first, second, _ = picture.places("number")
    assert 5 < second[0] - first[0] < 12
    number = picture.numbers()["1"]
    assert number[0] > second[0]
    assert number[1] > second[1]


def test_a_number_hides_no_other_point_if_there_is_other_room(make_front: Callable[..., Front]) -> None:
    alone = _Picture(_draw(make_front(_FRONT)))
    number_x, number_y = alone.numbers()["2"]
    in_the_way = (alone.cost_at(number_x), alone.percent_at(number_y - 4) / 100, 0.01)
    picture = _Picture(_draw(make_front(_FRONT, [in_the_way])))
    np.testing.assert_allclose(picture.places("not"), [(number_x, number_y - 4)], atol=0.1)
    own_x, own_y = picture.places("number")[2]
    moved_x, moved_y = picture.numbers()["2"]
    assert number_x < own_x < moved_x < own_x + 20
    assert number_y < own_y < moved_y < own_y + 20


def test_numbers_without_room_are_told_of(make_front: Callable[..., Front]) -> None:
    one_place = [(10.0, 0.70, 0.004)] * 9
    picture = _Picture(_draw(make_front(one_place)))
    assert 0 < len(picture.numbers()) < 9
    assert any(text.endswith("(where there is room)") for text in picture.texts)
    spread = _Picture(_draw(make_front([(10 + 0.5 * step, 0.7 + 0.002 * step, 0.01) for step in range(60)])))
    assert len(spread.numbers()) == 60
    assert not any("room" in text for text in spread.texts)


def test_a_tooltip_says_what_is_known_of_a_subnet(make_front: Callable[..., Front]) -> None:
    picture = _Picture(_draw(make_front(_FRONT, _OTHERS), ("latency_ms", "size_bytes")))
    (circle, *_) = picture.circles("number").values()
    assert circle.findtext(f"{_NAMESPACE}title", "").splitlines() == [
        "number 0",
        "predicted latency: 10 ms",
        "file size: 2 MB",
        "estimated top-1: 70.00% +- 0.40",
        "reported top-1: 71.00% +- 3.22",
    ]
    (circle, *_) = picture.circles("not").values()
    assert circle.findtext(f"{_NAMESPACE}title", "").splitlines() == [
        "not on the front",
        "predicted latency: 12 ms",
        "file size: 2 MB",
        "estimated top-1: 69.00% +- 1.00",
    ]


def test_signs_of_markup_in_a_tooltip_are_shown_as_they_are(make_front: Callable[..., Front]) -> None:
    sure = make_front([(10.0, 0.7, 0.00001)])
    (circle,) = _Picture(_draw(sure)).circles("number").values()
    assert "estimated top-1: 70.00% +- <0.01" in circle.findtext(f"{_NAMESPACE}title", "").splitlines()


# --- what is shown ------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.26, -0.72])
def test_nothing_impossible_is_shown(make_front: Callable[..., Front], shift: float) -> None:
    best = [(cost, top1 + shift, 5 * std) for cost, top1, std in _FRONT]
    picture = _Picture(_draw(make_front(best)))
    assert picture.y(100) <= picture.top + _TOLERANCE
    assert picture.y(0) >= picture.bottom - _TOLERANCE
    assert all(0 <= tick <= 100 for tick in picture.y_ticks)
    for bar, (_, top1, std) in zip(picture.paths(_FRONT_COLOR, stroke_opacity="0.4"), best, strict=True):
        _, bottom, top = map(float, re.findall(r"[\d.]+", bar))
        np.testing.assert_allclose(top, picture.y(min(100 * (top1 + std), 100)), atol=_TOLERANCE)
        np.testing.assert_allclose(bottom, picture.y(max(100 * (top1 - std), 0)), atol=_TOLERANCE)
    assert (picture.places("number")[:, 1] >= picture.top).all()
    assert (picture.places("number")[:, 1] <= picture.bottom).all()


def test_what_is_far_from_the_front_is_counted_and_does_not_squeeze_it(make_front: Callable[..., Front]) -> None:
    without = _draw(make_front(_FRONT, _OTHERS))
    assert "other measured subnets" in _Picture(without).texts
    far = [(20.0, 0.1, 0.01), (500.0, 0.74, 0.01), (45.0, 0.65, 0.01)]
    picture = _Picture(_draw(make_front(_FRONT, [*_OTHERS, *far])))
    assert "other measured subnets (3 are outside of the picture)" in picture.texts
    assert len(picture.places("not on the front")) == len(_OTHERS)
    np.testing.assert_array_equal(picture.places("number"), _Picture(without).places("number"))
    one = _Picture(_draw(make_front(_FRONT, far[:1])))
    assert "other measured subnets (1 is outside of the picture)" in one.texts
    assert not any("other" in text for text in _Picture(_draw(make_front(_FRONT))).texts)


def test_a_front_has_half_of_the_picture_at_least(make_front: Callable[..., Front]) -> None:
    rng = np.random.default_rng(0)
    scattered = rng.uniform((10, 0.3, 0.01), (100, 0.75, 0.01), (500, 3))
    picture = _Picture(_draw(make_front(_FRONT, scattered.tolist()), limits=_limit(37.0)))
    width = np.ptp(picture.places("number")[:, 0])
    assert width > (picture.right - picture.left) / 2
    lowest, highest = picture.y(100 * 0.696), picture.y(100 * 0.755)
    assert lowest - highest > (picture.bottom - picture.top) / 2
    assert 0 < len(picture.places("not on the front")) < 500


@pytest.mark.parametrize("best", [_FRONT[:1], [(10.0, 0.7, 0.0)], [(10.0, 0.7, 0.0), (11.0, 0.7, 0.0)], [(10.0, 1, 0)]])
@pytest.mark.parametrize("costs", [["latency_ms"], ["latency_ms", "size_bytes"]])
def test_one_point_and_equal_accuracies_are_drawn(
    make_front: Callable[..., Front], best: list[tuple[float, ...]], costs: list[str]
) -> None:
    picture = _Picture(_draw(make_front(best), costs))
    expected = [(picture.x(cost), picture.y(100 * top1)) for cost, top1, _ in best]
    np.testing.assert_allclose(picture.places("number"), expected, atol=_TOLERANCE)
    # An accuracy is not drawn as if tiny differences counted.
    assert max(picture.y_ticks) - min(picture.y_ticks) >= 0.2
    assert len(picture.x_ticks) >= 3


def test_what_costs_little_more_than_a_front_of_one_point_is_near_it(make_front: Callable[..., Front]) -> None:
    picture = _Picture(_draw(make_front(_FRONT[:1], [(12.0, 0.699, 0.01), (13.0, 0.699, 0.01)])))
    np.testing.assert_allclose(
        picture.places("not on the front"), [(picture.x(12.0), picture.y(69.9))], atol=_TOLERANCE
    )


# --- limits -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "margin", "words"), [(31.0, 0.0, "limit 31 ms"), (49.0, 0.08, "limit 49 ms (with a margin of 8.0%)")]
)
def test_a_limit_is_a_dashed_line(make_front: Callable[..., Front], value: float, margin: float, words: str) -> None:
    picture = _Picture(_draw(make_front(_FRONT), limits=_limit(value, margin)))
    (line,) = picture.paths("#a33", stroke_dasharray="6 4")
    x, top, bottom = map(float, re.findall(r"[\d.]+", line))
    np.testing.assert_allclose(x, picture.x(value), atol=_TOLERANCE)
    assert top < picture.top
    assert bottom == picture.bottom
    assert words in picture.texts
    assert not any("limits: " in text for text in picture.texts)
    (text,) = [text for text in picture.root.iter(f"{_NAMESPACE}text") if text.text == words]
    assert (text.get("text-anchor"), text.get("x")) == ("end", f"{x:g}")  # to the left of the line, within the picture
    assert not _Picture(_draw(make_front(_FRONT))).paths("#a33")


def test_a_limit_far_away_is_told_without_a_line(make_front: Callable[..., Front]) -> None:
    picture = _Picture(_draw(make_front(_FRONT), limits=_limit(60.0)))
    assert not picture.paths("#a33")
    # At the edge that it is behind.
    assert picture.place_of("limit 60 ms \N{RIGHTWARDS ARROW}") == (picture.right, "end")


def test_limits_of_what_is_on_no_axis_are_told(make_front: Callable[..., Front]) -> None:
    limits = {"size_bytes": CostLimit(4e6), "peak_ram_bytes": CostLimit(75e3)}
    picture = _Picture(_draw(make_front(_FRONT), limits=limits))
    assert not picture.paths("#a33")
    assert any(text.startswith("limits: file size 4 MB, memory 75 kB; bars: one") for text in picture.texts)


# --- two costs ----------------------------------------------------------------------


def test_a_second_cost_is_a_color_and_there_are_no_steps(make_front: Callable[..., Front]) -> None:
    sizes = [3e6, 1e6, 4e6, 2e6]
    best = [(*values, size) for values, size in zip(_FRONT, sizes, strict=True)]
    picture = _Picture(_draw(make_front(best, _OTHERS), ["latency_ms", "size_bytes"]))
    assert not picture.paths(_FRONT_COLOR)
    assert {"front, colored by file size", "file size, MB", "predicted latency, ms"} <= set(picture.texts)
    lightnesses = []
    for circle in picture.circles("number").values():
        red, green, blue = (int(channel, 16) for channel in re.findall(r"[\da-f]{2}", circle.get("fill", "")))
        lightnesses.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    # The larger the darker.
    assert np.argsort(lightnesses).tolist() == np.argsort(sizes)[::-1].tolist()

    scale = {}
    for text in picture.root.iter(f"{_NAMESPACE}text"):
        if float(text.get("x", "")) > picture.right:
            scale[float(text.text or "")] = float(text.get("y", ""))
    assert {1, 2, 3, 4} <= set(scale)
    assert sorted(scale, key=scale.__getitem__) == sorted(scale, reverse=True)  # the largest at the upper end

    (gradient,) = picture.root.iter(f"{_NAMESPACE}linearGradient")
    stops = [stop.get("stop-color") for stop in gradient]
    assert stops[0] == "rgb(253,231,37)"  # the lightest, at the lower end
    assert (gradient.get("y1"), gradient.get("y2")) == ("1", "0")


# --- words --------------------------------------------------------------------------


def test_axes_have_words_and_units_and_a_plugins_cost_its_name(
    make_front: Callable[..., Front], monkeypatch: pytest.MonkeyPatch
) -> None:
    front = make_front(_FRONT)
    assert {"predicted latency, ms", "top-1, % (estimated)", "a < b"} <= set(_Picture(_draw(front)).texts)
    assert "file size, MB" in _Picture(_draw(front, ["size_bytes"])).texts

    kinds = {"num_blocks": ConstraintKind("Most blocks.", lambda context: None)}
    for module in (constraint_kinds, cost_unit):
        monkeypatch.setattr(module, "CONSTRAINT_KINDS", kinds)
    points = []
    for point in front.points:
        points.append(dataclasses.replace(point, costs={"num_blocks": point.costs["latency_ms"]}))
    own = dataclasses.replace(front, points=tuple(points))
    picture = _Picture(front_svg(own, ["num_blocks"], title="", file_name="", limits={"num_blocks": CostLimit(31)}))
    assert {"num_blocks", "limit 31"} <= set(picture.texts)


def test_what_points_are_is_told_side_by_side(make_front: Callable[..., Front]) -> None:
    picture = _Picture(_draw(make_front(_FRONT, _OTHERS)))
    first, _ = picture.place_of("front")
    second, _ = picture.place_of("other measured subnets")
    _, sample, *_ = picture.root.iter(f"{_NAMESPACE}circle")
    assert first + svg.text_width("front") < float(sample.get("cx", "")) < second


def test_long_texts_and_a_scale_make_the_picture_wider(make_front: Callable[..., Front]) -> None:
    front = make_front(_FRONT)

    def width(title: str, costs: Sequence[str]) -> float:
        root = ElementTree.fromstring(front_svg(front, costs, title=title, file_name="front.json"))
        assert root.get("viewBox", "").split()[2] == root.get("width")
        return float(root.get("width", ""))

    usual = width("short", ["latency_ms"])
    assert width("a" * 200, ["latency_ms"]) > usual + 500
    assert usual + 50 < width("short", ["latency_ms", "size_bytes"]) < usual + 150


def test_the_picture_stands_alone_on_white(make_front: Callable[..., Front]) -> None:
    text = _draw(make_front(_FRONT, _OTHERS), ["latency_ms", "size_bytes"])
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
    assert is_front_svg(_draw(make_front(_FRONT)))
    # As an earlier version drew it.
    assert is_front_svg('<svg xmlns="http://www.w3.org/2000/svg">\n<text x="1" y="2">estimated top-1, %</text>\n</svg>')
    assert not is_front_svg('<svg xmlns="http://www.w3.org/2000/svg">\n<text x="1" y="2">estimated</text>\n</svg>')
    assert not is_front_svg("<html><text>top-1, % (estimated)</text></html>")
