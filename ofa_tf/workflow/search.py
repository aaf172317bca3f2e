"""A search within limits, from tables that were measured before."""

import dataclasses
from collections.abc import Callable
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraints import Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalistSettings
from ofa_tf.search.predictors.predictor_registry import DEFAULT_PREDICTOR, fit_predictor, get_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.footprint.footprint import Footprint
from ofa_tf.tflite.quantization.precisions import get_precision


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How a search is made.

    Args:
        precision: Precision of the shipped model, which latencies and sizes depend on.
        evolution: Size and length of the evolution.
        num_finalists: Best archs that are measured; 0: predictions are trusted.
        seed: Decides every random choice.
        predictor: Name of what predicts accuracies, one of `PREDICTORS`.

    Raises:
        InputError: If a number is negative, or there is no such precision or predictor.
    """

    precision: str = "float32"
    evolution: EvolutionSettings = dataclasses.field(default_factory=EvolutionSettings)
    num_finalists: int = 5
    seed: int = 0
    predictor: str = DEFAULT_PREDICTOR

    def __post_init__(self) -> None:
        get_precision(self.precision)
        get_predictor(self.predictor)
        for name in ("num_finalists", "seed"):
            number = getattr(self, name)
            if number < 0:
                raise InputError(f"Expected `{name}` to be at least 0. Received: {name}={number}.")


def search_within(
    limits: Limits,
    num_classes: int,
    *,
    accuracies: AccuracyTable,
    latency_model: LatencyModel | None,
    measure: Callable[[Arch], float],
    settings: SearchSettings,
) -> SearchResult:
    """Find the most accurate arch within limits.

    Args:
        limits: What the arch must keep within.
        num_classes: Number of classes.
        accuracies: Measured subnets, from which others are predicted.
        latency_model: Of the device whose latency is limited; `None` if none is.
        measure: Gives the top-1 accuracy of a subnet, for the finalists.
        settings: How to search.

    Returns:
        The arch, with its accuracies and what it costs.

    Raises:
        InputError: If latency is limited without a model, or not even the smallest
            subnet is within the limits.
    """
    space = accuracies.space
    precision = get_precision(settings.precision)
    predict_latency_ms: Callable[[Any], Any] | None = None
    device = None
    if latency_model is not None:
        predict_latency_ms = latency_model.predict
        device = latency_model.table.device["device"]
    constraints = make_constraints(
        space,
        num_classes,
        limits,
        predict_latency_ms=predict_latency_ms,
        footprint=Footprint(space, num_classes, precision.mode),
    )
    finalists = None
    if settings.num_finalists:
        finalists = FinalistSettings(measure, settings.num_finalists, accuracies)
    predictor = fit_predictor(accuracies, settings.predictor)
    with progress_bar(1, "search", "generation") as bar:
        found = search_arch(
            space,
            predictor,
            constraints,
            seed=settings.seed,
            settings=settings.evolution,
            finalists=finalists,
            on_progress=on_progress(bar),
        )
    return dataclasses.replace(found, device=device, precision=settings.precision)
