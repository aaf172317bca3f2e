from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.training.phases import Teacher
from ofa_tf.training.throughput import REFERENCES, WAYS, TrainingLoad, measure_throughput
from ofa_tf.training.train_step import TrainStep
from tests.support.spaces import MICRO


@pytest.mark.slow
def test_every_way_to_train_is_measured() -> None:
    results = list(measure_throughput(TrainingLoad(MICRO.name, 4, 16), num_rounds=2, steps_per_round=1))
    names = [result.name for result in results]
    assert names == list(WAYS)
    assert set(REFERENCES) <= set(names)
    assert all(result.images_per_second > 0 and result.first_step_seconds > 0 for result in results)


def test_a_step_of_several_subnets_and_a_teacher_is_measured_in_half_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_step = TrainStep.__call__
    taken = set()

    def record(step: TrainStep, images: tf.Tensor, labels: tf.Tensor, genes: np.ndarray, **settings: Any) -> Any:
        taken.add((step.supernet.compute_dtype, images.shape[:2], len(genes), settings["teacher"]))
        return take_step(step, images, labels, genes, **settings)

    monkeypatch.setattr(TrainStep, "__call__", record)
    load = TrainingLoad(MICRO.name, 4, 16, num_subnets=2, has_teacher=True, mixed_precision="bfloat16")
    (result,) = measure_throughput(load, num_rounds=1, steps_per_round=1, ways=WAYS[:1])
    assert result.images_per_second > 0
    assert taken == {("bfloat16", (4, 16), 2, Teacher.FULL_NETWORK)}
