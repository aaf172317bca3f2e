import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.data.batches import eval_batches, train_batches
from ofa_tf.data.examples import MAX_SHUFFLE_SEED
from ofa_tf.data.sources import open_source
from tests.support.images import encode, random_image, write_class_folders


def _open(path, **kwargs):
    return open_source(f"folder:{path}", **kwargs)


def _files(source):
    """Split -> set of (path, label)."""
    return {
        split: [(record.decode(), int(label)) for record, label in source.records(split).as_numpy_iterator()]
        for split in source.splits
    }


def test_class_folders_are_split_by_class(class_folders):
    source = _open(class_folders)
    assert source.class_names == ("ant", "cat")
    labels = {split: np.bincount([label for _, label in found]).tolist() for split, found in _files(source).items()}
    assert labels == {"train": [8, 16], "validation": [1, 2], "test": [1, 2]}


def test_splits_are_disjoint_complete_and_the_same_each_time(class_folders):
    first, second = _files(_open(class_folders)), _files(_open(class_folders))
    assert first == second
    assert len({file for found in first.values() for file, _ in found}) == 30


def test_first_examples_mix_the_classes(class_folders):
    labels = [label for _, label in _files(_open(class_folders))["train"]]
    assert set(labels[:12]) == {0, 1}


def test_train_and_test_folders_are_kept_apart(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 10, "b": 10})
    write_class_folders(tmp_path / "test", {"a": 3, "b": 3})
    source = _open(tmp_path)
    assert {split: source.num_examples(split) for split in source.splits} == {"train": 18, "validation": 2, "test": 6}
    assert all(file.startswith("test/") for file, _ in _files(source)["test"])


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_validation_folder_stands_in_for_a_missing_test_folder(tmp_path, name):
    write_class_folders(tmp_path / "train", {"a": 10, "b": 10})
    write_class_folders(tmp_path / name, {"a": 2, "b": 2})
    source = _open(tmp_path)
    assert {split: source.num_examples(split) for split in source.splits} == {"train": 18, "validation": 2, "test": 4}


def test_validation_folder_is_used_for_validation_beside_a_test_folder(tmp_path):
    for split, count in {"train": 5, "val": 2, "test": 3}.items():
        write_class_folders(tmp_path / split, {"a": count, "b": count})
    source = _open(tmp_path)
    assert {split: source.num_examples(split) for split in source.splits} == {"train": 10, "validation": 4, "test": 6}


def test_train_may_be_the_name_of_a_class(tmp_path):
    write_class_folders(tmp_path, {"bus": 3, "train": 4})
    assert _open(tmp_path).class_names == ("bus", "train")


def test_hidden_and_other_files_are_left_out(class_folders):
    (class_folders / "cat" / ".hidden.png").write_bytes(b"no image")
    (class_folders / "cat" / "notes.txt").write_text("no image")
    (class_folders / ".git").mkdir()
    source = _open(class_folders)
    assert sum(source.num_examples(split) for split in source.splits) == 30


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_formats_decode_to_rgb(tmp_path, suffix, channels):
    image = random_image(0, channels=channels)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(3):
            (tmp_path / name / f"{index}{suffix}").write_bytes(encode(image, suffix))
    decoded, _ = next(_open(tmp_path).examples("test").as_numpy_iterator())
    assert decoded.shape == (12, 16, 3)
    np.testing.assert_allclose(
        decoded.astype(int), np.broadcast_to(image, (12, 16, 3)), atol=60 if suffix == ".jpg" else 0
    )


def test_suffix_need_not_match_the_format(class_folders):
    file = class_folders / "cat" / "000.png"
    file.rename(file.with_suffix(".JPG"))
    assert _open(class_folders).in_memory("train") is not None


def test_file_names_need_not_be_utf8(class_folders):
    import os

    try:
        for index in range(10):
            os.rename(
                class_folders / "ant" / f"{index:03d}.png", os.fsencode(class_folders / "ant") + b"/\xff%d.png" % index
            )
    except OSError:
        pytest.skip("file system takes only UTF-8 names")
    assert _open(class_folders).in_memory("train") is not None


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match=f"'{tmp_path}/none'. Received: no such folder"):
        _open(tmp_path / "none")


def test_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"Received: a file. Check folder:PATH"):
        _open(tmp_path / "file")


def test_no_class_folders(tmp_path):
    with pytest.raises(
        InputError, match=f"Expected {tmp_path} to hold at least two class folders.*Received: no folder"
    ):
        _open(tmp_path)


def test_only_one_class(tmp_path):
    write_class_folders(tmp_path, {"cat": 3})
    with pytest.raises(InputError, match=r"at least two class folders.*Received: only 'cat'"):
        _open(tmp_path)


def test_empty_class_folder_is_named(class_folders):
    (class_folders / "dog").mkdir()
    with pytest.raises(InputError, match=f"class folder {class_folders}/dog to hold images.*Received: an empty folder"):
        _open(class_folders)


def test_class_folder_without_images_says_what_it_holds(class_folders):
    (class_folders / "dog").mkdir()
    (class_folders / "dog" / "list.txt").touch()
    with pytest.raises(InputError, match=r"Received: none among its 1 entries, such as list.txt"):
        _open(class_folders)


def test_too_few_images_of_a_class(tmp_path):
    write_class_folders(tmp_path, {"cat": 5, "dog": 2})
    with pytest.raises(InputError, match=r"at least 3 images of each class.*Received: 2 of 'dog'"):
        _open(tmp_path)


def test_differing_classes_of_train_and_test_are_named(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 3, "b": 3})
    write_class_folders(tmp_path / "test", {"a": 3, "c": 3})
    with pytest.raises(InputError, match=r"the same class folders. Received: b only in train and c only in test\. Add"):
        _open(tmp_path)


def test_train_without_test_folder(tmp_path):
    write_class_folders(tmp_path / "train", {"a": 3, "b": 3})
    with pytest.raises(InputError, match=r"'test' or 'validation' beside 'train'. Received: train"):
        _open(tmp_path)


@pytest.mark.parametrize(
    ("content", "received"), [(b"<html></html>", "starts with b'<html></'"), (b"", "an empty file")]
)
def test_file_that_is_no_image_is_named(class_folders, content, received):
    (class_folders / "cat" / "007.png").write_bytes(content)
    with pytest.raises(InputError, match=f"{class_folders}/cat/007.png to be a JPEG, PNG.*Received: .*{received}"):
        _open(class_folders)


@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_truncated_jpeg_is_named_when_it_is_read(tmp_path, cache_bytes):
    write_class_folders(tmp_path, {"cat": 12, "dog": 12}, suffix=".jpg")
    source = _open(tmp_path, cache_bytes=cache_bytes)
    victim = tmp_path / _files(source)["train"][5][0]
    victim.write_bytes(victim.read_bytes()[:200])
    said = rf"Received: {victim}, damaged or deleted\. Restore or remove the file\. \([^{{}}]+\)$"
    with pytest.raises(InputError, match=said):
        list(train_batches(source, batch_size=4, epoch=0, seed=0, image_sizes=[8] * 4, augmentation="crop"))
    with pytest.raises(InputError, match=said):
        list(eval_batches(source, "train", image_size=8, batch_size=4))


def test_file_deleted_after_opening_is_named(class_folders):
    source = _open(class_folders, cache_bytes=0)
    victim = class_folders / _files(source)["test"][2][0]
    victim.unlink()
    with pytest.raises(InputError, match=f"Received: {victim}, damaged or deleted"):
        list(eval_batches(source, "test", image_size=8, batch_size=4))


def _batches(source, **changes):
    arguments = {"batch_size": 4, "epoch": 0, "seed": 0, "image_sizes": [8] * 6, "augmentation": "imagenet", **changes}
    return [images.numpy() for images, _ in train_batches(source, **arguments)]


def _read_order(source):
    """The files of an epoch's training images, in order."""
    seed = int(np.random.default_rng([0, 0, 0]).integers(MAX_SHUFFLE_SEED))
    return [record.decode() for record, _ in source.records("train", shuffle_seed=seed).as_numpy_iterator()]


def test_a_resumed_epoch_reads_no_file_of_the_steps_before(class_folders):
    source = _open(class_folders, cache_bytes=0)
    whole = _batches(source)
    for file in _read_order(source)[:20]:
        (class_folders / file).unlink()
    (last,) = _batches(source, start_step=5)
    np.testing.assert_array_equal(last, whole[5])
    with pytest.raises(InputError):
        _batches(source, start_step=4)


def test_a_worker_reads_no_file_of_the_others(class_folders):
    source = _open(class_folders, cache_bytes=0)
    whole = _batches(source)
    for position, file in enumerate(_read_order(source)):
        if position % 4 < 2:
            (class_folders / file).unlink()
    second_halves = _batches(source, worker=1, num_workers=2)
    np.testing.assert_array_equal(second_halves, [images[2:] for images in whole])
    with pytest.raises(InputError):
        _batches(source, worker=0, num_workers=2)


def test_a_number_of_validation_images_is_drawn_from_all_classes(tmp_path):
    root = write_class_folders(tmp_path / "photos", {"cat": 40, "ant": 20})
    source = open_source(f"folder:{root}", num_validation_images=9)
    assert source.num_examples("validation") == 9
    assert source.num_examples("train") == 60 - 6 - 9
    with pytest.raises(InputError, match=r"below the 54 training images of .* Received: num_validation_images=54"):
        open_source(f"folder:{root}", num_validation_images=54)


def test_a_validation_folder_is_taken_whatever_would_be_held_out(tmp_path):
    for split, count in (("train", 8), ("val", 3), ("test", 2)):
        write_class_folders(tmp_path / split, {"cat": count, "ant": count})
    source = open_source(f"folder:{tmp_path}", num_validation_images=10_000)
    assert [source.num_examples(split) for split in ("train", "validation", "test")] == [16, 6, 4]
