import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from ofa_tf.report.scatter import scatter_svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


def _plot(measured: list[float], predicted: list[float]) -> ElementTree.Element:
    labels = {"measured_label": "measured, ms", "predicted_label": "predicted, ms"}
    return ElementTree.fromstring(scatter_svg(measured, predicted, title="a < b", **labels))


def _places(plot: ElementTree.Element) -> np.ndarray:
    return np.array(
        [[float(circle.get(axis, "")) for axis in ("cx", "cy")] for circle in plot.iter(f"{NAMESPACE}circle")]
    )


def test_every_network_is_a_point_inside_the_area() -> None:
    rng = np.random.default_rng(0)
    measured = rng.uniform(3, 47, 50)
    places = _places(_plot(list(measured), list(measured * rng.uniform(0.8, 1.2, 50))))
    assert places.shape == (50, 2)
    assert ((places >= 64) & (places <= 544)).all()
    assert (np.argsort(places[:, 0]) == np.argsort(measured)).all()


def test_perfect_predictions_lie_on_the_diagonal() -> None:
    places = _places(_plot([1.0, 2.5, 4.0], [1.0, 2.5, 4.0]))
    np.testing.assert_allclose(places.sum(axis=1), 2 * 64 + 480, atol=0.02)


@pytest.mark.parametrize(("low", "high"), [(0.013, 0.031), (2.0, 2.0), (8.0, 95.0), (0.5, 1400.0)])
def test_ticks_are_few_round_numbers_around_the_values(low: float, high: float) -> None:
    texts = [text.text or "" for text in _plot([low, high], [low, high]).iter(f"{NAMESPACE}text")]
    ticks = sorted({float(text.replace(",", "")) for text in texts if re.fullmatch(r"[\d.,]+", text)})
    assert 3 <= len(ticks) <= 9
    assert ticks[0] <= low
    assert ticks[-1] >= high
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0], rtol=1e-6)


def test_a_title_may_hold_any_characters() -> None:
    assert any("a < b" in (text.text or "") for text in _plot([1.0], [1.0]).iter(f"{NAMESPACE}text"))
