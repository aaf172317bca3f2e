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
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.workflow.workdir import Workdir

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the training run.", required=True)
_DEVICE = flags.DEFINE_string("device", "host", "Device of the latency table.")
_LATENCY_TABLE = flags.DEFINE_string(
    "latency_table", None, "Latency table of the device; by default the one in the folder of the run."
)
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "int8"], "Precision of the shipped model.")
_LATENCY = flags.DEFINE_float("max_latency_ms", None, "Largest predicted latency, milliseconds.")
_MACS = flags.DEFINE_float("max_macs", None, "Largest number of multiply-accumulates.")
_SIZE = flags.DEFINE_float("max_size_bytes", None, "Largest estimated size of the weights.")
_PEAK_RAM = flags.DEFINE_float("max_peak_ram_bytes", None, "Largest estimated memory of the activations.")
_GENERATIONS = flags.DEFINE_integer("num_generations", 500, "Generations of the evolution.")
_POPULATION = flags.DEFINE_integer("population_size", 100, "Size of its population.")
_FINALISTS = flags.DEFINE_integer(
    "num_finalists", 5, "Best archs that are measured; 0: trust predictions.", lower_bound=0
)
_SEED = flags.DEFINE_integer("seed", 0, "Decides every random choice.", lower_bound=0)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the arch.", required=True)


def main(argv: Sequence[str]) -> None:
    del argv
    limits = Limits(_LATENCY.value, _MACS.value, _SIZE.value, _PEAK_RAM.value)
    workdir = Workdir(_WORKDIR.value)
    table = Path(_LATENCY_TABLE.value) if _LATENCY_TABLE.value else None
    workdir.check_tables(_DEVICE.value if _LATENCY.value is not None else None, _PRECISION.value, table)
    files.check_output(_OUTPUT.value)
    files.check_replaceable(_OUTPUT.value, "arch")
    settings = EvolutionSettings(_POPULATION.value, _GENERATIONS.value)
    configure_tensorflow()
    from ofa_tf.workflow.pipeline import search_under

    found = search_under(
        workdir, limits, _DEVICE.value, _PRECISION.value, settings, _FINALISTS.value, _SEED.value, table
    )
    found.arch.save(_OUTPUT.value, found.notes())
    measured = "" if found.measured_top1 is None else f", measured {found.measured_top1:.2%}"
    print(f"validation top-1: predicted {found.predicted_top1:.2%}{measured}")
    for name, value in found.costs.items():
        print(f"{name}: {value:g} (limit {found.limits[name]:g})")
    print(f"written to {_OUTPUT.value}")


if __name__ == "__main__":
    command_line.run(main)
