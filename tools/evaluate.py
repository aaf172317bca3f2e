"""Measures the top-1 accuracy of subnets, each after BN calibration.

Example:
    python tools/evaluate.py --workdir=runs/quickstart --arch=random:3 --split=test
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.distribution_flag import define_distribution_flag, distribution_from_flags
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.progress import announce
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.space.arch import Arch
from ofa_tf.workflow.arch_names import parse_archs
from ofa_tf.workflow.run import open_run

define_plugins_flag()
define_distribution_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_ARCH = flags.DEFINE_list("arch", ["max"], "Arch JSON files, max, min or random:N, separated by commas.")
_SPLIT = flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Images to measure on.")
_SEED = flags.DEFINE_integer("seed", 0, "Decides the random archs.", lower_bound=0)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results.")


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    distribution = distribution_from_flags()
    run = open_run(_WORKDIR.value)
    archs: dict[str, Arch] = {}
    for text in _ARCH.value:
        archs |= parse_archs(run.space, text, _SEED.value)
    if not archs:
        raise InputError("Expected --arch to name an arch. Received: none. Pass --arch=max or another.")
    if _OUTPUT.value:
        files.check_output(_OUTPUT.value)
        files.check_replaceable(_OUTPUT.value, "evaluation")
    replicas = configure_tensorflow(distribution=distribution)
    run.compute_on(replicas)
    run.load()
    subnets = "1 subnet" if len(archs) == 1 else f"{len(archs)} subnets"
    announce(f"measuring {subnets} (the first one takes longer)")
    results = []
    for name, arch in archs.items():
        top1 = run.evaluate(arch, _SPLIT.value)
        results.append({"name": name, "arch": arch.to_dict(), "top1": top1})
        if replicas.is_first_worker:
            print(f"{name}: top-1 {top1:.2%} on {_SPLIT.value} at {arch.image_size} px", flush=True)
    if _OUTPUT.value and replicas.is_first_worker:
        payload = {"split": _SPLIT.value, "results": results}
        files.write_json(_OUTPUT.value, "evaluation", payload)


if __name__ == "__main__":
    command_line.run(main)
