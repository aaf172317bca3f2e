"""How all workers begin from the same state: the first one reads files, the others get what it has read."""

import dataclasses
import json
from collections.abc import Sequence

import keras
import numpy as np

from ofa_tf.base.replicas import Replicas
from ofa_tf.training.train_state import TrainState, state_from_document


def share_variables(replicas: Replicas, variables: Sequence[keras.Variable]) -> None:
    """Give variables the values that they have on the first worker. All workers must call this."""
    if replicas.num_workers == 1:
        return
    flat_values = [np.ravel(variable.numpy()) for variable in variables]
    shared = replicas.from_first(np.concatenate(flat_values, dtype=np.float64))
    start = 0
    for variable in variables:
        end = start + int(np.prod(variable.shape))
        variable.assign(shared[start:end].reshape(variable.shape))
        start = end


def share_state(replicas: Replicas, state: TrainState) -> TrainState:
    """The first worker's state of a phase. All workers must call this."""
    if replicas.num_workers == 1:
        return state
    text = json.dumps(dataclasses.asdict(state)).encode()
    length = int(replicas.from_first(np.asarray(len(text))))
    letters = np.zeros(length)
    if replicas.is_first_worker:
        letters[:] = list(text)
    shared = bytes(replicas.from_first(letters).astype(np.uint8))
    return state_from_document(json.loads(shared))
