import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from ofa_tf.report.front_plot import front_svg
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.front_search import FrontSearch, FrontSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.costs import num_macs
from tests.support.simulated_accuracy import SimulatedSupernet
from tests.support.spaces import MICRO


def test_every_measured_arch_is_a_point_and_better_ones_are_higher() -> None:
    supernet = SimulatedSupernet(MICRO)
    settings = FrontSettings(4, evolution=EvolutionSettings(10, 5))

    def macs(genes: np.ndarray) -> np.ndarray:
        return np.asarray(num_macs(MICRO, genes, 10))

    search = FrontSearch(MICRO, fit_predictor(supernet.table(20), "linear"), {"macs": macs}, (), settings)
    front = search.run(supernet.measure)
    text = front_svg(front, "macs", "a front")
    ElementTree.fromstring(text)
    assert ">a front<" in text
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="3.5" fill="(#\w+)"', text)
    assert len(circles) == len(front.points)
    on_front = [(float(x), float(y)) for x, y, color in circles if color == "#1f5fa8"]
    assert len(on_front) == len(front.best)
    # Along a front accuracy rises with the cost: further right is further up, which is a smaller y.
    assert on_front == sorted(on_front, key=lambda point: (point[0], -point[1]))
    assert [y for _, y in on_front] == sorted((y for _, y in on_front), reverse=True)
