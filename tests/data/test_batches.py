import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.data.augmentations import AUGMENTATIONS, Augmentation
from ofa_tf.data.batches import calibration_batches, eval_batches, steps_per_epoch, train_batches
from tests.support.images import normalized


def _train(source, **changes):
    arguments = {"batch_size": 8, "epoch": 2, "seed": 5, "image_sizes": [16, 12, 16, 8], "augmentation": "imagenet"}
    return [(x.numpy(), y.numpy()) for x, y in train_batches(source, **{**arguments, **changes})]


def _assert_same(first, second):
    assert len(first) == len(second)
    for (images, labels), (other_images, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


@pytest.fixture(params=["digits", "tiny", "streamed"])
def source(request):
    return request.getfixturevalue(request.param)


def test_same_seed_and_epoch_give_the_same_batches_whatever_the_global_seed(source):
    tf.random.set_seed(1)
    first = _train(source)
    tf.random.set_seed(2)
    _assert_same(first, _train(source))


def test_batches_can_be_iterated_over_again(source):
    batches = train_batches(source, batch_size=8, epoch=0, seed=0, image_sizes=[8] * 3, augmentation="crop")
    first, second = ([(x.numpy(), y.numpy()) for x, y in batches] for _ in range(2))
    assert len(first) == len(batches) == 3
    _assert_same(first, second)


@pytest.mark.parametrize("change", [{"epoch": 3}, {"seed": 6}])
def test_other_epochs_and_seeds_give_other_batches(source, change):
    for (images, _), (other, _) in zip(_train(source), _train(source, **change), strict=True):
        assert not np.array_equal(images, other)


def test_resuming_at_a_step_gives_the_rest_of_the_epoch(source):
    whole = _train(source)
    for start in (1, 3, 4):
        _assert_same(_train(source, start_step=start), whole[start:])


def test_workers_share_each_batch(source):
    whole = _train(source)
    parts = [_train(source, worker=worker, num_workers=2) for worker in range(2)]
    joined = [tuple(np.concatenate(pair) for pair in zip(*both, strict=True)) for both in zip(*parts, strict=True)]
    _assert_same(joined, whole)


def test_resuming_a_worker_gives_the_rest_of_its_epoch(source):
    _assert_same(_train(source, worker=1, num_workers=4, start_step=2), _train(source, worker=1, num_workers=4)[2:])


def test_each_step_has_its_image_size_and_every_batch_is_full(source):
    batches = _train(source)
    assert [images.shape for images, _ in batches] == [(8, s, s, 3) for s in (16, 12, 16, 8)]
    assert all(images.dtype == np.float32 and labels.dtype == np.int32 for images, labels in batches)


@pytest.mark.parametrize("augmentation", ["none", "crop", "imagenet"])
def test_images_are_in_the_normalised_range(digits, augmentation):
    values = np.concatenate([x.ravel() for x, _ in _train(digits, augmentation=augmentation)])
    assert -2.12 < values.min() < -2
    assert 2 < values.max() < 2.65


def test_an_epoch_has_each_training_image_once(digits):
    steps = steps_per_epoch(digits, 1)
    assert steps == 1294
    seen = _train(digits, batch_size=1294, image_sizes=[8], augmentation="none")[0]
    expected = next(iter(eval_batches(digits, "train", image_size=8, batch_size=1294)))
    assert sorted(x.tobytes() for x in seen[0]) == sorted(x.tobytes() for x in expected[0].numpy())
    assert not np.array_equal(seen[1], expected[1])


def test_images_that_fill_no_batch_are_left_out(tiny):
    assert steps_per_epoch(tiny, 8) == 4  # 36 images


def test_images_in_memory_are_decoded_once(digits):
    assert digits.in_memory("train") is digits.in_memory("train")


@pytest.mark.parametrize("batch_size", [1295, 0])
def test_batch_size_out_of_range(digits, batch_size):
    with pytest.raises(InputError, match=rf"Expected `batch_size`.*Received: batch_size={batch_size}\."):
        steps_per_epoch(digits, batch_size)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"augmentation": "flip"}, "one of none, crop, cifar, imagenet. Received: augmentation='flip'"),
        ({"image_sizes": [8] * 5}, "at most 4. Received: 5 entries"),
        ({"image_sizes": []}, "at most 4. Received: 0 entries"),
        ({"image_sizes": [8, 0]}, "`image_sizes` to be at least 1. Received: 0"),
        ({"start_step": 5}, "between 0 and the 4 steps of the epoch. Received: start_step=5"),
        ({"num_workers": 3}, "Received: batch_size=8, num_workers=3, worker=0"),
        ({"num_workers": 2, "worker": 2}, "Received: batch_size=8, num_workers=2, worker=2"),
    ],
)
def test_train_arguments_out_of_range(tiny, change, message):
    with pytest.raises(InputError, match=message):
        _train(tiny, **change)


def test_evaluation_covers_the_split_in_order_with_a_last_partial_batch(source):
    batches = eval_batches(source, "test", image_size=10, batch_size=7)
    num_examples = source.num_examples("test")
    results = [(x.numpy(), y.numpy()) for x, y in batches]
    assert len(batches) == len(results) == -(-num_examples // 7)
    assert [len(y) for _, y in results] == [7] * (num_examples // 7) + [num_examples % 7]
    images = [image for image, _ in source.examples("test").as_numpy_iterator()]
    expected = [normalized(tf.image.resize(image, (10, 10), antialias=True)) for image in images]
    np.testing.assert_allclose(np.concatenate([x for x, _ in results]), expected, atol=1e-4)


@pytest.mark.parametrize("num_workers", [2, 5])
def test_workers_share_the_batches_of_an_evaluation(tiny, streamed, num_workers):
    for source in (tiny, streamed):
        whole = [(x.numpy(), y.numpy()) for x, y in eval_batches(source, "test", image_size=8, batch_size=4)]
        for worker in range(num_workers):
            part = eval_batches(source, "test", image_size=8, batch_size=4, worker=worker, num_workers=num_workers)
            expected = whole[worker::num_workers]
            assert len(part) == len(expected)  # none where there are more workers than batches
            _assert_same([(x.numpy(), y.numpy()) for x, y in part], expected)


@pytest.mark.parametrize("augmentation", [None, "imagenet"])
def test_workers_share_the_batches_of_a_calibration(tiny, streamed, augmentation):
    settings = {"image_size": 8, "batch_size": 6, "num_images": 17, "seed": 3, "augmentation": augmentation}
    for source in (tiny, streamed):
        whole = [images.numpy() for images in calibration_batches(source, **settings)]
        assert len(whole) == 3
        for worker in range(2):
            part = calibration_batches(source, **settings, worker=worker, num_workers=2)
            expected = whole[worker::2]
            assert len(part) == len(expected)
            for images, expected_images in zip(part, expected, strict=True):
                np.testing.assert_array_equal(images, expected_images)


def test_evaluation_limit_takes_the_first_images(source):
    whole = next(iter(eval_batches(source, "test", image_size=8, batch_size=9)))
    part = list(eval_batches(source, "test", image_size=8, batch_size=3, limit=5))
    assert [len(y) for _, y in part] == [3, 2]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in part]), whole[0][:5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 0}, "Received: limit=0"),
        ({"image_size": 0}, "Received: image_size=0"),
        ({"batch_size": 0}, "Received: batch_size=0"),
        ({"crop_fraction": 1.5}, "Received: crop_fraction=1.5"),
    ],
)
def test_evaluation_arguments_out_of_range(tiny, change, message):
    with pytest.raises(InputError, match=message):
        eval_batches(tiny, "test", **{"image_size": 8, "batch_size": 4, **change})


@pytest.mark.parametrize(("num_images", "sizes"), [(32, [8] * 4), (20, [6] * 3), (5, [5]), (100, [7] * 5)], ids=str)
def test_calibration_batches_are_of_equal_size(tiny, num_images, sizes):
    batches = calibration_batches(tiny, image_size=8, batch_size=8, num_images=num_images, seed=0)
    assert [x.shape for x in batches] == [(size, 8, 8, 3) for size in sizes]
    assert len(batches) == len(sizes)


def test_calibration_images_are_cut_and_flipped_as_in_training_and_keep_their_colours(tiny, monkeypatch):
    monkeypatch.setattr(AUGMENTATIONS, "_entries", AUGMENTATIONS._entries.copy())
    mirror = AUGMENTATIONS.register("mirror", Augmentation(flip=True))
    colourful = dataclasses.replace(mirror, brightness=0.5, saturation=0.5)
    AUGMENTATIONS.register("colourful mirror", colourful)
    settings = {"image_size": 8, "batch_size": 5, "num_images": 30, "seed": 3}

    def images(augmentation):
        batches = calibration_batches(tiny, augmentation=augmentation, **settings)
        return np.concatenate([x.numpy() for x in batches])

    plain = images(None)
    np.testing.assert_array_equal(images("none"), plain)
    np.testing.assert_array_equal(images("mirror"), images("mirror"))  # the same in each reading

    is_plain = (images("mirror") == plain).all(axis=(1, 2, 3))
    is_mirrored = np.isclose(images("mirror"), plain[:, :, ::-1], atol=1e-5).all(axis=(1, 2, 3))
    assert (is_plain | is_mirrored).all()
    assert 5 < is_mirrored.sum() < 25
    np.testing.assert_array_equal(images("colourful mirror"), images("mirror"))
    assert not np.isclose(images("cifar"), plain, atol=1e-5).all(axis=(1, 2, 3)).any()


def test_calibration_images_are_a_sample_of_the_training_images_by_seed(source):
    def sample(seed):
        batches = calibration_batches(source, image_size=8, batch_size=10, num_images=30, seed=seed)
        return np.concatenate([x.numpy() for x in batches])

    np.testing.assert_array_equal(sample(0), sample(0))
    assert not np.array_equal(sample(0), sample(1))
    train = {
        x.tobytes() for batch, _ in eval_batches(source, "train", image_size=8, batch_size=64) for x in batch.numpy()
    }
    assert {x.tobytes() for x in sample(0)} <= train
