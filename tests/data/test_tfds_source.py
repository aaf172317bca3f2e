import shlex
import socket

import numpy as np
import pytest
import tensorflow_datasets as tfds

from ofa_tf.base.errors import InputError
from ofa_tf.data import tfds_source
from ofa_tf.data.batches import train_batches
from ofa_tf.data.sources import open_source
from tests.support import tiny_dataset


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"network used: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_any_prepared_data_set_is_served(tiny):
    assert tiny.class_names == ("circle", "square", "star")
    assert {split: tiny.num_examples(split) for split in tiny.splits} == {"train": 36, "validation": 4, "test": 9}
    image, label = next(tiny.examples("test").as_numpy_iterator())
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.dtype == np.uint8
    assert label.dtype == np.int64


def test_training_and_validation_images_are_disjoint_and_make_up_the_training_split(tiny):
    heights = {split: [len(image) for image, _ in tiny.examples(split)] for split in ("train", "validation")}
    assert sorted(heights["train"] + heights["validation"]) == [20 + i for i in range(tiny_dataset.NUM_TRAIN)]


def test_streamed_examples_equal_those_in_memory(tiny, streamed):
    assert streamed.in_memory("train") is None
    pairs = list(zip(tiny.examples("train"), streamed.examples("train"), strict=True))
    assert len(pairs) == 36
    for (image, label), (streamed_image, streamed_label) in pairs:
        np.testing.assert_array_equal(image, streamed_image)
        assert label == streamed_label


def test_shuffled_records_depend_on_the_seed_alone(streamed):
    def labels(seed):
        dataset = streamed.records("train", shuffle_seed=seed)
        first, second = ([int(label) for _, label in dataset] for _ in range(2))
        assert first == second
        return first

    assert labels(1) == labels(1)
    assert labels(1) != labels(2)
    assert sorted(labels(1)) == sorted(int(label) for _, label in streamed.records("train"))


@pytest.fixture
def many_files(tmp_path, monkeypatch):
    """The tiny data set in 9 files, of which 2 are read at a time, 3 examples each, shuffled among 8 examples."""
    monkeypatch.setattr(tfds_source, "_CYCLE_LENGTH", 2)
    monkeypatch.setattr(tfds_source, "_BLOCK_LENGTH", 3)
    monkeypatch.setattr(tfds_source, "_SHUFFLE_BLOCK", 8)
    tiny_dataset.prepare(str(tmp_path), num_files=9)
    return open_source("ofa_tiny_images/plain", data_dir=str(tmp_path), cache_bytes=0)


@pytest.mark.parametrize("shuffle_seed", [None, 3])
def test_records_from_some_position_on_are_those_of_the_whole_split(many_files, shuffle_seed):
    whole = [image.numpy() for image, _ in many_files.records("train", shuffle_seed)]
    assert len(set(whole)) == 36
    for first in (0, 1, 7, 8, 19, 24, 35, 36):
        rest = [image.numpy() for image, _ in many_files.records("train", shuffle_seed, first=first)]
        assert rest == whole[first:]


def test_a_late_resume_reads_the_last_files_only(many_files, tmp_path):
    arguments = {"batch_size": 4, "epoch": 1, "seed": 2, "image_sizes": [8] * 9, "augmentation": "imagenet"}
    *_, last_batch = train_batches(many_files, **arguments)
    hidden = tmp_path / "hidden"
    num_needed = 0
    for file in sorted(tmp_path.rglob("*train.tfrecord*")):
        file.rename(hidden)
        try:
            (batch,) = train_batches(many_files, **arguments, start_step=8)
        except InputError:
            num_needed += 1
        else:
            np.testing.assert_array_equal(batch[0], last_batch[0])
        hidden.rename(file)
    assert 1 <= num_needed <= 4


def test_validation_fraction_decides_how_much_is_held_out(tfds_dir, tiny):
    source = open_source("ofa_tiny_images/plain", data_dir=tfds_dir, validation_fraction=0.25)
    assert (source.num_examples("train"), source.num_examples("validation")) == (30, 10)


@pytest.mark.parametrize("num_images", [1, 7, 39])
def test_a_number_of_validation_images_counts_rather_than_the_fraction(tfds_dir, tiny, num_images):
    options = {"validation_fraction": 0.25, "num_validation_images": num_images}
    source = open_source("ofa_tiny_images/plain", data_dir=tfds_dir, **options)
    assert (source.num_examples("train"), source.num_examples("validation")) == (40 - num_images, num_images)


@pytest.mark.parametrize("num_images", [40, 10_000])
def test_as_many_validation_images_as_there_are_training_images_are_refused(tfds_dir, tiny, num_images):
    message = f"below the 40 training images of 'ofa_tiny_images/plain'. Received: num_validation_images={num_images}"
    with pytest.raises(InputError, match=message):
        open_source("ofa_tiny_images/plain", data_dir=tfds_dir, num_validation_images=num_images)
    with pytest.raises(InputError, match=r"at least 0. Received: num_validation_images=-1"):
        open_source("digits", num_validation_images=-1)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5])
def test_validation_fraction_out_of_range(fraction):
    with pytest.raises(InputError, match=rf"Expected `validation_fraction`.*Received: validation_fraction={fraction}"):
        open_source("digits", validation_fraction=fraction)


def test_unlabelled_test_split_gives_way_to_the_validation_split(tfds_dir):
    tiny_dataset.prepare(tfds_dir, "unlabelled_test")
    source = open_source("ofa_tiny_images/unlabelled_test", data_dir=tfds_dir)
    assert source.num_examples("test") == 9
    assert min(int(label) for _, label in source.examples("test")) >= 0


@pytest.mark.parametrize("config", ["train_only", "test_only"])
def test_missing_split_names_the_splits_there_are(tfds_dir, config):
    tiny_dataset.prepare(tfds_dir, config)
    with pytest.raises(InputError, match=rf"labelled split 'test'.*Received: the splits {config.split('_')[0]}\."):
        open_source(f"ofa_tiny_images/{config}", data_dir=tfds_dir)


@pytest.mark.parametrize(
    ("config", "received"),
    [
        ("without_label", r"Received: image \(Image of uint8\)\."),
        ("float_images", r"Received: image \(Image of float32\), label \(ClassLabel\)\."),
    ],
)
def test_missing_feature_names_the_features_there_are(tfds_dir, config, received):
    tiny_dataset.prepare(tfds_dir, config)
    with pytest.raises(InputError, match=received):
        open_source(f"ofa_tiny_images/{config}", data_dir=tfds_dir)


def test_data_set_stored_in_order_is_refused(tfds_dir):
    tiny_dataset.prepare(tfds_dir, "ordered")
    with pytest.raises(InputError, match=r"stored in random order.*Received: .*disable_shuffling=True"):
        open_source("ofa_tiny_images/ordered", data_dir=tfds_dir)


def test_data_set_that_is_not_prepared_says_where_it_looked_and_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught:
        open_source("cifar10", data_dir=str(tmp_path))
    message = str(caught.value)
    assert f"Expected the data set 'cifar10' to be prepared in {tmp_path}/cifar10/" in message
    assert "Received: no data set there." in message
    assert "--download" in message
    assert f"t.builder('cifar10', data_dir='{tmp_path}').download_and_prepare()" in message
    assert "\n" not in message


def test_command_in_the_message_prepares_a_data_set(tmp_path):
    with pytest.raises(InputError) as caught:
        open_source("ofa_tiny_images/plain", data_dir=str(tmp_path))
    program, option, code = shlex.split(str(caught.value).split("`")[1])
    assert (program, option) == ("python", "-c")
    exec(code)
    assert open_source("ofa_tiny_images/plain", data_dir=str(tmp_path)).num_examples("test") == 9


def test_data_set_with_files_to_fetch_by_hand_says_where_they_go(tmp_path):
    with pytest.raises(InputError, match=rf"by hand into {tmp_path}/downloads/manual.*catalog/imagenet2012"):
        open_source("imagenet2012", data_dir=str(tmp_path))


def test_download_prepares_what_is_not_prepared(tmp_path):
    source = open_source("ofa_tiny_images/plain", data_dir=str(tmp_path), download=True)
    assert source.num_examples("train") == 36


def test_failed_download_is_one_line(tmp_path, monkeypatch):
    def fail(self, **kwargs):
        raise ConnectionError("Max retries exceeded\nwith a second line")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(InputError, match=r"Received: ConnectionError: Max retries exceeded. Check the network"):
        open_source("cifar10", data_dir=str(tmp_path), download=True)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("cifar11", "Did you mean .*cifar10"),
        ("digit", "Did you mean digits"),
        ("folder", "Did you mean folder:PATH"),
        ("huggingface:mnist", "All names:"),
        ("no such name", "All names:"),
        ("", "All names:"),
    ],
)
def test_unknown_name_suggests_close_ones(name, suggestion, tmp_path):
    with pytest.raises(InputError, match=rf"Received: {name!r}\. .*{suggestion}"):
        open_source(name, data_dir=str(tmp_path))


def test_existing_folder_as_name_suggests_the_folder_prefix(tmp_path):
    with pytest.raises(InputError, match="Did you mean folder:PATH"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "received"), [("cifar10/foo", "BuilderConfig foo"), ("cifar10:9.9.9", "cannot be loaded at version 9.9.9")]
)
def test_unknown_configuration_or_version(name, received, tmp_path):
    with pytest.raises(InputError, match=rf"Expected '{name}' to name a configuration.*Received: .*{received}"):
        open_source(name, data_dir=str(tmp_path))


def test_unknown_split(tiny):
    with pytest.raises(InputError, match=r"train, validation, test. Received: split='val'"):
        tiny.examples("val")


def test_damaged_data_set_is_an_input_error(tmp_path):
    tiny_dataset.prepare(str(tmp_path))
    source = open_source("ofa_tiny_images/plain", data_dir=str(tmp_path))
    file = next(tmp_path.rglob("*train.tfrecord*"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"Received: a damaged file after record .*prepare the data set again"):
        source.in_memory("train")
    file.unlink()
    with pytest.raises(InputError, match="Expected every record of 'ofa_tiny_images/plain' to be readable"):
        source.in_memory("train")
