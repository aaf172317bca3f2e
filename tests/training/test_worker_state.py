import keras
import numpy as np

from ofa_tf.base.replicas import Replicas
from ofa_tf.training.epoch_means import EpochMeans
from ofa_tf.training.train_state import TrainState
from ofa_tf.training.worker_state import share_state, share_variables


class _Worker(Replicas):
    """One of two workers, without the other: each sum is that of its own value and of what the other one says."""

    num_workers = 2

    def __init__(self, worker: int, said: list[np.ndarray]) -> None:
        self.worker = worker
        self._said = said

    def sum_over_workers(self, value: np.ndarray) -> np.ndarray:
        value = super().sum_over_workers(value)
        if self.is_first_worker:
            self._said.append(value)
            return value
        return value + self._said.pop(0)


def test_variables_of_all_types_are_those_of_the_first_worker() -> None:
    values = [np.float32([[0.1, np.nan], [-np.inf, 2.0]]), np.int64(123_456_789_012), np.float32([1e-30])]
    said: list[np.ndarray] = []
    for worker in range(2):
        variables = []
        for value in values:
            start = value if worker == 0 else np.ones_like(value)
            variables.append(keras.Variable(start, dtype=value.dtype.name))
        share_variables(_Worker(worker, said), variables)
        for variable, value in zip(variables, values, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
    assert not said


def test_the_state_of_a_phase_is_that_of_the_first_worker() -> None:
    entry = {"epoch": 1, "loss": 0.1, "name": "größte"}
    state = TrainState("full", num_steps=7, history=[entry], means=EpochMeans(3, 0.3, 0.7))
    said: list[np.ndarray] = []
    assert share_state(_Worker(0, said), state) == state
    assert share_state(_Worker(1, said), TrainState("full")) == state
