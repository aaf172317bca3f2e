"""Cuts out a subnet and writes it as a TFLite model with a JSON sidecar.

Example:
    python tools/to_tflite.py --workdir=runs/quickstart --arch=arch.json --quantization=int8 --output=model.tflite

With --model instead of --workdir and --arch, it converts a Keras subnet, such as tools/import_specialized.py makes.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from ofa_tf import cli, io
from ofa_tf.errors import InputError
from ofa_tf.export.input_format import INPUT_TYPES
from ofa_tf.export.lowering import LOWERINGS
from ofa_tf.export.metadata import read_metadata
from ofa_tf.export.options import QUANTIZATIONS, ExportOptions
from ofa_tf.export.sidecar import sidecar_path
from ofa_tf.runtime import configure_tensorflow
from ofa_tf.workdir import Workdir

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run or import.")
_ARCH = flags.DEFINE_string("arch", None, "An arch JSON file, max or min.")
_MODEL = flags.DEFINE_string("model", None, "A .keras file of a subnet, instead of --workdir and --arch.")
_DATASET = flags.DEFINE_string(
    "dataset", None, "With --model: data set for the int8 ranges and the accuracy, as for train_main.py."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "With --dataset: where tensorflow-datasets keeps prepared data sets.")
_QUANTIZATION = flags.DEFINE_enum(
    "quantization",
    "none",
    QUANTIZATIONS,
    "Quantization after training (quantization-aware training and int16x8 are not done yet).",
)
_NUM_IMAGES = flags.DEFINE_integer("num_representative_images", 200, "Training images that set the int8 ranges.")
_LOWERING = flags.DEFINE_list(
    "lowering",
    ["all"],
    f"Rewrites for LiteRT's CPU kernels: all, none (for other delegates), or some of {', '.join(LOWERINGS)}.",
)
_INPUT_TYPE = flags.DEFINE_enum(
    "input_type",
    "normalized",
    INPUT_TYPES,
    "What the model takes: images normalised as for training, or pixels, which it then normalises itself: float32 "
    "from 0 to 1, or uint8 from 0 to 255 as a camera gives them.",
)
_MAX_ACCURACY_DROP = flags.DEFINE_float(
    "max_accuracy_drop", 1.0, "Largest loss of top-1 accuracy through quantization, percent points; else no file."
)
_DESCRIBE = flags.DEFINE_string("describe", None, "Print what is known of this .tflite file, and do nothing else.")
_OUTPUT = flags.DEFINE_string("output", None, "File to write, ending in .tflite.")


def main(argv: Sequence[str]) -> None:
    del argv
    if _DESCRIBE.value is not None:
        print(json.dumps(read_metadata(_DESCRIBE.value), indent=1, ensure_ascii=False))
        return
    if _OUTPUT.value is None:
        raise InputError("Expected --output, the file to write, or --describe. Received: neither.")
    sidecar = sidecar_path(_OUTPUT.value)
    io.check_output(_OUTPUT.value)  # now rather than after the work
    io.check_replaceable(sidecar, "tflite_model")
    options = ExportOptions(
        _QUANTIZATION.value, tuple(_LOWERING.value), _INPUT_TYPE.value, _MAX_ACCURACY_DROP.value / 100
    )
    shipped = _ship_model(options) if _MODEL.value is not None else _ship_subnet(options)
    top1 = "not measured (no --dataset)" if shipped["top1"] is None else f"{shipped['top1']:.2%}"
    print(f"{_OUTPUT.value}: {shipped['size_bytes']:,} bytes, test top-1 {top1}; facts in {sidecar}")


def _ship_model(options: ExportOptions) -> dict[str, Any]:
    if _WORKDIR.value is not None or _ARCH.value is not None:
        raise InputError("Expected --model, or --workdir and --arch. Received: both.")
    if not Path(_MODEL.value).is_file():
        raise InputError(f"Expected --model to be a .keras file. Received: no file at {_MODEL.value}.")
    configure_tensorflow()
    from ofa_tf.pipeline import ship_model

    return ship_model(_MODEL.value, _OUTPUT.value, options, _DATASET.value, _DATA_DIR.value, _NUM_IMAGES.value)


def _ship_subnet(options: ExportOptions) -> dict[str, Any]:
    if _WORKDIR.value is None or _ARCH.value is None:
        raise InputError("Expected --workdir and --arch, or --model. Received: too few of them.")
    if _DATASET.value is not None or _DATA_DIR.value is not None:
        raise InputError(
            "Expected --dataset and --data_dir with --model only: a run in --workdir has its own data set."
        )
    workdir = Workdir(_WORKDIR.value)
    archs = workdir.parse_archs(_ARCH.value)
    if len(archs) != 1:
        raise InputError(f"Expected --arch to be one arch. Received: --arch={_ARCH.value}.")
    (arch,) = archs.values()
    _warn_of_other_precision()
    configure_tensorflow()
    from ofa_tf.pipeline import ship_subnet

    return ship_subnet(workdir, arch, _OUTPUT.value, options, _NUM_IMAGES.value)


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
