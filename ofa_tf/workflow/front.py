"""A search for a front, from tables that were measured before, and its file."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.report.cost_limit import CostLimit
from ofa_tf.report.front_plot import front_svg, is_front_svg
from ofa_tf.report.front_words import front_in_words, stop_reason_in_words
from ofa_tf.report.predictor_summary import models_in_words
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.constraints import make_constraint
from ofa_tf.search.family.measured_family import Family
from ofa_tf.search.front.measured_front import Front, FrontPoint
from ofa_tf.search.front_search import FrontSearch, FrontSettings, check_above_0
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow.archs_request import ArchsRequest
from ofa_tf.workflow.search import Measurers, SearchSettings, cost_context

_MAX_COSTS = 2


@dataclasses.dataclass(frozen=True)
class FrontRequest(ArchsRequest):
    """Which front is searched; for the other arguments see `ArchsRequest`.

    Args:
        costs: One or two.
        search: How many finalists there are plays no part.
        settings: How long to search.

    Raises:
        InputError: If there are no costs, more than two, or one that is not known.
    """

    settings: FrontSettings = dataclasses.field(default_factory=FrontSettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(set(self.costs)) == len(self.costs) <= _MAX_COSTS:
            raise InputError(
                "Expected one or two different costs of a front (--front_costs). "
                f"Received: {', '.join(self.costs) or 'none'}. Name them, separated by a comma, or leave the flag out."
            )


def search_front(
    request: FrontRequest,
    num_classes: int,
    *,
    predictor: FittedPredictor,
    latency_model: LatencyModel | None,
    measurers: Measurers,
) -> Front:
    """Search for a front.

    Args:
        request: Which one.
        num_classes: Number of classes.
        predictor: Predicts accuracies; fitted to measured subnets.
        latency_model: Of the device whose latency counts; `None` if none does.
        measurers: Measure the proposals, and the front.

    Raises:
        InputError: If latency counts and there is no model, or not even the smallest subnet is within the limits.
    """
    space = predictor.table.space
    context = cost_context(space, num_classes, request.search.form, latency_model)
    constraints = request.constraints(context, latency_model)
    costs = {}
    exact_costs = {}
    for name in request.costs:
        cost = make_constraint(context, name)
        costs[name] = cost.measure
        exact_costs[name] = cost.measure_exactly

    search = FrontSearch(space, predictor, costs, constraints, request.settings, exact_costs)
    with contextlib.ExitStack() as bars:
        bar = bars.enter_context(progress_bar(None, "front", "subnet"))
        report = _Reports(measurers.report, bars)
        front = search.run(measurers.choose, report, on_measured=on_progress(bar))
        bar.set_postfix_str(stop_reason_in_words(front.stop_reason))
    return front


class _Reports:
    """Measures what is reported of a front, with a bar from the first subnet on.

    Args:
        measure: Measures a subnet.
        bars: Closes the bar.
    """

    def __init__(self, measure: Callable[[Arch], AccuracyCount], bars: contextlib.ExitStack) -> None:
        self._measure = measure
        self._bars = bars
        self._bar: tqdm | None = None

    def __call__(self, arch: Arch) -> AccuracyCount:
        if self._bar is None:
            self._bar = self._bars.enter_context(progress_bar(None, "reports of the front", "subnet"))
        measured = self._measure(arch)
        self._bar.update()
        return measured


def check_costs(
    costs: Sequence[str],
    form: ModelForm,
    num_classes: int,
    *,
    table: AccuracyTable,
    latency_model: LatencyModel | None,
) -> None:
    """Check, without loading TensorFlow, that costs can be told, and have logarithms.

    Args:
        costs: Names of the costs.
        form: Of the models.
        num_classes: Number of classes.
        table: The accuracy table, whose archs are looked at beside the largest one.
        latency_model: See `search_front`.

    Raises:
        InputError: If what a cost depends on is not there, or a cost is not above 0.
    """
    space = table.space
    context = cost_context(space, num_classes, form, latency_model)
    genes = np.concatenate([space.encode([space.largest()]), table.genes])
    for name in costs:
        cost = make_constraint(context, name)
        # What is quick to compute is never too high.
        is_doubtful = ~(np.asarray(cost.measure(genes), float) > 0)
        if is_doubtful.any():
            check_above_0(name, np.asarray(cost.measure_exactly(genes[is_doubtful]), float))


def check_front_output(path: str | Path) -> None:
    """Check that a front can be written, and its plot beside it.

    Raises:
        InputError: If the file does not end in `.json`, or one of both cannot be written, or would replace what is no
            front, or no plot of one.
    """
    files.check_output(path)
    files.check_replaceable(path, "front")
    if holds_archs(path, of_family=True):
        raise InputError(
            f"Expected {path} to be free, or an older front. Received: a family; it is not replaced. Choose another "
            "--output, or move it away."
        )
    _check_plot_replaceable(plot_path(path))


def holds_archs(path: str | Path, *, of_family: bool) -> bool:
    """Whether a file holds a family, or, if that is not asked for, a front: both are of the same kind."""
    try:
        document = files.read_json(path, "front")
    except InputError:
        return False
    return "entries" in document and ("family" in document) == of_family


def plot_path(path: str | Path) -> Path:
    """Where the plot of a front goes.

    Args:
        path: File of the front, which ends in `.json`. So no two fronts have one plot.

    Raises:
        InputError: If it has another ending.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise InputError(
            f"Expected the file of a front to end in .json. Received: --output={path}. Name it {path.name}.json."
        )
    return path.with_suffix(".svg")


def _check_plot_replaceable(plot: Path) -> None:
    """Check that what a plot would replace is a plot of a front, too."""
    if not plot.exists():
        return
    if plot.is_dir():
        received = "a folder"
    elif not plot.is_file():
        received = "a device, pipe or socket"
    else:
        text = plot.read_text(encoding="utf-8", errors="replace")
        if not text or is_front_svg(text):
            return
        received = "a file that this program did not write"
    raise InputError(
        f"Expected {plot} to be free, or an older plot of a front. Received: {received}; it is not replaced. "
        "Choose another --output, or move it away."
    )


def save_front(
    front: Front,
    path: str | Path,
    request: FrontRequest,
    costs: Sequence[SubnetCosts],
    *,
    device: str,
    latency_table: str | None = None,
) -> None:
    """Write a front as JSON, and a plot of it beside that.

    Args:
        front: The front.
        path: File of the JSON; that of the plot is `plot_path`.
        request: What was asked for.
        costs: Of each arch of `front.best`, in order.
        device: Id of the device of the latencies.
        latency_table: The device's table; `None` for the run's own.

    Raises:
        InputError: If the file does not end in `.json`, or one of both would replace what is no front, or no plot of
            one.
    """
    path = Path(path)
    plot = plot_path(path)
    _check_plot_replaceable(plot)
    others = [point for point in front.points if not point.is_on_front]
    entries = []
    for point, costs_of_point in zip(front.best, costs, strict=True):
        entries.append({**describe_point(point), **costs_of_point.to_dict()})
    payload = {
        "device": device,
        "latency_table": latency_table,
        "limits": request.limits_by_name,
        **describe_search(request.search, front),
        "hypervolumes": list(front.hypervolumes),
        "entries": entries,
        "other_measurements": [describe_point(point) for point in others],
    }
    files.write_json(path, "front", payload)
    picture = _draw(front, request, path.name, device)
    files.write_bytes(plot, picture.encode())


def describe_search(settings: SearchSettings, found: Front | Family) -> dict[str, Any]:
    """What a file says of the search that found several archs, as JSON-serialisable data."""
    return {
        "target": settings.target,
        "precision": settings.precision,
        "input_type": settings.input_type,
        "accuracy_precision": settings.measured_precision,
        "confidence": settings.confidence,
        "latency_margin": found.margins.get("latency_ms", 0.0),
        "predictor": found.predictor.name,
        "predictor_quality": found.predictor.quality.to_dict(),
        "num_measured": found.num_measured,
    }


def _draw(front: Front, request: FrontRequest, file_name: str, device: str) -> str:
    """The plot of a front that was written to a file."""
    drawn_of = f"Front of {front.predictor.table.space.name}"
    if request.needs_latency:
        drawn_of += f" on {device}"
    limits = {}
    for name, limit in request.limits_by_name.items():
        limits[name] = CostLimit(limit, front.margins.get(name, 0.0))
    models = models_in_words(front.predictor, request.search.precision, request.search.target)
    return front_svg(
        front,
        request.costs,
        title=f"{drawn_of}, {models}: {front_in_words(front, limits)}",
        file_name=file_name,
        limits=limits,
    )


def describe_point(point: FrontPoint) -> dict[str, Any]:
    """What is known of a measured arch, as JSON-serialisable data."""
    facts: dict[str, Any] = {
        "arch": point.arch.to_dict(),
        "is_found": point.is_found,
        "predicted_top1": point.predicted_top1,
        "predicted_standard_deviation": point.predicted_std,
        "measured_search_top1": point.measured.top1,
        "measured_search_standard_error": point.measured.standard_error,
        "num_search_images": sum(point.measured.num_images),
        "estimated_top1": point.estimated_top1,
        "estimated_standard_deviation": point.estimated_std,
        "costs": point.costs,
    }
    if point.reported is not None:
        facts["reported_top1"] = point.reported.top1
        facts["reported_standard_error"] = point.reported.standard_error
        facts["num_report_images"] = sum(point.reported.num_images)
    return facts
