"""The sections of predicted accuracies, of the training and of the shipped models."""

from collections.abc import Sequence
from typing import Any

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.numbers_in_words import points_in_words
from ofa_tf.report.page import words
from ofa_tf.report.page.contents import AccuracyReport, MeasuredLatency, ModelReport, Note, PhaseReport, Section
from ofa_tf.report.page.figures import (
    MAX_DRAWN_POINTS,
    draw_accuracies,
    draw_accuracy_curves,
    draw_loss_curve,
)
from ofa_tf.report.page.markup import Markup, element, join, make_command, make_facts, make_table
from ofa_tf.report.page.pieces_of_page import make_details, make_figure, make_section
from ofa_tf.report.predictor_summary import judge_predictor
from ofa_tf.search.predictors.cross_validation import PredictorQuality

_ABOUT_PREDICTIONS = (
    "A search looks at far more subnets than can be measured, so it asks an accuracy predictor. Here it predicts each "
    "subnet of the accuracy table from the others, without having seen it (cross-validation)."
)
_ABOUT_TRAINING = (
    "All subnets share the weights of one supernet. The accuracies are those of its smallest and its largest subnet on "
    "images held out of the training; the dotted lines are between phases."
)
_ABOUT_LOSS = (
    "Training loss, mean of each epoch. Phases learn from different targets, so that it is only compared within one."
)
_ABOUT_MODELS = (
    "Before a model gets its name, a gate compares it with the network that it was made from, on validation images; "
    "only what passes is written. The accuracies below are of test images, which decide nothing."
)
_HEADINGS_OF_PHASES = (
    "phase",
    "epochs",
    "training loss",
    "accuracy, training images",
    "accuracy, smallest subnet",
    "accuracy, largest subnet",
    "images/s",
)
# Tell apart latencies of one device and number of threads; shown where they differ, as they make the table wide.
_SHOWN_WHERE_THEY_DIFFER = {
    "model": "{}",
    "abi": "{}",
    "runtime": "{}",
    "delegate": "{}",
    "cpu_mask": "cores {}",
}
_HEADINGS_OF_MODELS = (
    "model",
    "quantization, target",
    "image size",
    "accuracy",
    "the network's",
    "same class as it",
    "largest error of logits",
    "latency, measured",
    "on",
    "file size",
    "memory",
    "partitions",
    "remedies",
)


def make_predictions_section(accuracy: AccuracyReport | None, notes: Sequence[Note]) -> Markup:
    """The section of predicted accuracies.

    Args:
        accuracy: What the accuracy table and its predictor say; `None` where there is none.
        notes: What is missing.
    """
    content: list[Markup] = []
    if accuracy is not None:
        figure = make_figure(draw_accuracies(accuracy), _describe_accuracies(accuracy))
        content.append(element("div", figure, _judge(accuracy), class_="cards"))
    return make_section(Section.PREDICTIONS, _ABOUT_PREDICTIONS, notes, *content)


def _describe_accuracies(accuracy: AccuracyReport) -> str:
    number = len(accuracy.measured_top1)
    text = f"Predicted against measured top-1 accuracy of {number:,} subnets; bars: one standard deviation."
    if number > MAX_DRAWN_POINTS:
        text += f" {MAX_DRAWN_POINTS:,} of them are drawn; the errors are those of all."
    return text


def _judge(accuracy: AccuracyReport) -> Markup:
    quality = accuracy.quality
    order = words.UNKNOWN
    if quality.kendall_tau is not None:
        order = f"{(1 + quality.kendall_tau) / 2:.0%}"
    subnets = f"{quality.num_archs:,}, each on {accuracy.num_images:,} images"
    return make_facts(
        [
            ("Accuracy predictor", accuracy.predictor),
            ("Subnets", subnets),
            ("Error of predictions (RMSE)", f"{points_in_words(quality.rmse)} points"),
            ("of which noise of the measurements", f"{points_in_words(quality.noise_std)} points"),
            ("Error of who always predicts the mean", f"{points_in_words(quality.spread)} points"),
            ("Is the predictor better than that?", _compare_with_mean(quality)),
            ("Pairs of subnets in the right order", order),
            ("Measurements within the 90% error bars", words.percent(quality.coverage)),
        ]
    )


def _compare_with_mean(quality: PredictorQuality) -> str:
    verdict = judge_predictor(quality.rmse, quality.spread)
    if verdict is None:
        return "yes"
    return f"{verdict}: chance decides which subnets are found"


def make_training_section(phases: Sequence[PhaseReport], notes: Sequence[Note], logs_command: str = "") -> Markup:
    """The section of the training.

    Args:
        phases: How each went.
        notes: What is missing.
        logs_command: Shows the logs; empty where there are none.
    """
    content: list[Markup] = []
    told = [phase for phase in phases if phase.history]
    if told:
        accuracies = make_figure(draw_accuracy_curves(told), "Top-1 accuracy after each epoch.")
        loss = make_figure(
            draw_loss_curve(told),
            _ABOUT_LOSS,
        )
        content.append(element("div", accuracies, loss, class_="cards"))
        content.append(make_details("All phases as a table", _tabulate_phases(told)))
    if logs_command:
        content.append(make_details("More curves, in TensorBoard", make_command(logs_command)))
    return make_section(Section.TRAINING, _ABOUT_TRAINING, notes, *content)


def _tabulate_phases(phases: Sequence[PhaseReport]) -> Markup:
    rows = []
    for phase in phases:
        last = phase.history[-1]
        epochs = f"{len(phase.history)}"
        if not phase.is_finished:
            epochs += f" of {phase.num_epochs}"
        rows.append(
            (
                phase.name,
                epochs,
                _number(last.get("loss"), "{:.3f}"),
                words.percent(last.get("accuracy")),
                words.percent(last.get("smallest_top1")),
                words.percent(last.get("largest_top1")),
                _number(last.get("images_per_second"), "{:,.0f}"),
            )
        )
    return make_table("Phases, each after its last epoch", _HEADINGS_OF_PHASES, rows)


def make_models_section(models: Sequence[ModelReport], notes: Sequence[Note]) -> Markup:
    """The section of the shipped models.

    Args:
        models: What each is, and what its gate said.
        notes: What is missing.
    """
    content: list[Markup] = []
    if models:
        rows = [_describe_model(model) for model in models]
        caption = (
            f"Shipped models; accuracies on {_count_images(models)} with one standard error in percentage points, "
            "latencies with the 95% interval of their median"
        )
        content.append(make_table(caption, _HEADINGS_OF_MODELS, rows))
    return make_section(Section.MODELS, _ABOUT_MODELS, notes, *content)


def _count_images(models: Sequence[ModelReport]) -> str:
    """On how many images the gates looked."""
    counts = set()
    for model in models:
        if model.accuracy is not None:
            counts.add(model.accuracy.num_images)
    if len(counts) != 1:
        return "the images of their gates"
    return f"{counts.pop():,} test images"


def _describe_model(model: ModelReport) -> tuple[Any, ...]:
    return (
        model.file,
        f"{model.quantization}, {model.target}",
        f"{model.image_size} px",
        words.accuracy(model.accuracy),
        words.percent(model.reference_top1),
        words.percent(model.agreement),
        _number(model.max_relative_error, "{:.2g}"),
        _stack([_describe_latency(measured) for measured in model.latencies]),
        _stack([describe_place(measured, model.latencies) for measured in model.latencies]),
        words.cost("size_bytes", model.size_bytes),
        words.cost("peak_ram_bytes", model.peak_ram_bytes),
        _number(model.num_partitions, "{}"),
        "; ".join(model.remedies) or "none",
    )


def _stack(lines: Sequence[str]) -> Markup | str:
    """Lines in one cell of a table. Cells do not wrap, so that those of neighbours stand beside each other."""
    if not lines:
        return words.UNKNOWN
    return join([element("div", line) for line in lines])


def _describe_latency(measured: MeasuredLatency) -> str:
    text = words.milliseconds(measured.latency_ms)
    if measured.low_ms is not None and measured.high_ms is not None:
        text += f" ({measured.low_ms:.3g} to {measured.high_ms:.3g})"
    if measured.doubt is not None:
        text += f", doubtful: {measured.doubt}"
    return text


def describe_place(measured: MeasuredLatency, all_measured: Sequence[MeasuredLatency]) -> str:
    """Where a latency was measured, and whatever else tells it from the model's others.

    Args:
        measured: The latency.
        all_measured: All of the model.
    """
    texts = [measured.device or words.UNKNOWN]
    if measured.num_threads is not None:
        texts.append(count_in_words(measured.num_threads, "thread"))
    alike = []
    for other in all_measured:
        if (other.device, other.num_threads) == (measured.device, measured.num_threads):
            alike.append(other.facts)
    for name, form in _SHOWN_WHERE_THEY_DIFFER.items():
        value = measured.facts.get(name)
        differs = any(facts.get(name) != value for facts in alike)
        if differs and value is not None:
            texts.append(form.format(value))
    return ", ".join(texts)


def _number(value: float | None, form: str) -> str:
    if value is None:
        return words.UNKNOWN
    return form.format(value)
