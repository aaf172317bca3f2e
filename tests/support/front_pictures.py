"""Reading pictures of fronts back: what is where, by the ticks."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence

import numpy as np

from ofa_tf.report.cost_limit import CostLimit
from ofa_tf.report.front_plot import front_svg
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.front.measured_front import Front, FrontPoint
from tests.support.spaces import MICRO

NAMESPACE = "{http://www.w3.org/2000/svg}"
FRONT_COLOR = "#1f5fa8"
OTHER_COLOR = "#999"
TOLERANCE = 0.02  # pixels; positions are written with two decimals

# Latency in milliseconds, estimated top-1, its standard deviation.
FRONT = [(10.0, 0.70, 0.004), (14.0, 0.72, 0.006), (15.0, 0.725, 0.003), (30.0, 0.75, 0.005)]
OTHERS = [(12.0, 0.69, 0.01), (25.0, 0.71, 0.01), (33.0, 0.74, 0.01)]


def front_point(values: tuple[float, ...], is_on_front: bool) -> FrontPoint:
    """A point that has these costs and accuracies: those of `FRONT`, and a size in bytes."""
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


class Picture:
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
        return list(self.root.iter(NAMESPACE + tag))

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
            title = circle.findtext(f"{NAMESPACE}title", "")
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


def draw_front(front: Front, costs: Sequence[str] = ("latency_ms",), **options: dict[str, CostLimit]) -> str:
    """The picture of a front, as SVG."""
    return front_svg(front, costs, title="a < b", file_name="front.json", **options)


def limit_latency(value: float, margin: float = 0.0) -> dict[str, CostLimit]:
    """A limit of the latency, as pictures take it."""
    return {"latency_ms": CostLimit(value, margin)}
