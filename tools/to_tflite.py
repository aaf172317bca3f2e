"""Cuts out a subnet and writes it as a TFLite model with a JSON sidecar.

Example:
    python tools/to_tflite.py --workdir=runs/quickstart --arch=arch.json --quantization=int8 --output=model.tflite
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from ofa_tf import cli, io
from ofa_tf.errors import InputError
from ofa_tf.export.sidecar import sidecar_path
from ofa_tf.runtime import configure_tensorflow
from ofa_tf.workdir import Workdir

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_ARCH = flags.DEFINE_string("arch", None, "An arch JSON file, max or min.", required=True)
_QUANTIZATION = flags.DEFINE_enum(
    "quantization",
    "none",
    ["none", "float16", "dynamic", "int8"],
    "Quantization after training (quantization-aware training and int16x8 are not done yet).",
)
_NUM_IMAGES = flags.DEFINE_integer("num_representative_images", 200, "Training images that set the int8 ranges.")
_OUTPUT = flags.DEFINE_string("output", None, "File to write, ending in .tflite.", required=True)


def main(argv: Sequence[str]) -> None:
    del argv
    sidecar = sidecar_path(_OUTPUT.value)
    io.check_replaceable(sidecar, "tflite_model")  # now rather than after the work
    workdir = Workdir(_WORKDIR.value)
    archs = workdir.parse_archs(_ARCH.value)
    if len(archs) != 1:
        raise InputError(f"Expected --arch to be one arch. Received: --arch={_ARCH.value}.")
    (arch,) = archs.values()
    _warn_of_other_precision()
    configure_tensorflow()
    from ofa_tf.pipeline import ship_subnet

    shipped = ship_subnet(workdir, arch, _QUANTIZATION.value, _OUTPUT.value, _NUM_IMAGES.value)
    print(f"{_OUTPUT.value}: {shipped['size_bytes']:,} bytes, test top-1 {shipped['top1']:.2%}; facts in {sidecar}")


def _warn_of_other_precision() -> None:
    """The latency and size that a search kept to are those of the precision it was told."""
    notes = io.read_json(_ARCH.value, "arch").get("notes") if Path(_ARCH.value).is_file() else None
    precision = notes.get("precision") if isinstance(notes, dict) else None
    if precision is not None and {"float32": "none", "int8": "int8"}.get(precision) != _QUANTIZATION.value:
        print(
            f"warning: {_ARCH.value} was searched with --precision={precision}, but --quantization="
            f"{_QUANTIZATION.value} is asked for: the search's latency and size do not hold for this model.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    cli.run(main)
