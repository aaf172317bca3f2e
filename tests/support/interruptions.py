"""Interrupting a training in the middle."""

import os
import signal
from typing import Any

import pytest

from ofa_tf.training.train_step import StepResult, TrainStep


def interrupt_after(monkeypatch: pytest.MonkeyPatch, num_steps: int) -> list[StepResult]:
    """Send SIGTERM in the middle of a training, once; gives the list of what all steps return."""
    take_step = TrainStep.__call__
    taken: list[StepResult] = []

    def stop_after_some(*args: Any, **kwargs: Any) -> StepResult:
        result = take_step(*args, **kwargs)
        taken.append(result)
        if len(taken) == num_steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(TrainStep, "__call__", stop_after_some)
    return taken
