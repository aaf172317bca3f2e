"""`Family`: what a search for a family found."""

import dataclasses
from collections.abc import Mapping

from ofa_tf.search.front.measured_front import FrontPoint
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.prediction import noise_of_difference


@dataclasses.dataclass(frozen=True)
class Family:
    """Subnets for several budgets that share their widths.

    Args:
        members: From the cheapest to the costliest, all measured; of these, none is better in one objective
            without being worse in the other.
        others: What else the search measured.
        file_bytes: Predicted size of the file of all members.
        predictor: Fitted to all that was measured.
        num_measured: How many subnets the search measured.
        max_measured: How many it was allowed to measure.
        margins: By the names of the limited costs that have one, see `Constraint`.
    """

    members: tuple[FrontPoint, ...]
    others: tuple[FrontPoint, ...]
    file_bytes: int
    predictor: FittedPredictor
    num_measured: int
    max_measured: int
    margins: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def noise_of_difference(self) -> float:
        """By how much measured accuracies of two archs differ by chance at most, in 9 of 10 cases."""
        return noise_of_difference(self.predictor.table.noise_std)
