"""`Front`: what a search for a front found, and `FrontPoint`, a subnet of it."""

import dataclasses
import enum
from collections.abc import Mapping

from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.prediction import noise_of_difference
from ofa_tf.space.arch import Arch


class StopReason(enum.Enum):
    """Why a search for a front measured no more."""

    # It measured as many as it was allowed to.
    ALL_MEASURED = enum.auto()
    # The front no longer grew.
    NO_GAIN = enum.auto()
    # All that was proposed is measured.
    NOTHING_NEW = enum.auto()
    # What was left had been kept for subnets whose accuracies were computed, and none of them led in the end.
    KEPT_NOT_NEEDED = enum.auto()


@dataclasses.dataclass(frozen=True)
class FrontPoint:
    """A measured arch.

    Args:
        arch: In canonical form.
        is_found: Whether the search had it measured; the others are of the accuracy table.
        is_on_front: Whether no other one is better in one objective without being worse in another.
        predicted_top1: What the predictor says that was fitted without it.
        predicted_std: Its standard deviation, see `Prediction`.
        measured: What it gets right of the images that the accuracy table was measured on.
        estimated_top1: Prediction and measurement together.
        estimated_std: Its standard deviation, see `Prediction`.
        costs: Value of each cost, by its name.
        reported: What it gets right of images that no choice depended on; of archs on the front.
    """

    arch: Arch
    is_found: bool
    is_on_front: bool
    predicted_top1: float
    predicted_std: float
    measured: AccuracyCount
    estimated_top1: float
    estimated_std: float
    costs: dict[str, float]
    reported: AccuracyCount | None = None


@dataclasses.dataclass(frozen=True)
class Front:
    """What a search for a front found.

    Args:
        points: All archs that were measured and meet the constraints, in ascending order of the first cost.
        predictor: Fitted to all of them.
        num_measured: How many the search measured; what an earlier one measured, it may have taken from there.
        hypervolumes: Of the front of what was measured, by estimated accuracies, after each round; the first is that
            of the table, the last that of this front.
        max_measured: How many it was allowed to measure.
        stop_reason: Why it measured no more.
        quality_before: Of the predictor that the search began with; `predictor.quality` is that in the end.
        margins: By the names of the limited costs that have one, see `Constraint`.
    """

    points: tuple[FrontPoint, ...]
    predictor: FittedPredictor
    num_measured: int
    hypervolumes: tuple[float, ...]
    max_measured: int
    stop_reason: StopReason
    quality_before: PredictorQuality
    margins: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def noise_of_difference(self) -> float:
        """By how much measured accuracies of two archs differ by chance at most, in 9 of 10 cases."""
        return noise_of_difference(self.predictor.table.noise_std)

    @property
    def best(self) -> list[FrontPoint]:
        """The points on the front, in ascending order of the first cost."""
        return [point for point in self.points if point.is_on_front]
