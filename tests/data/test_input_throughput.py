import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.data import input_throughput
from ofa_tf.data.input_throughput import InputTask, measure_input_throughput, write_photos
from ofa_tf.data.sources import open_source


def test_each_way_to_prepare_images_is_measured(tmp_path):
    task = InputTask(height=30, width=40, image_size=16, batch_size=4, num_batches=3)
    write_photos(tmp_path, task)
    source = open_source(f"folder:{tmp_path}")
    assert source.num_examples("train") >= task.num_images
    image, _ = next(source.examples("train").as_numpy_iterator())
    assert image.shape == (30, 40, 3)
    assert np.std(image) > 20

    (sizes,) = [np.unique(batch, axis=0).tolist() for batch in input_throughput._decode(source, task, 0).take(1)]
    assert sizes == [[30, 40, 3]]
    for prepare in (
        input_throughput._prepare_whole_images,
        input_throughput._train_batches,
        input_throughput._eval_batches,
    ):
        batches = [batch[0] for batch in prepare(source, task, 0)]
        assert [batch.shape for batch in batches] == [(4, 16, 16, 3)] * 3
        assert np.std(batches[0]) > 0.1

    results = list(measure_input_throughput(tmp_path, task, num_rounds=1))
    assert len({result.name for result in results}) == 4
    assert all(result.images_per_core_second > 0 for result in results)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "`height` to be at least 1. Received: height=0"),
        ({"num_batches": 1}, "`num_batches` to be at least 2. Received: num_batches=1"),
        ({"augmentation": "flip"}, "one of none, crop"),
    ],
)
def test_tasks_out_of_range(change, message):
    with pytest.raises(InputError, match=message):
        InputTask(**change)
