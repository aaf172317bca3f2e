"""A search within limits, from tables that were measured before."""

import dataclasses
from collections.abc import Callable

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraints import Constraint, Limits, check_feasible, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalSettings
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.search.predictors.predictor_registry import AUTOMATIC, check_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.quantization.modes import NOT_QUANTIZED
from ofa_tf.tflite.quantization.precisions import get_precision


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How a search is made.

    Args:
        precision: Precision of the shipped model, which latencies and sizes depend on.
        evolution: Size and length of the evolution, of each round.
        num_finalists: Archs found that are measured; 0: predictions are trusted.
        seed: Decides every random choice.
        predictor: Name of what predicts accuracies, one of `PREDICTORS`; `AUTOMATIC` for the one that
            cross-validation finds best.
        pessimism: By how many standard deviations predicted accuracies are lowered in the evolution.
        num_shipped_archs: In a precision other than float32, archs of the accuracy table that are measured as
            they are shipped, which corrects the table; finalists are measured so, too. 0: all is measured in float32.
        confidence: Probability with which a random network keeps a limit of the latency, see
            `LatencyModel.margin`; `None`: the prediction has to keep it. Of what a search picks near the limit,
            fewer do.

    Raises:
        InputError: If a number is negative, or there is no such precision or predictor.
    """

    precision: str = "float32"
    evolution: EvolutionSettings = dataclasses.field(default_factory=EvolutionSettings)
    num_finalists: int = 6
    seed: int = 0
    predictor: str = AUTOMATIC
    pessimism: float = 0.0
    num_shipped_archs: int = 8
    confidence: float | None = None

    def __post_init__(self) -> None:
        get_precision(self.precision)
        check_predictor(self.predictor)
        for name in ("num_finalists", "seed", "pessimism", "num_shipped_archs"):
            number = getattr(self, name)
            if not number >= 0:
                raise InputError(f"Expected `{name}` to be at least 0. Received: {name}={number}.")
        if self.confidence is not None and not 0 < self.confidence < 1:
            raise InputError(
                f"Expected `confidence` to be above 0 and below 1. Received: confidence={self.confidence}."
            )

    @property
    def measures_shipped_models(self) -> bool:
        """Whether accuracies are those of quantized models."""
        is_quantized = get_precision(self.precision).mode != NOT_QUANTIZED
        return is_quantized and self.num_shipped_archs > 0


@dataclasses.dataclass(frozen=True)
class Measurers:
    """How a search measures subnets.

    Args:
        choose: On the images of the accuracy table, by which finalists are chosen.
        report: On images that no choice depends on.
    """

    choose: Callable[[Arch], AccuracyCount]
    report: Callable[[Arch], AccuracyCount]


def search_within(
    limits: Limits,
    num_classes: int,
    *,
    accuracies: AccuracyTable,
    latency_model: LatencyModel | None,
    measurers: Measurers,
    settings: SearchSettings,
) -> SearchResult:
    """Find the most accurate arch within limits.

    Args:
        limits: What the arch must keep within.
        num_classes: Number of classes.
        accuracies: Measured subnets, from which others are predicted.
        latency_model: Of the device whose latency is limited; `None` if none is.
        measurers: Measure the finalists and the winner.
        settings: How to search.

    Returns:
        The arch, with its accuracies and what it costs.

    Raises:
        InputError: If latency is limited without a model, not even the smallest
            subnet is within the limits, or the latency table is too small for the confidence.
    """
    space = accuracies.space
    precision = get_precision(settings.precision)
    device = None
    if latency_model is not None:
        device = latency_model.table.device["device"]
    footprint = Footprint(space, num_classes, precision.mode)
    constraints = constraints_within(space, num_classes, limits, latency_model, footprint, settings.confidence)
    predictor = fit_predictor(accuracies, settings.predictor)
    with progress_bar(None, "search", "generation") as bar:
        final = None
        report = None
        if settings.num_finalists:
            report = measurers.report

            def measure_finalist(arch: Arch) -> AccuracyCount:
                bar.set_postfix_str(f"measuring a finalist at {arch.image_size} px")
                measured = measurers.choose(arch)
                bar.set_postfix_str("")
                return measured

            final = FinalSettings(measure_finalist, settings.num_finalists)
        found = search_arch(
            space,
            predictor,
            constraints,
            seed=settings.seed,
            settings=settings.evolution,
            pessimism=settings.pessimism,
            final=final,
            report=report,
            on_progress=on_progress(bar),
        )
    return dataclasses.replace(
        found,
        limits=limits.by_name,
        device=device,
        precision=settings.precision,
    )


def constraints_within(
    space: SearchSpace,
    num_classes: int,
    limits: Limits,
    latency_model: LatencyModel | None,
    footprint: Footprint,
    confidence: float | None,
) -> list[Constraint]:
    """The constraints of limits; that of the latency has the latency model's margin.

    Args:
        space: Search space.
        num_classes: Number of classes.
        limits: The limits.
        latency_model: Of the device whose latency is limited; `None` if none is.
        footprint: Of the models that are shipped.
        confidence: See `SearchSettings`.

    Raises:
        InputError: If latency is limited without a model, or its table is too small for the confidence.
    """
    predict_latency_ms = None
    margin = 0.0
    if latency_model is not None:
        predict_latency_ms = latency_model.predict
        margin = latency_margin(latency_model, confidence)
    constraints = make_constraints(
        space,
        num_classes,
        limits,
        predict_latency_ms=predict_latency_ms,
        footprint=footprint,
    )
    return [_tightened(constraint, margin) for constraint in constraints]


def check_latency_limit(
    space: SearchSpace, limit_ms: float, latency_model: LatencyModel, confidence: float | None
) -> None:
    """Check that the smallest subnet keeps a limit of the latency. Loads no TensorFlow.

    Raises:
        InputError: If it does not, or the latency table is too small for the confidence.
    """
    factor = 1 + latency_margin(latency_model, confidence)

    def latency_with_margin(genes: np.ndarray) -> np.ndarray:
        return np.asarray(latency_model.predict(genes)) * factor

    check_feasible(space, [Constraint("latency_ms", limit_ms, latency_with_margin)])


def latency_margin(latency_model: LatencyModel, confidence: float | None) -> float:
    """By which share of its prediction a latency is taken to be higher.

    Raises:
        InputError: If the latency table is too small for the confidence.
    """
    if confidence is None:
        return 0.0
    return latency_model.margin(confidence)


def _tightened(constraint: Constraint, margin: float) -> Constraint:
    """A constraint of the latency with a margin; any other as it is."""
    if constraint.name != "latency_ms":
        return constraint
    return dataclasses.replace(constraint, limit=constraint.limit / (1 + margin))
