"""How a picture of a front tells limits."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from ofa_tf.report.cost_limit import CostLimit
from ofa_tf.search.front.measured_front import Front
from tests.support.front_pictures import FRONT, NAMESPACE, TOLERANCE, Picture, draw_front, limit_latency


@pytest.mark.parametrize(
    ("value", "margin", "words"), [(31.0, 0.0, "limit 31 ms"), (49.0, 0.08, "limit 49 ms (with a margin of 8.0%)")]
)
def test_a_limit_is_a_dashed_line(make_front: Callable[..., Front], value: float, margin: float, words: str) -> None:
    picture = Picture(draw_front(make_front(FRONT), limits=limit_latency(value, margin)))
    (line,) = picture.paths("#a33", stroke_dasharray="6 4")
    x, top, bottom = map(float, re.findall(r"[\d.]+", line))
    np.testing.assert_allclose(x, picture.x(value), atol=TOLERANCE)
    assert top < picture.top
    assert bottom == picture.bottom
    assert words in picture.texts
    assert not any("limits: " in text for text in picture.texts)
    (text,) = [text for text in picture.root.iter(f"{NAMESPACE}text") if text.text == words]
    assert (text.get("text-anchor"), text.get("x")) == ("end", f"{x:g}")  # to the left of the line, within the picture
    assert not Picture(draw_front(make_front(FRONT))).paths("#a33")


def test_a_limit_far_away_is_told_without_a_line(make_front: Callable[..., Front]) -> None:
    picture = Picture(draw_front(make_front(FRONT), limits=limit_latency(60.0)))
    assert not picture.paths("#a33")
    # At the edge that it is behind.
    assert picture.place_of("limit 60 ms \N{RIGHTWARDS ARROW}") == (picture.right, "end")


def test_limits_of_what_is_on_no_axis_are_told(make_front: Callable[..., Front]) -> None:
    limits = {"size_bytes": CostLimit(4e6), "peak_ram_bytes": CostLimit(75e3)}
    picture = Picture(draw_front(make_front(FRONT), limits=limits))
    assert not picture.paths("#a33")
    assert any(text.startswith("limits: file size 4 MB, memory 75 kB; bars: one") for text in picture.texts)
