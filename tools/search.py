"""Finds the most accurate subnets within limits, without training; or the front of accuracy against costs.

Needs an accuracy table and, for --max_latency_ms, a latency table of the device. Several limits, devices or latency
tables, separated by commas, make several searches, whose archs go into the folder --output. No subnet is measured
twice.

Example:
    python tools/search.py --workdir=runs/quickstart --precision=int8 --max_latency_ms=0.5 --output=arch.json
    python tools/search.py --workdir=runs/quickstart --max_latency_ms=0.2,0.5,1 --output=found
    python tools/search.py --workdir=runs/quickstart --device=host,adb:SERIAL --max_latency_ms=0.5,1 --output=found
    python tools/search.py --workdir=runs/quickstart --latency_table=one.json,two.json --max_latency_ms=1 --output=found
    python tools/search.py --workdir=runs/quickstart --front --output=front.json
    python tools/search.py --workdir=runs/quickstart --family=3 --precision=int8 --output=family.json

In a front there is, for each latency (or other cost, --front_costs), the most accurate subnet that the search knows of.
front.svg, beside the file, shows it. Several devices or tables have a front each. A family is a few subnets for
different budgets that have the same widths, so that one file of all takes little more than the largest of them.

In a folder, an arch's file is named for device and limits (host_latency_ms_0.5.json), a front's for the device
(front_host.json), a family's likewise (family_host.json); of a device with several tables, for the table, too
(host_two_latency_ms_1.json).
"""

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.base.numbers_in_words import limits_in_words
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.devices.opening import kind_of
from ofa_tf.report.family_table import describe_family
from ofa_tf.report.front_table import describe_front
from ofa_tf.report.predictor_summary import describe_predictor
from ofa_tf.report.search_summary import describe_search
from ofa_tf.report.searches_table import FinishedSearch, describe_searches
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.constrained_search import SearchResult
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.search.constraints import Limits, check_any_limit
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.family_search import FamilySettings
from ofa_tf.search.front_search import FrontSettings
from ofa_tf.search.limit_flags import define_limit_flags, limits_from_flags
from ofa_tf.search.predictors.fitted_predictor import FittedPredictor
from ofa_tf.search.predictors.predictor_registry import AUTOMATIC, PREDICTORS
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.graph.input_format import INPUT_TYPES, NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU, target_help
from ofa_tf.tflite.quantization.precisions import PRECISIONS
from ofa_tf.workflow.family import FamilyRequest, save_family
from ofa_tf.workflow.found_costs import save_and_measure
from ofa_tf.workflow.front import FrontRequest, plot_path, save_front
from ofa_tf.workflow.many_searches import (
    PlannedSearch,
    SearchedDevice,
    check_devices,
    check_each,
    compare_devices,
    plan_fronts,
    plan_searches,
)
from ofa_tf.workflow.next_commands import NextCommands
from ofa_tf.workflow.run import Run, open_run
from ofa_tf.workflow.search import SearchSettings
from ofa_tf.workflow.table_checks import announce_other_hardware, opened

define_limit_flags()
define_plugins_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_DEVICE = flags.DEFINE_list("device", ["host"], "Devices of the latencies, such as host,adb:SERIAL.")
_LATENCY_TABLES = flags.DEFINE_list(
    "latency_table",
    [],
    "Latency tables: several of one device, or one for each of --device, in that order. By default, and where one is "
    "left empty (A,,C), that in the folder of the run.",
)
_TARGET = flags.DEFINE_string("target", CPU.name, target_help())
_PRECISION = flags.DEFINE_string("precision", "float32", f"Precision of the shipped model: {', '.join(PRECISIONS)}.")
_INPUT_TYPE = flags.DEFINE_enum(
    "input_type",
    NORMALIZED,
    INPUT_TYPES,
    "What the shipped model takes, as for tools/to_tflite.py: its latency includes what makes normalised images of it.",
)
_GENERATIONS = flags.DEFINE_integer("num_generations", 500, "Generations of the evolution.")
_POPULATION = flags.DEFINE_integer("population_size", 100, "Size of its population.")
_FINALISTS = flags.DEFINE_integer(
    "num_finalists", 6, "Archs found that are measured; 0: trust predictions.", lower_bound=0
)
_PREDICTOR = flags.DEFINE_string(
    "predictor",
    AUTOMATIC,
    f"What predicts accuracies: {', '.join(PREDICTORS)}, or {AUTOMATIC}: the best of those for tables of this size.",
)
_PESSIMISM = flags.DEFINE_float(
    "pessimism",
    0.0,
    "Standard deviations by which predicted accuracies are lowered in the search. In simulated searches none above 0 "
    "found better archs.",
    lower_bound=0.0,
)
_SHIPPED_ARCHS = flags.DEFINE_integer(
    "num_shipped_archs",
    8,
    "With an integer precision, archs of the accuracy table that are measured as they are shipped, for a "
    "correction; finalists are, too. 0: measure in float32, which is faster.",
    lower_bound=0,
)
_CONFIDENCE = flags.DEFINE_float(
    "confidence",
    None,
    "Share of random networks, above 0 and below 1, such as 0.9, that keep a limit of the latency: predictions get a "
    "margin from the errors of the latency model on networks that it was not calibrated on. A table with n of those "
    "is enough for n / (n + 1). By default no margin.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Decides every random choice.", lower_bound=0)
_FRONT = flags.DEFINE_bool(
    "front",
    False,
    "Find the front of accuracy against costs, of each device and table; limits may be left out, and have one value.",
)
_FRONT_COSTS = flags.DEFINE_list(
    "front_costs",
    ["latency_ms"],
    f"With --front, one or two costs, with --family one: {', '.join(CONSTRAINT_KINDS)}.",
)
_FAMILY = flags.DEFINE_integer(
    "family",
    None,
    "Find so many subnets for different budgets that have the same widths, and so take little more than the largest of "
    "them in one file (tools/to_tflite.py --elastic); in int8.",
    lower_bound=2,
)
_MAX_FAMILY_BYTES = flags.DEFINE_float(
    "max_family_bytes", None, "With --family, largest size of the file of all, bytes.", lower_bound=1.0
)
_MEASUREMENTS = flags.DEFINE_integer(
    "num_measurements",
    None,
    f"Subnets measured at most, with --front ({FrontSettings.num_measurements} by default) or --family "
    f"({FamilySettings.num_measurements}).",
    lower_bound=1,
)
_MEASURE_FOUND = flags.DEFINE_bool(
    "measure_found",
    None,
    "Measure the latency of what is found on the device, which takes seconds. By default on this computer only.",
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "JSON file for the arch or the front; a folder for several.", required=True
)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    all_limits = limits_from_flags()
    settings = SearchSettings(
        precision=_PRECISION.value,
        evolution=EvolutionSettings(_POPULATION.value, _GENERATIONS.value),
        num_finalists=_FINALISTS.value,
        seed=_SEED.value,
        predictor=_PREDICTOR.value,
        pessimism=_PESSIMISM.value,
        num_shipped_archs=_SHIPPED_ARCHS.value,
        confidence=_CONFIDENCE.value,
        target=_TARGET.value,
        input_type=_INPUT_TYPE.value,
    )
    _check_flags(all_limits, settings)
    run = open_run(_WORKDIR.value)
    if _FRONT.value:
        _find_fronts(run, all_limits, settings)
    elif _FAMILY.value is not None:
        _find_families(run, all_limits, settings)
    else:
        _find_archs(run, all_limits, settings)


def _check_flags(all_limits: list[Limits], settings: SearchSettings) -> None:
    """Check that devices are named once, and that every flag that was given has an effect."""
    check_devices(_DEVICE.value, _LATENCY_TABLES.value)
    for device in _DEVICE.value:
        kind_of(device)  # raises for an unknown one
    is_latency_limited = any(limits.latency_ms is not None for limits in all_limits)
    is_integer = settings.form.mode.rounds_to_integers
    check_has_effect = command_line.check_has_effect
    finds_family = _FAMILY.value is not None
    finds_several = _FRONT.value or finds_family
    if _FRONT.value and finds_family:
        raise InputError("Expected --front or --family. Received: both. Call the program once for each.")
    check_has_effect(_FINALISTS, not finds_several, "without --front or --family, which measure --num_measurements")
    check_has_effect(
        _FRONT_COSTS, finds_several, "with --front or --family", advice="Add one of them, or leave it out."
    )
    check_has_effect(_MEASUREMENTS, finds_several, "with --front or --family; other searches measure --num_finalists")
    check_has_effect(_MAX_FAMILY_BYTES, finds_family, "with --family")
    for flag in (_GENERATIONS, _POPULATION, _PESSIMISM):
        check_has_effect(flag, not finds_family, "without --family, which has a search of its own")
    check_has_effect(_CONFIDENCE, is_latency_limited, "with --max_latency_ms, which gets its margin")
    check_has_effect(_SHIPPED_ARCHS, is_integer, "with an integer --precision, such as int8")
    if not finds_several:
        check_any_limit(all_limits)


def _find_archs(run: Run, all_limits: list[Limits], settings: SearchSettings) -> None:
    plans = plan_searches(_DEVICE.value, all_limits, _OUTPUT.value, _LATENCY_TABLES.value)
    check_each(plans, lambda plan: run.check_search(plan.limits, plan.device, settings, plan.latency_table))
    _start(plans, settings)
    predictor = _fit_predictor(run, settings)
    results = []
    finished = []
    for plan in plans:
        found = run.search(plan.limits, plan.device, settings, plan.latency_table, predictor)
        # What one search has measured, the next ones know.
        predictor = found.known or predictor
        costs = _save_found(run, plan, found, settings)
        print()
        if len(plans) > 1:
            print(f"--- {plan.name}, {limits_in_words(plan.limits.by_name)}")
        print(describe_search(found, costs))
        _tell_what_is_next(plan.output, found, settings)
        results.append(found)
        finished.append(FinishedSearch(plan.name, found, costs, str(plan.output)))
    if len(plans) > 1:
        print(f"\n{describe_searches(finished)}")
    comparison = compare_devices(run, plans, results, settings)
    if comparison is not None:
        print(f"\n{comparison}")


def _find_fronts(run: Run, all_limits: list[Limits], settings: SearchSettings) -> None:
    request = FrontRequest(
        costs=tuple(_FRONT_COSTS.value),
        limits=_only_limits(all_limits),
        search=settings,
        settings=FrontSettings(
            _num_measurements(FrontSettings.num_measurements),
            evolution=settings.evolution,
            seed=settings.seed,
            pessimism=settings.pessimism,
        ),
    )
    plans = plan_fronts(_DEVICE.value, _OUTPUT.value, _LATENCY_TABLES.value)
    check_each(plans, lambda plan: run.check_front(request, plan.device, plan.latency_table))
    _start(plans, settings)
    predictor = _fit_predictor(run, settings)
    for plan in plans:
        front = run.front(request, plan.device, plan.latency_table, predictor)
        predictor = front.predictor
        save = functools.partial(
            save_front,
            front,
            plan.output,
            request,
            device=plan.device,
            latency_table=plan.latency_table,
        )
        costs = _save_and_measure(run, [point.arch for point in front.best], plan, settings, save)
        print()
        if len(plans) > 1:
            print(f"--- {plan.name}")
        print(describe_front(front, costs, request.limits_by_name, settings.precision, settings.target))
        print(f"\nwritten to {plan.output}, with a plot in {plot_path(plan.output).name}")
        print(f"Next, for example for number 0: {_next_commands(settings).export(plan.output, 0)}", flush=True)


def _find_families(run: Run, all_limits: list[Limits], settings: SearchSettings) -> None:
    request = FamilyRequest(
        settings=FamilySettings(
            num_members=_FAMILY.value,
            max_file_bytes=_MAX_FAMILY_BYTES.value,
            num_measurements=_num_measurements(FamilySettings.num_measurements),
            seed=settings.seed,
        ),
        costs=tuple(_FRONT_COSTS.value),
        limits=_only_limits(all_limits),
        search=settings,
    )
    plans = plan_fronts(_DEVICE.value, _OUTPUT.value, _LATENCY_TABLES.value, of_families=True)
    check_each(plans, lambda plan: run.check_family(request, plan.device, plan.latency_table))
    _start(plans, settings)
    predictor = _fit_predictor(run, settings)
    for plan in plans:
        family = run.family(request, plan.device, plan.latency_table, predictor)
        predictor = family.predictor
        save = functools.partial(
            save_family,
            family,
            plan.output,
            request,
            device=plan.device,
            latency_table=plan.latency_table,
        )
        costs = _save_and_measure(run, [point.arch for point in family.members], plan, settings, save)
        print()
        if len(plans) > 1:
            print(f"--- {plan.name}")
        print(
            describe_family(
                family,
                costs,
                limits=request.limits_by_name,
                max_file_bytes=request.settings.max_file_bytes,
                precision=settings.precision,
                target=settings.target,
            )
        )
        print(f"\nwritten to {plan.output}")
        print(f"Next: {_next_commands(settings).export_elastic(plan.output)}", flush=True)


def _num_measurements(usual: int) -> int:
    """How many subnets a search for several archs may measure."""
    if _MEASUREMENTS.value is None:
        return usual
    return int(_MEASUREMENTS.value)


def _only_limits(all_limits: Sequence[Limits]) -> Limits | None:
    """The limits of a search for several archs; `None`: there are none.

    Raises:
        InputError: If a limit has several values.
    """
    if len(all_limits) > 1:
        received = ", ".join(limits.describe() for limits in all_limits)
        raise InputError(
            f"Expected one value of each limit with --front and --family. Received: {received}. Pass the largest: "
            "there are archs for the others, too."
        )
    return all_limits[0] if all_limits else None


def _start(plans: Sequence[SearchedDevice], settings: SearchSettings) -> None:
    """Say what is to be said of the devices, and load TensorFlow."""
    target = settings.form.target
    if target.delegates:  # else nothing is measured anywhere
        for device in dict.fromkeys(plan.device for plan in plans):
            announce_other_hardware(opened(device, target), target)
    configure_tensorflow()


def _fit_predictor(run: Run, settings: SearchSettings) -> FittedPredictor:
    """The accuracy predictor of all searches, after saying how good it is."""
    predictor = run.fit_predictor(settings)
    print(describe_predictor(predictor.name, predictor.quality, predictor.learning_curve()), flush=True)
    return predictor


def _save_found(run: Run, plan: PlannedSearch, found: SearchResult, settings: SearchSettings) -> SubnetCosts:
    """Write an arch that was found, and return what it costs."""

    def save(costs: Sequence[SubnetCosts]) -> None:
        notes = {**found.notes(), **costs[0].to_dict(), "latency_table": plan.latency_table}
        found.arch.save(plan.output, notes)

    (costs,) = _save_and_measure(run, [found.arch], plan, settings, save)
    return costs


def _save_and_measure(
    run: Run,
    archs: Sequence[Arch],
    plan: SearchedDevice,
    settings: SearchSettings,
    save: Callable[[Sequence[SubnetCosts]], None],
) -> list[SubnetCosts]:
    """Save what was found, with measured latencies if that is wanted and possible."""
    is_measured = _MEASURE_FOUND.value
    if is_measured is None:
        can_be_measured = bool(settings.form.target.delegates)
        is_measured = can_be_measured and kind_of(plan.device).is_always_at_hand
    return save_and_measure(
        run,
        archs,
        plan.device,
        settings.form,
        save,
        latency_table=plan.latency_table,
        is_measured=is_measured,
    )


def _tell_what_is_next(output: Path, found: SearchResult, settings: SearchSettings) -> None:
    """Say where an arch was written, and with which commands to go on."""
    commands = _next_commands(settings)
    print(f"\nwritten to {output}")
    if found.reported is None:
        print(f"To measure its accuracy, in float32: {commands.evaluate(output)}")
    print(f"Next: {commands.export(output)}", flush=True)


def _next_commands(settings: SearchSettings) -> NextCommands:
    return NextCommands(_WORKDIR.value, settings.form, flags.FLAGS["plugins"].value)


if __name__ == "__main__":
    command_line.run(main)
