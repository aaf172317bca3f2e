"""Finds the most accurate subnet within limits, without training.

Needs an accuracy table and, for --max_latency_ms, a latency table of the device.

Example:
    python tools/search.py --workdir=runs/quickstart --device=host --max_latency_ms=0.5 --output=arch.json
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.report.search_summary import describe_search
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.search.limit_flags import define_limit_flags, limits_from_flags
from ofa_tf.search.predictors.predictor_registry import AUTOMATIC, PREDICTORS
from ofa_tf.tflite.quantization.precisions import PRECISIONS, get_precision
from ofa_tf.workflow.run import open_run
from ofa_tf.workflow.search import SearchSettings

define_limit_flags()
define_plugins_flag()
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_DEVICE = flags.DEFINE_string("device", "host", "Device of the latency table.")
_LATENCY_TABLE = flags.DEFINE_string(
    "latency_table", None, "Latency table of the device; by default the one in the folder of the run."
)
_PRECISION = flags.DEFINE_string("precision", "float32", f"Precision of the shipped model: {', '.join(PRECISIONS)}.")
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
    "pessimism", 0.0, "Standard deviations by which predicted accuracies are lowered in the search.", lower_bound=0.0
)
_CONFIDENCE = flags.DEFINE_float(
    "confidence",
    None,
    "Probability with which a limit of the latency is kept, such as 0.9: predictions get a margin from the errors of "
    "the latency model on networks that it was not calibrated on. By default no margin.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Decides every random choice.", lower_bound=0)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the arch.", required=True)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    limits = limits_from_flags()
    run = open_run(_WORKDIR.value)
    latency_table = _LATENCY_TABLE.value or None
    files.check_output(_OUTPUT.value)
    files.check_replaceable(_OUTPUT.value, "arch")
    settings = SearchSettings(
        precision=_PRECISION.value,
        evolution=EvolutionSettings(_POPULATION.value, _GENERATIONS.value),
        num_finalists=_FINALISTS.value,
        seed=_SEED.value,
        predictor=_PREDICTOR.value,
        pessimism=_PESSIMISM.value,
        confidence=_CONFIDENCE.value,
    )
    run.check_search(limits, _DEVICE.value, settings, latency_table)
    configure_tensorflow()
    found = run.search(limits, _DEVICE.value, settings, latency_table)
    found.arch.save(_OUTPUT.value, found.notes())
    print(describe_search(found))
    print(f"written to {_OUTPUT.value}")
    print(
        f"Next: python tools/to_tflite.py --workdir={_WORKDIR.value} --arch={_OUTPUT.value} "
        f"--quantization={get_precision(settings.precision).mode.name} --output=model.tflite"
    )


if __name__ == "__main__":
    command_line.run(main)
