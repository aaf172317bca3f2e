"""Measures the top-1 accuracy of subnets, each after BN calibration, and tells what they cost.

Measures on validation images unless told otherwise: whoever compares subnets on the test images chooses on them. By
half of these, archs that a search found were chosen, which makes them look better than they are: --split=report is the
other half.

Example:
    python tools/evaluate.py --workdir=runs/quickstart --arch=min,max,random:5
    python tools/evaluate.py --workdir=runs/quickstart --arch=arch.json,front.json --split=report
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.distribution_flag import define_distribution_flag, distribution_from_flags
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.progress import announce
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.data.shares import SHARES
from ofa_tf.devices.opening import open_device
from ofa_tf.report.evaluation import EvaluationTable
from ofa_tf.tflite.graph.input_format import INPUT_TYPES, NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU, target_help
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow.arch_names import parse_arch_list
from ofa_tf.workflow.evaluation import describe_evaluation
from ofa_tf.workflow.run import open_run

define_plugins_flag()
define_distribution_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_ARCH = flags.DEFINE_list(
    "arch", ["max"], "JSON files of archs or fronts, folders of archs, front.json:N, max, min or random:N."
)
_SPLIT = flags.DEFINE_enum(
    "split",
    "validation",
    list(SHARES),
    "Images to measure on; search and report are the halves of the validation images that searches choose on and not.",
)
_DEVICE = flags.DEFINE_string("device", "host", "Whose latency is predicted, if its latency table is there.")
_INPUT_TYPE = flags.DEFINE_enum(
    "input_type", NORMALIZED, INPUT_TYPES, "What the shipped models take, for their latency."
)
_TARGET = flags.DEFINE_string("target", CPU.name, target_help())
_PRECISION = flags.DEFINE_string("precision", "float32", "Of the shipped models, for size and latency.")
_SEED = flags.DEFINE_integer("seed", 0, "Decides the random archs.", lower_bound=0)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results.")


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    distribution = distribution_from_flags()
    run = open_run(_WORKDIR.value)
    run.check_supernet()
    archs = parse_arch_list(run.space, _ARCH.value, _SEED.value)
    if not archs:
        raise InputError("Expected --arch to name an arch. Received: none. Pass --arch=max or another.")
    form = ModelForm.of_names(_PRECISION.value, _TARGET.value, _INPUT_TYPE.value)
    open_device(_DEVICE.value)  # raises if there can be no such device
    latency_model = run.find_latency_model(_DEVICE.value, form)
    if _OUTPUT.value:
        files.check_output(_OUTPUT.value)
        files.check_replaceable(_OUTPUT.value, "evaluation")
    replicas = configure_tensorflow(distribution=distribution)
    run.compute_on(replicas)
    run.load()
    subnets = count_in_words(len(archs), "subnet")
    announce(f"measuring {subnets} (the first one takes longer)")
    table = EvaluationTable(archs, has_latency=latency_model is not None)
    results: list[dict[str, Any]] = []
    for name, arch in archs.items():
        measured = run.measure(arch, _SPLIT.value)
        num_classes = run.supernet.num_classes
        facts = describe_evaluation(run.space, num_classes, arch, measured, form, latency_model)
        if replicas.is_first_worker:
            if not results:
                print(table.heading())
            print(table.line({"name": name, **facts}), flush=True)
        results.append({"name": name, "arch": arch.to_dict(), **facts})
    if _OUTPUT.value and replicas.is_first_worker:
        payload = {
            "split": _SPLIT.value,
            "device": _DEVICE.value,
            "target": _TARGET.value,
            "precision": _PRECISION.value,
            "input_type": _INPUT_TYPE.value,
            "results": results,
        }
        files.write_json(_OUTPUT.value, "evaluation", payload)


if __name__ == "__main__":
    command_line.run(main)
