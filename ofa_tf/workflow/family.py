"""A search for a family, from tables that were measured before, and its file.

The file is one of a front, whose archs are the members, so that whatever takes a front takes a family, too.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.constraints import make_constraint
from ofa_tf.search.family.measured_family import Family
from ofa_tf.search.family_search import FamilySearch, FamilySettings
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.family_size import family_bytes
from ofa_tf.tflite.footprint.footprint import footprint_of_form
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow.archs_request import ArchsRequest
from ofa_tf.workflow.front import describe_point, describe_search, holds_archs
from ofa_tf.workflow.search import Measurers, SearchSettings, cost_context

_BITS_OF_SHARED_WEIGHTS = 8


@dataclasses.dataclass(frozen=True)
class FamilyRequest(ArchsRequest):
    """Which family is searched; for the other arguments see `ArchsRequest`.

    Args:
        costs: One, which budgets are of.
        search: Finalists, evolution, pessimism and seed play no part.
        settings: How many members, the limit of their file, and how long to search.

    Raises:
        InputError: If there is not one cost, or one that is not known, or such models share no weights.
    """

    search: SearchSettings = dataclasses.field(default_factory=lambda: SearchSettings(precision="int8"))
    settings: FamilySettings = dataclasses.field(default_factory=FamilySettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.costs) != 1:
            raise InputError(
                f"Expected one cost of a family (--front_costs). Received: {', '.join(self.costs) or 'none'}. "
                "Name the one that budgets are of."
            )
        if self.search.form.mode.weight_bits != _BITS_OF_SHARED_WEIGHTS:
            raise InputError(
                "Expected a family to be searched in a precision with int8 weights (--precision=int8). "
                f"Received: {self.search.precision}, in which batch normalization is part of the weights, so that "
                "subnets share few. Take int8, or --front."
            )


def check_family_output(path: str | Path) -> None:
    """Check that a family can be written.

    Raises:
        InputError: If the file does not end in `.json`, cannot be written, or would replace what is no family.
    """
    if Path(path).suffix != ".json":
        raise InputError(
            f"Expected the file of a family to end in .json. Received: --output={path}. Name it {Path(path).name}.json."
        )
    files.check_output(path)
    files.check_replaceable(path, "front")
    if holds_archs(path, of_family=False):
        raise InputError(
            f"Expected {path} to be free, or an older family. Received: a front; it is not replaced. Choose another "
            "--output, or move it away."
        )


def check_family_fits(request: FamilyRequest, space: SearchSpace, num_classes: int) -> None:
    """Check, without loading TensorFlow, that a family can keep the limit of its file.

    Raises:
        InputError: If not even the smallest subnet, as often as there are members, does.
    """
    limit = request.settings.max_file_bytes
    if limit is None:
        return
    smallest = [space.smallest()] * request.settings.num_members
    least = _file_size(space, num_classes, request.search.form)(smallest)
    if least > limit:
        raise InputError(
            f"Expected the limit of a family's file (--max_family_bytes) to be at least {least:,}, what "
            f"{request.settings.num_members} of the smallest subnets of {space.name} take. Received: {limit:,.0f}. "
            "Allow more, or fewer members (--family)."
        )


def search_family(
    request: FamilyRequest,
    num_classes: int,
    *,
    predictor: FittedPredictor,
    latency_model: LatencyModel | None,
    measurers: Measurers,
) -> Family:
    """Search for a family.

    Args:
        request: Which one.
        num_classes: Number of classes.
        predictor: Predicts accuracies; fitted to measured subnets.
        latency_model: Of the device whose latency counts; `None` if none does.
        measurers: Measure the members.

    Raises:
        InputError: If latency counts and there is no model, not even the smallest subnet is within the limits, or no
            family was found whose file is.
    """
    space = predictor.table.space
    form = request.search.form
    context = cost_context(space, num_classes, form, latency_model)
    constraints = request.constraints(context, latency_model)
    (cost_name,) = request.costs
    cost = make_constraint(context, cost_name)
    search = FamilySearch(
        space,
        predictor,
        cost_name,
        cost.measure,
        _file_size(space, num_classes, form),
        constraints,
        request.settings,
        exact_cost=cost.measure_exactly,
    )
    with progress_bar(None, "family", "subnet") as bar:
        return search.run(measurers.choose, measurers.report, on_measured=on_progress(bar))


def _file_size(space: SearchSpace, num_classes: int, form: ModelForm) -> Callable[[Sequence[Arch]], int]:
    """What computes the size of the elastic file of some archs."""
    footprint = footprint_of_form(space, num_classes, form)

    def file_size(archs: Sequence[Arch]) -> int:
        return family_bytes(space, footprint, form.mode, archs)

    return file_size


def save_family(
    family: Family,
    path: str | Path,
    request: FamilyRequest,
    costs: Sequence[SubnetCosts],
    *,
    device: str,
    latency_table: str | None = None,
) -> None:
    """Write a family as JSON.

    Args:
        family: The family.
        path: The file.
        request: What was asked for.
        costs: Of each member, in order.
        device: Id of the device of the latencies.
        latency_table: The device's table; `None` for the run's own.

    Raises:
        InputError: See `check_family_output`.
    """
    entries = []
    for point, costs_of_point in zip(family.members, costs, strict=True):
        entries.append({**describe_point(point), **costs_of_point.to_dict()})
    payload = {
        "device": device,
        "latency_table": latency_table,
        "limits": request.limits_by_name,
        **describe_search(request.search, family),
        "family": {"file_bytes": family.file_bytes, "max_file_bytes": request.settings.max_file_bytes},
        "entries": entries,
        "other_measurements": [describe_point(point) for point in family.others],
    }
    check_family_output(path)
    files.write_json(path, "front", payload)
