import pytest

from ofa_tf.training.throughput import REFERENCES, measure_throughput
from tests.support.spaces import MICRO


@pytest.mark.slow
def test_every_way_to_train_is_measured() -> None:
    results = list(measure_throughput(MICRO.name, batch_size=4, image_size=16, num_rounds=2, steps_per_round=1))
    names = [result.name for result in results]
    assert len(set(names)) == 4
    assert set(REFERENCES) <= set(names)
    assert all(result.images_per_second > 0 and result.first_step_seconds > 0 for result in results)
