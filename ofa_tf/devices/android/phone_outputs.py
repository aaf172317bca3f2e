"""What a model gives on a phone: for each input a call of `benchmark_model`, which reads a file and writes one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ofa_tf.devices.android.benchmark_model.program import BenchmarkProgram
from ofa_tf.devices.android.time_limit import TimeLimit

# One run, without a warm-up.
_ONCE = ("--num_runs=1", "--min_secs=0", "--warmup_runs=0", "--warmup_min_secs=0")
_HASH_LENGTH_IN_NAMES = 16


def run_for_outputs(
    program: BenchmarkProgram, model: Path, inputs: Sequence[np.ndarray], folder: Path, limit: TimeLimit
) -> list[bytes]:
    """Run a model on inputs.

    Args:
        program: The program, on a phone.
        model: The model's file, on this computer.
        inputs: Input tensors, in the model's shape and type.
        folder: For files on the way, on this computer.
        limit: For all together.

    Returns:
        The bytes of the output tensor for each input.

    Raises:
        InputError: If the program fails, is too old for that, or another delegate runs the model.
        TimeoutError: If the limit is reached.
    """
    remote_model = _push(program, model, ".tflite")
    outputs = []
    for number, values in enumerate(inputs):
        local = folder / f"{number}.input"
        local.write_bytes(np.ascontiguousarray(values).tobytes())
        remote_input = _push(program, local, ".input")
        remote_output = f"{program.folder}/{number}.output"
        sizes = ",".join(str(size) for size in values.shape)
        # Inputs are told apart by their places; what they are called here does not matter.
        flags = [
            *_ONCE,
            "--input_layer=images",
            f"--input_layer_shape={sizes}",
            f"--input_layer_value_files=images:{remote_input}",
            f"--output_filepath={remote_output}",
        ]
        program.run(remote_model, flags, limit)
        outputs.append(program.read_file(remote_output, "Take a newer build."))
    return outputs


def _push(program: BenchmarkProgram, path: Path, ending: str) -> str:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    remote = f"{program.folder}/{sha256[:_HASH_LENGTH_IN_NAMES]}{ending}"
    program.adb.push(path, remote)
    return remote
