"""Which models an export writes, checked before the work begins. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device_facts import shareable_name
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.litert.micro_arena import is_micro_installed
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import form_name
from ofa_tf.tflite.quantization.precisions import FLOAT32_PRECISION, PRECISIONS
from ofa_tf.tflite.shipping.elastic_file import check_elastic_replaceable
from ofa_tf.tflite.shipping.sidecar import check_model_replaceable, sidecar_path
from ofa_tf.workflow.arch_names import expand_folders, parse_archs, split_arch_text, stands_for_any_number

# What the sidecar of a model keeps of what the search wrote that found its arch.
_FACTS_OF_SEARCH = (
    "reported_top1",
    "reported_standard_error",
    "num_report_images",
    "limits",
    "device",
    "target",
    "precision",
    "input_type",
    "accuracy_precision",
    "measured_latency_ms",
    "measured_latency_doubt",
)


@dataclasses.dataclass(frozen=True)
class PlannedExport:
    """An arch to export.

    Args:
        arch: The arch.
        text: What named it, see `parse_archs`.
    """

    arch: Arch
    text: str


def plan_exports(space: SearchSpace, arch_texts: Sequence[str], output: str) -> dict[str, PlannedExport]:
    """What to export, by the paths of the models.

    Args:
        space: The run's search space.
        arch_texts: Names of archs, see `parse_archs`, and folders of arch files.
        output: The file to write, `NAME.tflite` or `NAME.cc`, which has `NAME.tflite` beside it;
            the folder for several archs, and for those of a folder or a whole front, however
            many there are.

    Raises:
        InputError: If an arch or a path is not allowed, or a path is that of
            something else.
    """
    planned = _name_models(_read_exports(space, arch_texts), arch_texts, output)
    for path in planned:
        check_model_output(path)
    return planned


def plan_elastic(space: SearchSpace, arch_texts: Sequence[str], output: str) -> dict[str, PlannedExport]:
    """What to export into one elastic file, by the names of the signatures.

    Args:
        space: The run's search space.
        arch_texts: As for `plan_exports`.
        output: The file to write.

    Raises:
        InputError: If an arch is not allowed, there is only one, two have one name, or the file
            cannot be written or is something else.
    """
    exports = _read_exports(space, arch_texts)
    if len(exports) < 2:
        raise InputError(
            f"Expected several archs for an elastic file (--elastic). Received: {len(exports)}. Name more with --arch, "
            "or leave --elastic out."
        )
    _check_names_differ(exports, arch_texts)
    check_elastic_replaceable(output)
    return dict(exports)


def _read_exports(space: SearchSpace, arch_texts: Sequence[str]) -> list[tuple[str, PlannedExport]]:
    """What to export, with the names of the archs."""
    exports: list[tuple[str, PlannedExport]] = []
    for text in expand_folders(arch_texts):
        for name, arch in parse_archs(space, text).items():
            exports.append((name, PlannedExport(arch, text)))
    return exports


def plan_limits(exports: Mapping[str, PlannedExport], options: ExportOptions) -> dict[str, dict[str, float]]:
    """What the models must keep within, by paths or signatures: the limits of the searches that found their archs.

    Args:
        exports: What is exported, see `plan_exports` and `plan_elastic`.
        options: How the models are made. Limits of models for another target or in another
            precision do not count, see `find_other_form`.

    Returns:
        Limits by their names, for each model that has some.

    Raises:
        InputError: If there is one that cannot be checked here.
    """
    limits: dict[str, dict[str, float]] = {}
    for path, export in exports.items():
        found = _limits_of_search(export.text, options)
        if found:
            limits[path] = found
        if "arena_bytes" in found and not is_micro_installed():
            raise InputError(
                f"Expected tflite-micro, to measure what the search of {export.text} limited with --max_arena_bytes. "
                "Received: it is not installed. Install it (pip install -c constraints.txt -e '.[mcu]'), or export "
                "from an arch file without notes."
            )
    return limits


def plan_file_limit(arch_texts: Sequence[str], options: ExportOptions) -> float | None:
    """How large the elastic file of some archs may be; `None`: nobody limited it.

    Args:
        arch_texts: What names them, as for `plan_elastic`: the file of a family has a limit.
        options: How the models are made. The limit of models of another form does not count, see `find_other_form`.
    """
    if len(arch_texts) != 1 or find_other_form(arch_texts[0], options) is not None:
        return None
    family = _read_notes(arch_texts[0]).get("family") or {}
    limit: float | None = family.get("max_file_bytes")
    return limit


def search_facts(export: PlannedExport) -> dict[str, Any]:
    """What the search that found an arch wrote of it, for the sidecar; empty if no search did.

    Args:
        export: What is exported.

    Returns:
        `reported_top1`, `reported_standard_error`, `num_report_images`, `limits`, `device`, `target`, `precision` and
        `input_type` (of costs), `accuracy_precision` (that accuracies were measured in), `measured_latency_ms` and
        `measured_latency_doubt`, as far as they are known.
        The device is named without its address.
    """
    notes = _read_notes_of(export)
    facts = {name: notes[name] for name in _FACTS_OF_SEARCH if notes.get(name) is not None}
    if "device" in facts:
        facts["device"] = shareable_name(facts["device"])
    if facts and "accuracy_precision" not in facts:
        precision = _accuracy_precision_of_earlier_search(notes)
        if precision is not None:
            facts["accuracy_precision"] = precision
    return facts


def _accuracy_precision_of_earlier_search(notes: Mapping[str, Any]) -> str | None:
    """In which precision accuracies were measured, of a search that did not write it; `None` if that is not known."""
    precision: str | None = notes.get("precision")
    quality = notes.get("predictor_quality") or {}
    if precision == FLOAT32_PRECISION.name:
        return precision
    if quality.get("num_computed"):
        # Some were measured as they are shipped, and those of the others computed from that.
        return precision
    return None


def _read_notes_of(export: PlannedExport) -> dict[str, Any]:
    """What a search wrote beside an arch: of one of a front, what stands in its entry and what holds for all."""
    notes = _read_notes(export.text)
    for entry in notes.get("entries", []):
        if Arch.from_dict(entry["arch"]) == export.arch:
            return {**notes, **entry}
    if "entries" in notes:
        return {}
    return notes


def _name_models(
    exports: Sequence[tuple[str, PlannedExport]],
    arch_texts: Sequence[str],
    output: str,
) -> dict[str, PlannedExport]:
    """What to export, by the paths of the models; `exports` has the names of the archs."""
    any_number = any(stands_for_any_number(text) for text in arch_texts)
    is_file = output.endswith((".tflite", ".cc"))
    if len(exports) == 1 and not any_number:
        ((_, export),) = exports
        path = str(Path(output).with_suffix(".tflite")) if is_file else output
        return {path: export}
    if is_file:
        raise InputError(
            f"Expected --output to be a folder for {count_in_words(len(exports), 'arch')}. Received: {output}. Name a "
            "folder, such as models; one arch of a folder or a front has a name of its own: FOLDER/ARCH.json, "
            "front.json:N."
        )
    _check_names_differ(exports, arch_texts)
    return {str(Path(output) / f"{name}.tflite"): export for name, export in exports}


def _check_names_differ(exports: Sequence[tuple[str, PlannedExport]], arch_texts: Sequence[str]) -> None:
    names = {name for name, _ in exports}
    if len(names) < len(exports):
        raise InputError(
            f"Expected the names of --arch, which models are called by, to differ. Received: {','.join(arch_texts)}. "
            "Name each once; rename one of two files, or export them in two calls."
        )


def _limits_of_search(arch_text: str, options: ExportOptions) -> dict[str, float]:
    """The limits in the notes of an arch or a front, by name, if they are of models like those that are made."""
    notes = _read_notes(arch_text)
    limits = notes.get("limits")
    if not isinstance(limits, dict) or find_other_form(arch_text, options) is not None:
        return {}
    return {name: float(limit) for name, limit in limits.items() if isinstance(limit, int | float)}


def check_model_output(path: str | Path) -> None:
    """Check that a model, its sidecar and its card can be written, now rather than after the work.

    Raises:
        InputError: If they cannot, or would replace something else.
    """
    sidecar_path(path)  # whose name is refused first
    files.check_output(path)
    check_model_replaceable(path)


def find_other_form(arch_text: str, options: ExportOptions) -> str | None:
    """What the models are called that an arch was searched for, if what it was chosen by does not hold for others.

    Args:
        arch_text: What names archs, such as an arch file.
        options: How the arch's model is made.

    Returns:
        The name of their form, see `ModelForm.name`; `None`: it is the model's, or nothing is known of it.
    """
    notes = _read_notes(arch_text)
    limits = notes.get("limits")
    costs = notes.get("costs") or {}
    if limits is not None and not _depends_on_precision([*limits, *costs]):
        return None
    return _searched_form(notes, options)


def _searched_form(notes: Mapping[str, Any], options: ExportOptions) -> str | None:
    """What the models of a search are called, by its notes, if models that are made in some way are of another form."""
    if notes.get("precision") is None:
        return None
    precision = str(notes["precision"])
    target = str(notes.get("target", CPU.name))
    is_of_precision = precision in PRECISIONS and PRECISIONS[precision].holds_for(options.mode)
    if is_of_precision and target == options.target:
        return None
    return form_name(precision, target)


def warn_of_other_form(arch_text: str, options: ExportOptions) -> str | None:
    """What to tell a user who exports an arch in another form than it was searched for, and what to do about it.

    Args:
        arch_text: See `find_other_form`.
        options: See `find_other_form`.

    Returns:
        A sentence or two; `None`: there is nothing to tell.
    """
    notes = _read_notes(arch_text)
    searched = _searched_form(notes, options)
    if searched is None:
        return _warn_of_other_latency(arch_text, notes, options)
    precision = str(notes["precision"])
    target = str(notes.get("target", CPU.name))
    with_targets = target != options.target
    searched_flags = _flags(target, with_targets, f"--precision={precision}")
    asked_flags = _flags(options.target, with_targets, f"--quantization={options.mode.name}")
    told = f"{arch_text} was searched with {searched_flags}, but {asked_flags} is asked for"
    if find_other_form(arch_text, options) is None:
        return f"{told}: it was chosen by what is known of {searched} models; its limits hold for this one, too."
    ways = []
    fitting = [name for name in PRECISIONS if PRECISIONS[name].holds_for(options.mode)]
    if fitting:
        ways.append(f"search again with {_flags(options.target, with_targets, f'--precision={fitting[0]}')}")
    if precision in PRECISIONS:
        quantization = f"--quantization={PRECISIONS[precision].mode.name}"
        ways.append(f"export with {_flags(target, with_targets, quantization)}")
    warning = f"{told}: the latency and size that the search told are not those of this model"
    has_file_limit = bool((notes.get("family") or {}).get("max_file_bytes"))
    if notes.get("limits") == {} and not has_file_limit:  # such as a front without limits
        return f"{warning}."
    warning += ", and the limits of the search are not checked."
    if ways:
        warning += f" To keep the limits, {' or '.join(ways)}."
    return warning


def _flags(target: str, with_target: bool, flag: str) -> str:
    """A flag, after that of the target where targets differ."""
    if with_target:
        return f"--target={target} {flag}"
    return flag


def searched_for_such(search: Mapping[str, Any], options: ExportOptions) -> bool:
    """Whether what a search said of its models, such as its limits, is said of a model that is made in some way.

    Args:
        search: What the search wrote, see `search_facts`.
        options: How the model is made.
    """
    limits = search.get("limits") or {}
    if limits and not _depends_on_precision(limits):
        return True
    takes_the_same = search.get("input_type", NORMALIZED) == options.input_type
    if "latency_ms" in limits and not takes_the_same:
        return False
    return _searched_form(search, options) is None and not options.float_layers


def _warn_of_other_latency(arch_text: str, notes: Mapping[str, Any], options: ExportOptions) -> str | None:
    """What to tell a user whose model takes other images than it was searched for, or has layers that stay float."""
    searched = str(notes.get("input_type", NORMALIZED))
    is_of_latency = "latency_ms" in (notes.get("costs") or {})
    if not is_of_latency:
        return None
    if options.float_layers:
        return (
            f"{arch_text} was searched for models without float layers, but --float_layers is asked for: the latency "
            "that the search told is not that of this model. tools/benchmark.py measures it."
        )
    if searched == options.input_type:
        return None
    return (
        f"{arch_text} was searched with --input_type={searched}, but --input_type={options.input_type} is asked for: "
        "the latency that the search told is not that of this model. To keep a budget, search again with "
        f"--input_type={options.input_type}."
    )


def _read_notes(arch_text: str) -> dict[str, Any]:
    """What a search wrote beside an arch or a front; nothing of what is no file, or has no notes."""
    path, _ = split_arch_text(arch_text)
    if not path.is_file():
        return {}
    document = files.read_json(path)
    if "entries" in document:
        first_entry = [*document["entries"], {}][0]
        return {**document, "costs": first_entry.get("costs")}
    notes = files.read_json(path, "arch").get("notes")
    return notes if isinstance(notes, dict) else {}


def _depends_on_precision(costs: Iterable[str]) -> bool:
    """Whether one of the costs that a search weighed or limited, by name, depends on the precision."""
    return any(name not in CONSTRAINT_KINDS or CONSTRAINT_KINDS[name].depends_on_precision for name in costs)
