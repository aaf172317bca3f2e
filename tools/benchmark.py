"""Measures the latency of TFLite models on a device.

Example:
    python tools/benchmark.py --model=model.tflite --device=host --output=benchmark.json

Several models (--model=a.tflite,b.tflite) are measured in turns.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from ofa_tf import cli, io
from ofa_tf.errors import InputError

_MODEL = flags.DEFINE_list("model", None, "TFLite files, separated by commas.", required=True)
_DEVICE = flags.DEFINE_string("device", "host", "host (adb phones are not supported yet).")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the interpreter.")
_WARMUP_RUNS = flags.DEFINE_integer("warmup_runs", 2, "Runs before the measured ones of a round.")
_NUM_RUNS = flags.DEFINE_integer("num_runs", 10, "Measured runs of a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 10, "Rounds over all models, at least.")
_TIME_LIMIT = flags.DEFINE_float("time_limit_s", 600.0, "Limit for all models together, seconds.")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results.")


def main(argv: Sequence[str]) -> None:
    del argv
    from ofa_tf.device.device import BenchmarkModel, BenchmarkSettings, get_device
    from ofa_tf.device.results import KIND, save_benchmark
    from ofa_tf.progress import on_progress, progress_bar

    settings = BenchmarkSettings(
        num_threads=_NUM_THREADS.value,
        warmup_runs=_WARMUP_RUNS.value,
        num_runs=_NUM_RUNS.value,
        rounds=_ROUNDS.value,
        time_limit_s=_TIME_LIMIT.value,
    )
    if not _MODEL.value:
        raise InputError("Expected --model to name at least one TFLite file. Received: none.")
    device = get_device(_DEVICE.value)
    missing = [path for path in _MODEL.value if not Path(path).is_file()]
    if missing:
        raise InputError(f"Expected --model to name TFLite files. Received: no file at {', '.join(missing)}.")
    if _OUTPUT.value:
        io.check_output(_OUTPUT.value)
        io.check_replaceable(_OUTPUT.value, KIND)
    models = [BenchmarkModel(path, Path(path)) for path in _MODEL.value]
    with progress_bar(1, f"benchmark on {device.id}", "step") as bar:
        measurements = device.measure(models, settings, on_progress(bar))
    for measurement in measurements:
        if measurement.error:
            print(f"{measurement.model}: not measured: {measurement.error}")
        else:
            print(
                f"{measurement.model}: {measurement.latency_ms:.3f} ms (median of {measurement.num_runs} runs; "
                f"5% {measurement.latency_p5_ms:.3f}, 95% {measurement.latency_p95_ms:.3f})"
            )
    if _OUTPUT.value:
        save_benchmark(_OUTPUT.value, measurements, settings)
    failed = [f"{measurement.model}: {measurement.error}" for measurement in measurements if measurement.error]
    if failed:
        raise InputError(f"Expected all models to run on {device.id}. Received: {'; '.join(failed)}.")


if __name__ == "__main__":
    cli.run(main)
