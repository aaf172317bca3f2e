"""Shipping a subnet: convert it, let it through the gate, write it with its sidecar and its card."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.space import costs
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.lowering.targets import NPU
from ofa_tf.tflite.npu.operators import find_left
from ofa_tf.tflite.shipping.compiled_file import compiled_files
from ofa_tf.tflite.shipping.export import Export
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.gate import (
    NOT_FINITE,
    Comparison,
    GateReport,
    find_broken_limit,
    find_fault,
    find_undelegated,
)
from ofa_tf.tflite.shipping.layer_errors import LayerError
from ofa_tf.tflite.shipping.mixed_precision import keep_float, keep_named_float
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.tflite.shipping.references import References
from ofa_tf.tflite.shipping.sidecar import save_tflite


@dataclasses.dataclass(frozen=True)
class _Passed:
    """A model that the gate let through."""

    conversion: Conversion
    content: bytes
    comparison: Comparison


def ship(
    subnet: keras.Model,
    arch: Arch,
    path: str | Path,
    options: ExportOptions,
    data: ExportData,
    *,
    references: References | None = None,
    limits: Mapping[str, float] | None = None,
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Convert a subnet, compare the result with it, and write it if it is good.

    Where int8 loses too much accuracy, what helps is tried, see `remedies.py`.

    Args:
        subnet: Plain Keras model with calibrated BN statistics.
        arch: What `subnet` is; its image size need not be a choice of the space.
        path: File to write, ending in `.tflite`; the sidecar lies beside it.
        options: How to convert.
        data: Images and names.
        references: What the subnet says of the images that judge the model (rounded, if
            the model takes whole numbers), if that was measured before.
        limits: What a search limited, by name; the file must keep within `size_bytes`,
            `peak_ram_bytes` and, for microcontrollers, `arena_bytes`, where they are among
            them.
        origin: Where the model comes from, for the sidecar and the card.

    Returns:
        `path`, `size_bytes`, `remedies`, `float_layers` (with those that are fused with
        them), `top1` on test images (`None` if it was not measured), `num_macs`,
        `num_params`, `gate`, see `GateReport.facts`, for NPUs `left_by_npus`, see
        `find_left`, and, if they were to be measured, `layer_errors`, see `LayerError`.

    Raises:
        InputError: If the model does not pass the gate, leaves operators to slower kernels, is
            for TFLite Micro, which does not run it, or breaks a limit; nothing is written then.
    """
    export = Export(subnet, arch, options, data, references)
    passed = _first_that_passes(export, options)
    report = export.report(passed.content, passed.comparison)
    if not report.reported.is_finite:
        raise _gate_error(options, NOT_FINITE)
    _check_delegation(report, options)
    _check_limits(report, limits or {}, options)

    facts: dict[str, Any] = {
        "remedies": list(passed.conversion.remedies),
        "float_layers": list(passed.conversion.float_nodes),
        "top1": report.reported.top1,
        **_count_costs(arch, export.num_classes),
        "gate": report.facts(),
    }
    if options.target == NPU.name:
        facts["left_by_npus"] = find_left(passed.content)
    if options.measures_layers:
        measured = export.layer_errors(passed.conversion, passed.content)
        facts["layer_errors"] = [dataclasses.asdict(error) for error in measured]

    further = dict((origin or Origin()).facts())
    if data.data_set is not None:
        further["data_set"] = dict(data.data_set)
    tensors = TFLiteModel(passed.content).describe_tensors()
    of_former_model = compiled_files(path)
    save_tflite(path, passed.content, {**export.description, **facts, **tensors, **further})
    for compiled in of_former_model:
        compiled.unlink()
    return {"path": str(path), "size_bytes": len(passed.content), **facts}


def _first_that_passes(export: Export, options: ExportOptions) -> _Passed:
    """The first model without a fault.

    Raises:
        InputError: If all have one; names that of the first.
    """
    first_fault: str | None = None
    for conversion in _attempts(export, options):
        content = export.convert(conversion)
        comparison = export.compare(content)
        fault = find_fault(comparison, options.mode, options.max_accuracy_drop)
        if fault is None:
            return _Passed(conversion, content, comparison)
        if first_fault is None:
            errors = export.layer_errors(conversion, content)
            first_fault = f"{fault}; {_describe_errors(errors)}"
    raise _gate_error(options, first_fault)


def _gate_error(options: ExportOptions, fault: str | None) -> InputError:
    return InputError(
        f"Expected the {options.quantization} model to agree with the network it was made from. "
        f"Received: {fault}. {options.mode.advice} Nothing was written."
    )


def _check_delegation(report: GateReport, options: ExportOptions) -> None:
    left = find_undelegated(report.delegation, options)
    if left is not None:
        raise InputError(
            f"Expected LiteRT's XNNPACK to run all of the {options.quantization} model, as of others for the target "
            f"{options.target!r}. Received: {left}, which is slow. If that is meant, name the rewrites with "
            "--lowering. Nothing was written."
        )


def _check_limits(
    report: GateReport,
    limits: Mapping[str, float],
    options: ExportOptions,
) -> None:
    if "arena_bytes" in limits and report.micro_arena is None:
        raise InputError(
            "Expected the arena to be measured, as `limits` has arena_bytes. Received: another target than 'mcu', or "
            "no tflite-micro. Install it (pip install -c constraints.txt -e '.[mcu]'), or leave the limit out. Nothing "
            "was written."
        )
    broken = find_broken_limit(report, limits)
    if broken is not None:
        raise InputError(
            f"Expected the {options.quantization} model to keep within the limits of the search that found it. "
            f"Received: {broken}. Search again with a lower limit, or export without it, from an arch file without "
            "notes. Nothing was written."
        )


def _attempts(export: Export, options: ExportOptions) -> Iterator[Conversion]:
    """The conversion as the options say and, as long as more is asked for, what may be better."""
    conversion = export.prepare_conversion()
    if options.float_layers:
        errors = export.layer_errors(conversion, export.convert(conversion))
        conversion = keep_named_float(conversion, options.float_layers, errors)
    yield conversion
    if not options.mode.may_be_mended:
        return
    announce(f"{options.quantization} loses too much accuracy; trying what helps")
    conversion = export.apply_remedies(conversion)
    if conversion.remedies:
        yield conversion
    errors = export.layer_errors(conversion, export.convert(conversion))
    if not options.output_format.is_computed:
        # Integers that were asked for come from the last layer, which so cannot stay float.
        errors = [error for error in errors if error.name != conversion.graph.nodes[-1].name]
    yield from keep_float(conversion, errors)


def _count_costs(arch: Arch, num_classes: int) -> dict[str, int]:
    """MACs and parameters of an arch at its own image size, which need not be a choice of the space."""
    space = get_search_space(arch.space)
    at_known_size = dataclasses.replace(arch, image_size=space.image_sizes[0])
    parts = space.plain_parts(at_known_size).values()
    return costs.count_parts(parts, arch.image_size, num_classes)


def _describe_errors(errors: Sequence[LayerError]) -> str:
    largest = max(errors, key=lambda entry: entry.error)
    worst = max(errors, key=lambda entry: entry.added)
    return (
        f"the largest error of a layer is {largest.error:.1%} in {largest.name}, "
        f"and most is added by {worst.name} ({worst.added:.1%})"
    )
