"""A search within limits, from tables that were measured before."""

import dataclasses
from collections.abc import Callable

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.constrained_search import SearchResult, search_arch
from ofa_tf.search.constraint_kinds import CostContext
from ofa_tf.search.constraints import Constraint, Limits, make_constraints
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.finalists import FinalSettings
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.predictor_registry import AUTOMATIC, check_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.footprint import footprint_of_form
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU, ModelForm


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How a search is made.

    Args:
        precision: Name of the `Precision` of the shipped model, which latencies and sizes depend on.
        evolution: Size and length of the evolution, of each round.
        num_finalists: Archs found that are measured; 0: predictions are trusted.
        seed: Decides every random choice.
        predictor: Name of what predicts accuracies, one of `PREDICTORS`; `AUTOMATIC` for the one that
            cross-validation finds best.
        pessimism: By how many standard deviations predicted accuracies are lowered in the evolution.
        num_shipped_archs: In an integer precision, archs of the accuracy table that are measured as
            they are shipped, which corrects the table; finalists are measured so, too. 0: all is measured in float32.
        confidence: Probability with which a random network keeps a limit of the latency, see
            `LatencyModel.margin`; `None`: the prediction has to keep it. Of what a search picks near the limit,
            fewer do.
        target: Name of the `Target` of the shipped model.
        input_type: What it takes as an image, see `InputFormat`.

    Raises:
        InputError: If a number is negative, or there are no such models or no such predictor.
    """

    precision: str = "float32"
    evolution: EvolutionSettings = dataclasses.field(default_factory=EvolutionSettings)
    num_finalists: int = 6
    seed: int = 0
    predictor: str = AUTOMATIC
    pessimism: float = 0.0
    num_shipped_archs: int = 8
    confidence: float | None = None
    target: str = CPU.name
    input_type: str = NORMALIZED

    def __post_init__(self) -> None:
        _ = self.form  # raises if there is none
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
    def form(self) -> ModelForm:
        """The form of the shipped model."""
        return ModelForm.of_names(self.precision, self.target, self.input_type)

    @property
    def measures_shipped_models(self) -> bool:
        """Whether accuracies are those of quantized models; half precision is as accurate as single."""
        return self.form.mode.rounds_to_integers and self.num_shipped_archs > 0

    @property
    def measured_form(self) -> ModelForm:
        """The form of the models whose accuracies are measured."""
        if self.measures_shipped_models:
            return self.form
        return FLOAT32_ON_CPU

    @property
    def measured_precision(self) -> str:
        """Name of the `Precision` of the models whose accuracies are measured."""
        return self.measured_form.precision.name


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
    predictor: FittedPredictor,
    latency_model: LatencyModel | None,
    measurers: Measurers,
    settings: SearchSettings,
) -> SearchResult:
    """Find the most accurate arch within limits.

    Args:
        limits: What the arch must keep within.
        num_classes: Number of classes.
        predictor: Predicts accuracies; fitted to measured subnets.
        latency_model: Of the device whose latency is limited; `None` if none is.
        measurers: Measure the finalists and the winner.
        settings: How to search.

    Returns:
        The arch, with its accuracies and what it costs.

    Raises:
        InputError: If latency is limited without a model, not even the smallest
            subnet is within the limits, or the latency table is too small for the confidence.
    """
    space = predictor.table.space
    device = None
    if latency_model is not None:
        device = latency_model.table.device["device"]
    context = cost_context(space, num_classes, settings.form, latency_model)
    constraints = constraints_within(context, limits, latency_model, settings.confidence)
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
    confidence = None
    if limits.latency_ms is not None:
        confidence = settings.confidence
    return dataclasses.replace(
        found,
        device=device,
        target=settings.target,
        precision=settings.precision,
        input_type=settings.input_type,
        accuracy_precision=settings.measured_precision,
        latency_margin=max(constraint.margin for constraint in constraints),
        confidence=confidence,
        predictor=predictor,
    )


def cost_context(
    space: SearchSpace, num_classes: int, form: ModelForm, latency_model: LatencyModel | None
) -> CostContext:
    """What the costs of the subnets of a search depend on. Loads no TensorFlow.

    Args:
        space: Search space.
        num_classes: Number of classes.
        form: Form of the models that are shipped.
        latency_model: Of the device whose latency counts; `None` if none does.
    """
    predict_latency_ms = None
    if latency_model is not None:
        predict_latency_ms = latency_model.predict
    return CostContext(
        space=space,
        num_classes=num_classes,
        predict_latency_ms=predict_latency_ms,
        footprint=footprint_of_form(space, num_classes, form),
    )


def constraints_within(
    context: CostContext,
    limits: Limits,
    latency_model: LatencyModel | None,
    confidence: float | None,
) -> list[Constraint]:
    """The constraints of limits; that of the latency has the latency model's margin. Loads no TensorFlow.

    Args:
        context: See `cost_context`.
        limits: The limits.
        latency_model: Of the device whose latency is limited; `None` if none is.
        confidence: See `SearchSettings`.

    Raises:
        InputError: If latency is limited without a model, or its table is too small for the confidence.
    """
    margins = {}
    if limits.latency_ms is not None and latency_model is not None and confidence is not None:
        margins["latency_ms"] = latency_model.margin(confidence)
    return make_constraints(context, limits, margins)
