"""How often a fixed model and an elastic one miss a deadline while their process gets less and less of a processor.

    python -m tests.support.deadline_simulation ELASTIC.tflite GROUP

GROUP is a new folder below /sys/fs/cgroup/cpu: Linux's first kind of control groups, which only root can make. The
process is put into it, and its quota is lowered from phase to phase, as a phone lowers the clock of its cores.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ofa_tf.tflite.litert.elastic_model import ElasticModel
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import read_metadata

_QUOTAS = (1.0, 0.5, 0.25, 0.1, 1.0)  # of one processor
_SHORTEST_QUOTA_US = 1000  # that Linux allows; for what is left of each period the process is stopped
_NUM_FRAMES = 500  # a phase
_DEADLINE = 2.5  # times the largest model's best


class _Quota:
    """The share of a processor that this process gets."""

    def __init__(self, group: Path) -> None:
        group.mkdir(exist_ok=True)
        self._group = group
        (group / "cgroup.procs").write_text(str(os.getpid()))

    def set(self, share: float) -> None:
        (self._group / "cpu.cfs_quota_us").write_text("-1")  # none: a period may then be set
        if share < 1:
            (self._group / "cpu.cfs_period_us").write_text(str(round(_SHORTEST_QUOTA_US / share)))
            (self._group / "cpu.cfs_quota_us").write_text(str(_SHORTEST_QUOTA_US))


def _run_frames(choose: Callable[[], str], elastic: ElasticModel, deadline_ms: float) -> tuple[int, list[str]]:
    """Frames that came too late, and what ran each."""
    images = {}
    for signature, model in elastic.models.items():
        images[signature] = np.zeros((1, model.image_size, model.image_size, 3), np.float32)
    missed, chosen = 0, []
    # Pauses of equal length would keep step with the periods of the quota, and chance decide what is missed.
    pauses_ms = np.random.default_rng(0).uniform(0, 2 * deadline_ms, _NUM_FRAMES)
    for pause_ms in pauses_ms:
        signature = choose()
        start = time.perf_counter()
        elastic.models[signature].predict(images[signature])
        took_ms = 1000 * (time.perf_counter() - start)
        elastic.note(signature, took_ms)
        missed += took_ms > deadline_ms
        chosen.append(signature)
        time.sleep(pause_ms / 1000)
    return missed, chosen


def _best_ms(model: TFLiteModel) -> float:
    """The shortest of some runs."""
    images = np.zeros((1, model.image_size, model.image_size, 3), np.float32)
    durations = []
    for _ in range(20):
        start = time.perf_counter()
        model.predict(images)
        durations.append(time.perf_counter() - start)
    return 1000 * min(durations)


def main() -> None:
    path, group = sys.argv[1], Path(sys.argv[2])
    elastic = ElasticModel(path)
    facts = read_metadata(path)["signatures"]
    smallest, *_, largest = elastic.models
    best_ms = {signature: _best_ms(model) for signature, model in elastic.models.items()}
    deadline_ms = _DEADLINE * best_ms[largest]
    described = ", ".join(f"{signature} {best:.2f} ms" for signature, best in best_ms.items())
    print(f"deadline {deadline_ms:.2f} ms; at their best: {described}")
    quota = _Quota(group)
    ways: dict[str, Callable[[], str]] = {
        f"always {largest}": lambda: largest,
        "elastic": lambda: elastic.choose(deadline_ms),
        f"always {smallest}": lambda: smallest,
    }
    for share in _QUOTAS:
        for way, choose in ways.items():
            quota.set(share)
            missed, chosen = _run_frames(choose, elastic, deadline_ms)
            accuracy = float(np.mean([facts[signature]["top1"] for signature in chosen]))
            shares = {signature: chosen.count(signature) / len(chosen) for signature in elastic.models}
            ran = ", ".join(f"{signature} {part:.0%}" for signature, part in shares.items() if part)
            print(f"{share:4.0%}  {way:16}  {missed / _NUM_FRAMES:6.1%} missed, top-1 {accuracy:.2%}  ({ran})")


if __name__ == "__main__":
    main()
