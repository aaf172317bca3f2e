"""Who leads by an accuracy that was computed is measured: it may lose more in quantization than others."""

import dataclasses
from collections.abc import Callable

import numpy as np

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.space.arch import Arch


@dataclasses.dataclass
class CountedMeasurements:
    """Measures archs, and counts them.

    Args:
        measure: Measures one.
        most: How many there will be, at most.
        on_measured: Called with their number and `most`.
    """

    measure: Callable[[Arch], AccuracyCount]
    most: int
    on_measured: Callable[[int, int], None] | None
    done: int = 0

    @property
    def left(self) -> int:
        """How many more there may be."""
        return self.most - self.done

    def __call__(self, arch: Arch) -> AccuracyCount:
        measurement = self.measure(arch)
        self.done += 1
        if self.on_measured is not None:
            self.on_measured(self.done, self.most)
        return measurement


def measure_leaders(
    predictor: FittedPredictor,
    find_computed: Callable[[FittedPredictor], np.ndarray],
    measure: Callable[[Arch], AccuracyCount],
    max_measured: int,
) -> FittedPredictor:
    """Measure who leads by a computed accuracy, and who leads then, until nobody does.

    Args:
        predictor: Fitted to all that is known.
        find_computed: Predictor -> canonical genes of who leads by a computed accuracy, each once, `(n, num_genes)`.
        measure: Measures an arch on the images of the table.
        max_measured: How many are measured at most.

    Returns:
        The predictor, fitted to the measurements in the place of what was computed.
    """
    num_left = max_measured
    while num_left > 0:
        genes = find_computed(predictor)[:num_left]
        if len(genes) == 0:
            break
        measurements = [measure(arch) for arch in predictor.table.space.decode(genes)]
        predictor = predictor.refit(predictor.table.with_measured(genes, measurements))
        num_left -= len(genes)
    return predictor
