"""Cuts out a subnet and writes it as a TFLite model with a JSON sidecar and a model card.

Examples:
    python tools/to_tflite.py --workdir=runs/quickstart --arch=arch.json --quantization=int8 --output=model.tflite
    python tools/to_tflite.py --describe=model.tflite
    python tools/to_tflite.py --snippet=python --model=model.tflite
    python tools/to_tflite.py --card=model.tflite --benchmark=benchmark.json

With --model instead of --workdir and --arch, it converts a Keras subnet, such as tools/import_specialized.py makes.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.progress import announce
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.report.layer_errors_table import describe_layer_errors
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.conversion.presets import EXPORT_PRESETS, ExportPreset, preset_help
from ofa_tf.tflite.graph.input_format import INPUT_TYPES
from ofa_tf.tflite.graph.output_format import OUTPUT_TYPES
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.tflite.lowering.targets import CPU, MCU, target_help
from ofa_tf.tflite.npu.compiler import check_compiler
from ofa_tf.tflite.npu.socs import VENDORS, Soc, split_target
from ofa_tf.tflite.quantization.modes import (
    QUANTIZATION_MODES,
    QuantizationMode,
    get_quantization_mode,
    modes_with_setting,
)
from ofa_tf.tflite.shipping.card_words import guessing_in_words, left_by_npus_in_words
from ofa_tf.tflite.shipping.compiled_file import check_compiled_replaceable, compile_shipped, compiled_path
from ofa_tf.tflite.shipping.model_summary import read_facts, summarize
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.tflite.shipping.sidecar import card_path, sidecar_path
from ofa_tf.tflite.snippets.c_array import check_c_array_output, header_path, write_c_array
from ofa_tf.tflite.snippets.programs import PROGRAM_KINDS, write_program
from ofa_tf.workflow.elastic_export import export_elastic
from ofa_tf.workflow.export_plan import (
    PlannedExport,
    check_model_output,
    plan_elastic,
    plan_exports,
    plan_file_limit,
    plan_limits,
    search_facts,
    searched_for_such,
    warn_of_other_form,
)
from ofa_tf.workflow.model_cards import update_model_card
from ofa_tf.workflow.run import Run, open_run

define_plugins_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run or import.")
_ARCH = flags.DEFINE_list(
    "arch",
    None,
    "Arch JSON files, folders of such, front.json:N, max, min or random:N; --output is a folder for "
    "several, and for those of a folder or a front.",
)
_MODEL = flags.DEFINE_string(
    "model", None, "A .keras file of a subnet, instead of --workdir and --arch; the .tflite file with --snippet."
)
_DATASET = flags.DEFINE_string(
    "dataset", None, "With --model: data set for the int8 ranges and the accuracy, as for train_main.py."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "With --dataset: where tensorflow-datasets keeps prepared data sets.")
_QUANTIZATION = flags.DEFINE_string(
    "quantization",
    "none",
    f"One of {', '.join(QUANTIZATION_MODES)}. float16 and dynamic: of the weights; int8 and int16x8: of activations, "
    "too; qat: int8 after fine-tuning for it.",
)
_NUM_IMAGES = flags.DEFINE_integer(
    "num_representative_images",
    ExportOptions.num_representative_images,
    "Training images that set the ranges of activations.",
    lower_bound=1,
)
_TARGET = flags.DEFINE_string(
    "target",
    CPU.name,
    f"{target_help()} npu:VENDOR:CHIP, such as npu:qualcomm:SM8650, compiles the model for that chip besides, with its "
    f"vendor's compiler; vendors: {', '.join(VENDORS)}.",
)
_LOWERING = flags.DEFINE_list(
    "lowering",
    ["all"],
    f"For experts, rewrites of the graph: all that pay on --target, none, or some of {', '.join(LOWERINGS)}.",
)
_INPUT_TYPE = flags.DEFINE_enum(
    "input_type",
    "normalized",
    INPUT_TYPES,
    "What the model takes: images normalised as for training, or pixels, which it then normalises itself: float32 "
    "from 0 to 1, or uint8 from 0 to 255 as a camera gives them.",
)
_OUTPUT_TYPE = flags.DEFINE_enum(
    "output_type",
    None,
    OUTPUT_TYPES,
    "Type of the numbers that the model gives; those that --quantization computes with unless this is given. int8 and "
    "uint8 with int8 and qat only.",
)
_SOFTMAX = flags.DEFINE_bool(
    "softmax", False, "The model gives probabilities instead of logits; they are float32 in any quantization."
)
_PRESET = flags.DEFINE_enum(
    "preset", None, list(EXPORT_PRESETS), f"Settings of --input_type, --output_type and --softmax. {preset_help()}"
)
_MAX_ACCURACY_DROP = flags.DEFINE_float(
    "max_accuracy_drop",
    1.0,
    "Largest loss of top-1 accuracy through quantization, percent points; else no file.",
    lower_bound=0,
    upper_bound=100,
)
_QAT_EPOCHS = flags.DEFINE_integer(
    "qat_epochs", ExportOptions.qat_epochs, "Epochs of fine-tuning, with qat.", lower_bound=1
)
_QAT_LEARNING_RATE = flags.DEFINE_float(
    "qat_learning_rate", ExportOptions.qat_learning_rate, "Learning rate of Adam at the start, with qat."
)
_FLOAT_LAYERS = flags.DEFINE_list(
    "float_layers",
    [],
    "Layers that stay float where others become integers: names as --verbose lists them, with * and ?, such as "
    "stage1_*.",
)
_ELASTIC = flags.DEFINE_bool(
    "elastic",
    False,
    "Write all archs as signatures of one file, --output, that a program can choose among while it runs; what is equal "
    "in several is in the file once.",
)
_VERBOSE = flags.DEFINE_bool(
    "verbose", False, "Measure and print the error of each layer; with --describe, all that is known."
)
_DESCRIBE = flags.DEFINE_string(
    "describe", None, "Print what this .tflite file is, in ten lines (with --verbose, all), and do nothing else."
)
_SNIPPET = flags.DEFINE_enum(
    "snippet",
    None,
    list(PROGRAM_KINDS),
    "Print a complete program, in this language, that uses the .tflite file --model, and do nothing else.",
)
_CARD = flags.DEFINE_string("card", None, "Make the model card of this .tflite file again, and do nothing else.")
_BENCHMARK = flags.DEFINE_list(
    "benchmark", [], "With --card: files of tools/benchmark.py whose latencies are added to the card and the sidecar."
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "File to write, ending in .tflite; a folder as --arch says. NAME.cc writes NAME.tflite and, for microcontrollers, "
    "the same as an array in NAME.cc and NAME.h.",
)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    command_line.check_has_effect(_BENCHMARK, _CARD.value is not None, "with --card")
    command_line.check_has_effect(_ELASTIC, _ARCH.value is not None, "with --workdir and --arch")
    _check_one_task()
    if _DESCRIBE.value is not None:
        facts = read_facts(_DESCRIBE.value)
        if _VERBOSE.value:
            print(json.dumps(facts, indent=1, ensure_ascii=False))
        else:
            print(summarize(_DESCRIBE.value, facts))
        return
    if _SNIPPET.value is not None:
        _print_program()
        return
    if _CARD.value is not None:
        print(update_model_card(_CARD.value, _BENCHMARK.value))
        return
    if _OUTPUT.value is None:
        raise InputError(
            "Expected --output, the file to write, or --describe, --snippet or --card. Received: none of them."
        )
    options = _options()
    soc = _soc()
    if soc is not None:
        _check_is_no_elastic()
        check_compiler(soc)
    source = _c_array_path()
    if source is not None:
        check_c_array_output(source)
        if options.target != MCU.name:
            print("warning: an array is for microcontrollers, and --target=mcu is not given", file=sys.stderr)
    if _MODEL.value is not None:
        _export_model(options)
    else:
        _export_subnets(options)
    if source is not None:
        write_c_array(source, source.with_suffix(".tflite"))
        print(f"{source}: the same as an array, declared in {header_path(source)}")


def _c_array_path() -> Path | None:
    """The C++ file that is wanted besides; `None`: none."""
    output = Path(_OUTPUT.value)
    if output.suffix != ".cc":
        return None
    if _ELASTIC.value:
        raise InputError(
            f"Expected --output to end in .tflite, with --elastic. Received: {_OUTPUT.value}. Arrays are of one model."
        )
    return output


def _check_one_task() -> None:
    """Check that only one thing is asked for, with nothing that would be ignored."""
    tasks = (_DESCRIBE, _SNIPPET, _CARD)
    given = [f"--{flag.name}" for flag in tasks if flag.present]
    if not given:
        return
    # The flags that go with a task; without it, other checks speak of them.
    companions = [_BENCHMARK]
    if _SNIPPET.present:
        companions.append(_MODEL)
    if _DESCRIBE.present:
        companions.append(_VERBOSE)
    have_effect = {flag.name for flag in (*tasks, *companions)}
    flags_here = [value for value in globals().values() if isinstance(value, flags.FlagHolder)]
    given += [f"--{flag.name}" for flag in flags_here if flag.present and flag.name not in have_effect]
    if len(given) > 1:
        raise InputError(
            f"Expected --describe, --snippet (with --model) or --card by itself. Received: {' and '.join(given)}. "
            "Call the program once for each."
        )


def _print_program() -> None:
    if _MODEL.value is None:
        raise InputError("Expected --snippet with --model, the .tflite file. Received: no --model.")
    if Path(_MODEL.value).suffix == ".keras":
        raise InputError(
            f"Expected --model to be a .tflite file, with --snippet. Received: {_MODEL.value}. Convert it first."
        )
    print(write_program(_MODEL.value, _SNIPPET.value), end="")


def _options() -> ExportOptions:
    mode = get_quantization_mode(_QUANTIZATION.value)
    for flag in (_QAT_EPOCHS, _QAT_LEARNING_RATE, _NUM_IMAGES, _MAX_ACCURACY_DROP):
        _check_is_heeded(flag, mode)
    formats = _formats()
    return ExportOptions(
        quantization=_QUANTIZATION.value,
        lowering=tuple(_LOWERING.value),
        input_type=formats.input_type,
        max_accuracy_drop=_MAX_ACCURACY_DROP.value / 100,
        num_representative_images=_NUM_IMAGES.value,
        qat_epochs=_QAT_EPOCHS.value,
        qat_learning_rate=_QAT_LEARNING_RATE.value,
        target=split_target(_TARGET.value)[0],
        float_layers=tuple(_FLOAT_LAYERS.value),
        measures_layers=_VERBOSE.value,
        output_type=formats.output_type,
        has_softmax=formats.has_softmax,
    )


def _soc() -> Soc | None:
    """The chip that models are compiled for; `None`: none."""
    _, soc = split_target(_TARGET.value)
    return soc


def _formats() -> ExportPreset:
    """What the model takes and gives: as the preset says, or as the flags do."""
    if _PRESET.value is None:
        return ExportPreset(_INPUT_TYPE.value, _OUTPUT_TYPE.value, _SOFTMAX.value)
    given = [f"--{flag.name}" for flag in (_INPUT_TYPE, _OUTPUT_TYPE, _SOFTMAX) if flag.present]
    if given:
        raise InputError(
            f"Expected --preset={_PRESET.value} without flags that it sets. Received: {' and '.join(given)}. "
            "Leave the preset or the flags out."
        )
    return EXPORT_PRESETS[_PRESET.value]


def _check_is_heeded(flag: flags.FlagHolder, mode: QuantizationMode) -> None:
    """Check that a flag that only some quantizations heed is given with one of those."""
    modes = modes_with_setting(flag.name)
    if flag.present and mode.name not in modes:
        raise InputError(
            f"Expected --{flag.name} with --quantization={' or '.join(modes)} only. "
            f"Received: --quantization={mode.name}."
        )


def _export_model(options: ExportOptions) -> None:
    if _WORKDIR.value is not None or _ARCH.value is not None:
        raise InputError("Expected --model, or --workdir and --arch. Received: both.")
    if _DATA_DIR.value is not None and _DATASET.value is None:
        raise InputError("Expected --data_dir with --dataset only. Received: no --dataset.")
    if not Path(_MODEL.value).is_file():
        raise InputError(
            f"Expected --model to be a .keras file. Received: no file at {_MODEL.value}. "
            "tools/import_specialized.py writes such files."
        )
    output = str(Path(_OUTPUT.value).with_suffix(".tflite")) if _c_array_path() is not None else _OUTPUT.value
    check_model_output(output)
    _check_compiled_outputs([output])
    configure_tensorflow()
    from ofa_tf.data.sources import open_source
    from ofa_tf.networks.saving import load_subnet
    from ofa_tf.workflow.export import export_model

    announce("converting")
    subnet, arch = load_subnet(_MODEL.value)
    source = None if _DATASET.value is None else open_source(_DATASET.value, _DATA_DIR.value)
    origin = Origin(command=command_line.typed_command())
    _report(export_model(subnet, arch, output, options, source, origin))


def _export_subnets(options: ExportOptions) -> None:
    if _WORKDIR.value is None or not _ARCH.value:
        missing = "--workdir" if _WORKDIR.value is None else "--arch"
        raise InputError(f"Expected --workdir and --arch, or --model. Received: no {missing}.")
    if _DATASET.value is not None or _DATA_DIR.value is not None:
        raise InputError(
            "Expected --dataset and --data_dir with --model only: a run in --workdir has its own data set."
        )
    run = open_run(_WORKDIR.value)
    if _ELASTIC.value:
        _check_elastic(options)
        exports = plan_elastic(run.space, _ARCH.value, _OUTPUT.value)
    else:
        exports = plan_exports(run.space, _ARCH.value, _OUTPUT.value)
        _check_compiled_outputs(exports)
    limits = plan_limits(exports, options)
    command = command_line.typed_command()
    origins = {}
    for key, export in exports.items():
        search = search_facts(export)
        origins[key] = Origin(command, search, is_searched_for_such=searched_for_such(search, options))
    for text in dict.fromkeys(export.text for export in exports.values()):
        warning = warn_of_other_form(text, options)
        if warning is not None:
            print(f"warning: {warning}", file=sys.stderr)
    run.check_supernet()
    configure_tensorflow()
    if _ELASTIC.value:
        _export_elastic(run, exports, options, limits, origins)
    else:
        _export_files(run, exports, options, limits, origins)


def _export_files(
    run: Run,
    exports: Mapping[str, PlannedExport],
    options: ExportOptions,
    limits: Mapping[str, Mapping[str, float]],
    origins: Mapping[str, Origin],
) -> None:
    """A file of each arch; all by the paths of the models."""
    archs = {path: export.arch for path, export in exports.items()}
    if len(archs) == 1:
        ((path, arch),) = archs.items()
        _report(run.export(arch, path, options, limits.get(path), origins[path]))
        return
    faults = run.export_all(archs, options, _report, limits, origins)
    if faults:
        print("\n".join(f"not written: {fault}" for fault in faults), file=sys.stderr)
        raise InputError(
            f"Expected all {len(archs)} models to be good. Received: {len(faults)} that are not, listed above."
        )


def _check_compiled_outputs(paths: Iterable[str]) -> None:
    """Check that the models compiled for a chip can be written beside those of these paths."""
    soc = _soc()
    if soc is not None:
        for path in paths:
            check_compiled_replaceable(path, soc)


def _check_is_no_elastic() -> None:
    """Check, of an export for a chip, that it is of one model."""
    if _ELASTIC.value:
        raise InputError(
            f"Expected --target=npu with --elastic. Received: --target={_TARGET.value}. Files of several models are "
            "not compiled for a chip. Export one subnet, or leave the chip out."
        )


def _check_elastic(options: ExportOptions) -> None:
    """Check that what is asked for beside --elastic can be had with it."""
    if options.mode.needs_fine_tuning:
        raise InputError(
            "Expected --elastic with a quantization that leaves the supernet's weights as they are. Received: "
            f"--quantization={options.quantization}, which trains those of each subnet. Take int8."
        )
    if options.target == MCU.name:
        raise InputError(
            "Expected --elastic with a target whose programs choose among models. Received: --target=mcu, where all of "
            "them would take memory at once. Export one subnet."
        )
    if _VERBOSE.value:
        raise InputError("Expected --verbose with one model a file. Received: --elastic, too. Leave one of them out.")


def _export_elastic(
    run: Run,
    exports: Mapping[str, PlannedExport],
    options: ExportOptions,
    limits: Mapping[str, Mapping[str, float]],
    origins: Mapping[str, Origin],
) -> None:
    """One file of all archs; all by the names of the signatures."""

    def export_one(name: str, path: str) -> None:
        facts = run.export(exports[name].arch, path, options, limits.get(name), origins[name])
        print(f"{name}: {facts['size_bytes']:,} bytes by itself, test top-1 {_top1_in_words(facts)}", flush=True)

    facts = export_elastic(
        exports,
        _OUTPUT.value,
        export_one,
        command_line.typed_command(),
        plan_file_limit(_ARCH.value, options),
    )
    size, largest, together = facts["size_bytes"], facts["largest_bytes"], facts["sum_bytes"]
    print(
        f"{_OUTPUT.value}: {size:,} bytes, {size / largest:.2f} times the largest model, {size / together:.2f} times "
        f"all; signatures {', '.join(facts['signatures'])}; facts in {sidecar_path(_OUTPUT.value)}"
    )


def _top1_in_words(facts: Mapping[str, Any]) -> str:
    if facts["top1"] is None:
        return "not measured (no --dataset)"
    gate = facts["gate"]
    words = f"{facts['top1']:.2%} (before conversion {gate['reference_top1']:.2%})"
    guessing = guessing_in_words(gate)
    return words if guessing is None else f"{words}, {guessing}"


def _report(facts: Mapping[str, Any]) -> None:
    """Say what was written, at once: a later fault or Ctrl-C does not undo it."""
    top1 = _top1_in_words(facts)
    sidecar = sidecar_path(facts["path"])
    card = card_path(facts["path"])
    remedies = "".join(f", {remedy}" for remedy in facts["remedies"])
    print(
        f"{facts['path']}: {facts['size_bytes']:,} bytes, test top-1 {top1}{remedies}; facts in {sidecar}, "
        f"for people in {card}",
        flush=True,
    )
    if "layer_errors" in facts:
        print(describe_layer_errors(facts["layer_errors"], facts["float_layers"]), flush=True)
    if facts.get("left_by_npus"):
        print(left_by_npus_in_words(facts["left_by_npus"]), flush=True)
    soc = _soc()
    if soc is not None:
        partitions = compile_shipped(facts["path"], soc)
        print(f"{compiled_path(facts['path'], soc)}: for {soc.name}, which takes {partitions.in_words()}", flush=True)


if __name__ == "__main__":
    command_line.run(main)
