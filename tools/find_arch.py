"""Finds a subnet for one latency budget by a method that trains for this budget alone, to compare with.

Needs a run with a latency table, of which it takes search space, data set and recipe, and no weights. Stopped, the same
call goes on from the last epoch (or network) that it had finished.

Example:
    python tools/find_arch.py --method=sampled --from=runs/mine --max_latency_ms=0.2 --epochs=16 --output=arch.json
    python tools/finetune.py --from=runs/mine --arch=arch.json --from_scratch --epochs=16 --workdir=runs/alone
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.studies.nas.search_methods import SEARCH_METHODS
from ofa_tf.studies.nas.search_task import SearchTask
from ofa_tf.training.config import PhaseConfig
from ofa_tf.workflow.run import open_run

define_plugins_flag()
_METHOD = flags.DEFINE_enum("method", "sampled", list(SEARCH_METHODS), "How to search.")
_FROM = flags.DEFINE_string("from", None, "Folder of a training run with a latency table.", required=True)
_DEVICE = flags.DEFINE_string("device", "host", "Device of the latency table.")
_LATENCY_TABLE = flags.DEFINE_string("latency_table", None, "Latency table; by default that in the folder of the run.")
_BUDGET = flags.DEFINE_float("max_latency_ms", None, "Latency budget.", required=True)
_EPOCHS = flags.DEFINE_integer("epochs", 16, "Epochs in which weights are trained, of each network.", lower_bound=1)
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 0.1, "Peak learning rate of the weights.")
_WARMUP_EPOCHS = flags.DEFINE_float("warmup_epochs", 0.0, "Epochs in which it rises.")
_MAX_SECONDS = flags.DEFINE_float(
    "max_processor_seconds",
    None,
    "For methods that train one network after the other: no further one after so much processor time.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Decides every random choice.", lower_bound=0)
_THREADS = flags.DEFINE_integer("intra_op_threads", 1, "Threads that share one operation; 0: as many as cores.")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the arch.", required=True)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    method = SEARCH_METHODS[_METHOD.value]
    command_line.check_has_effect(_MAX_SECONDS, method.has_time_limit, "with --method=random")
    files.check_output(_OUTPUT.value)
    files.check_replaceable(_OUTPUT.value, "arch")
    run = open_run(_FROM.value)
    state_path = Path(_OUTPUT.value).with_suffix(".part.npz")
    task = SearchTask(
        # Searches compute in float32, whatever the run was trained in.
        config=dataclasses.replace(run.config, seed=_SEED.value, mixed_precision="none"),
        recipe=PhaseConfig(_EPOCHS.value, _LEARNING_RATE.value, _WARMUP_EPOCHS.value),
        latency_model=run.latency_model(_DEVICE.value, latency_table=_LATENCY_TABLE.value),
        budget_ms=_BUDGET.value,
        max_processor_seconds=_MAX_SECONDS.value,
        state_path=state_path,
    )
    configure_tensorflow(_THREADS.value)
    found = method.find(task)
    predicted_ms = float(task.latency_model.predict(found.arch))
    notes = {
        "method": _METHOD.value,
        "budget_ms": task.budget_ms,
        "predicted_latency_ms": predicted_ms,
        "seed": _SEED.value,
        **found.notes,
    }
    found.arch.save(_OUTPUT.value, notes)
    state_path.unlink(missing_ok=True)
    print(f"Found a subnet of {predicted_ms:.3f} ms (predicted; at most {task.budget_ms:g}): see {_OUTPUT.value}.")
    command = shell_command(
        "tools/finetune.py",
        f"--from={_FROM.value}",
        f"--arch={_OUTPUT.value}",
        "--from_scratch",
        "--distillation_weight=0",
        f"--epochs={run.config.num_epochs}",
        f"--learning_rate={_LEARNING_RATE.value:g}",
        f"--warmup_epochs={_WARMUP_EPOCHS.value:g}",
        "--workdir=runs/alone",
    )
    print(f"Next: {command}")


if __name__ == "__main__":
    command_line.run(main)
