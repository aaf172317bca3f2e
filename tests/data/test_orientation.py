import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from ofa_tf.data.batches import calibration_batches, eval_batches, train_batches
from ofa_tf.data.exif import ORIENTATIONS
from ofa_tf.data.image_source import decode_rgb
from ofa_tf.data.sources import open_source
from tests.support.images import encode, random_image
from tests.support.repository import ROOT

# How a folder is read: file by file, or from memory.
_CACHE_BYTES = {"streamed": 0, "in memory": 2**24}

_CLASSES = ("ant", "cat")
_NUM_PER_CLASS = 16


def _exif(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def _stored(seed, orientation=None):
    """A JPEG of 44 x 60 pixels, with an EXIF tag or without."""
    options = {} if orientation is None else {"exif": _exif(orientation)}
    stream = io.BytesIO()
    Image.fromarray(random_image(seed, 44, 60)).save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


def _upright(stored):
    """A PNG of what Pillow takes for the upright image of a JPEG, of TensorFlow's pixels."""
    image = Image.fromarray(decode_rgb(tf.constant(stored)).numpy())
    image.getexif()[ExifTags.Base.Orientation] = Image.open(io.BytesIO(stored)).getexif()[ExifTags.Base.Orientation]
    return encode(np.asarray(ImageOps.exif_transpose(image)), ".png")


def _write(root, content_of):
    """Write images into two class folders; `content_of` gives the content of number n."""
    number = 0
    for name in _CLASSES:
        (root / name).mkdir(parents=True)
        for index in range(_NUM_PER_CLASS):
            (root / name / f"{index:02d}.jpg").write_bytes(content_of(number))
            number += 1
    return f"folder:{root}"


def _images(batches):
    return np.concatenate([batch[0].numpy() for batch in batches])


def _train_images(source, augmentation):
    batches = train_batches(
        source, batch_size=4, epoch=1, seed=2, image_sizes=[24, 20, 24, 16, 24, 20], augmentation=augmentation
    )
    return [images.numpy() for images, _ in batches]


@pytest.fixture(params=_CACHE_BYTES)
def cache_bytes(request):
    return _CACHE_BYTES[request.param]


def _turned(number):
    """A JPEG of every orientation in turns."""
    return _stored(number, ORIENTATIONS[number % len(ORIENTATIONS)])


@pytest.fixture
def sources(tmp_path, cache_bytes):
    """Images of all orientations, and the same ones upright."""
    stored = _write(tmp_path / "stored", _turned)
    upright = _write(tmp_path / "upright", lambda number: _upright(_turned(number)))
    return [open_source(name, cache_bytes=cache_bytes) for name in (stored, upright)]


def test_all_orientations_are_among_the_training_images(sources):
    numbers = [_number(record) for record, _ in sources[0].records("train").as_numpy_iterator()]
    counts = np.bincount(np.array(numbers) % len(ORIENTATIONS))
    assert len(counts) == len(ORIENTATIONS)
    assert counts.min() > 1


def _number(record):
    """Which image `_write` wrote into the file of a record."""
    name, file = record.decode().split("/")
    return _CLASSES.index(name) * _NUM_PER_CLASS + int(file.removesuffix(".jpg"))


@pytest.mark.parametrize("crop_fraction", [None, 0.875])
def test_evaluation_sees_images_upright(sources, crop_fraction):
    images, expected = [
        _images(eval_batches(source, "train", image_size=24, batch_size=8, crop_fraction=crop_fraction))
        for source in sources
    ]
    np.testing.assert_allclose(images, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("augmentation", ["none", "crop", "cifar", "imagenet"])
def test_training_cuts_the_same_out_of_the_upright_image(sources, augmentation):
    both = [_train_images(source, augmentation) for source in sources]
    for images, expected in zip(*both, strict=True):
        np.testing.assert_allclose(images, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("augmentation", [None, "imagenet"])
def test_calibration_sees_images_upright(sources, augmentation):
    both = []
    for source in sources:
        arguments = {"image_size": 24, "batch_size": 8, "num_images": 16, "seed": 3}
        batches = calibration_batches(source, **arguments, augmentation=augmentation)
        both.append(np.concatenate([images.numpy() for images in batches]))
    np.testing.assert_allclose(*both, rtol=0, atol=1e-3)


def test_examples_are_upright(sources):
    pairs = list(zip(*(source.examples("test") for source in sources), strict=True))
    assert len(pairs) == 4
    for (image, _), (expected, _) in pairs:
        np.testing.assert_array_equal(image, expected)


def _turned_cat(number):
    """A JPEG without a tag of the first class, and one that is stored upside down of the second."""
    is_cat = number >= _NUM_PER_CLASS
    return _stored(number, 3 if is_cat else None)


def test_images_without_a_tag_are_the_same_bit_for_bit_beside_turned_ones(tmp_path, cache_bytes):
    mixed = open_source(_write(tmp_path / "mixed", _turned_cat), cache_bytes=cache_bytes)
    plain = open_source(_write(tmp_path / "plain", _stored), cache_bytes=cache_bytes)
    for (images, labels), (others, _) in zip(_all_batches(mixed), _all_batches(plain), strict=True):
        is_same = np.all(images == others, axis=(1, 2, 3))
        np.testing.assert_array_equal(is_same, labels == _CLASSES.index("ant"))


def _all_batches(source):
    """Batches for evaluation, then for training."""
    arguments = {"batch_size": 4, "epoch": 1, "seed": 2, "image_sizes": [24] * 6}
    return [
        *eval_batches(source, "train", image_size=24, batch_size=8),
        *train_batches(source, **arguments, augmentation="imagenet"),
    ]


@pytest.mark.parametrize("orientation", [None, 1])
def test_nothing_is_added_for_a_folder_of_upright_images(tmp_path, orientation):
    source = open_source(_write(tmp_path / "plain", lambda number: _stored(number, orientation)))
    record = next(iter(source.records("train")))[0]
    assert source.read(record).orientation is None


def test_damaged_exif_data_count_as_none(tmp_path):
    good, plain = _stored(0, 6), _stored(0)
    damaged = good.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0\0").replace(b"Exif\0\0II*\0", b"Exif\0\0II\0\0")
    assert damaged != good
    both = []
    for name, content in (("damaged", damaged), ("plain", plain)):
        source = open_source(_write(tmp_path / name, lambda _, content=content: content))
        both.append(_images(eval_batches(source, "test", image_size=24, batch_size=8)))
    np.testing.assert_array_equal(*both)


def test_other_formats_are_taken_as_they_are(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(random_image(0, 44, 60)).save(stream, "PNG", exif=_exif(6))
    source = open_source(_write(tmp_path / "png", lambda _: stream.getvalue()))
    image, _ = next(iter(source.examples("test")))
    np.testing.assert_array_equal(image, random_image(0, 44, 60))


def test_file_names_need_not_be_utf8(tmp_path):
    name = _write(tmp_path / "stored", lambda number: _stored(number, 6))
    try:
        for file in sorted((tmp_path / "stored" / "ant").iterdir()):
            file.rename(file.with_name(f"\udcff{file.name}"))
    except OSError:
        pytest.skip("file system takes only UTF-8 names")
    for image, _ in open_source(name).examples("train"):
        assert image.shape == (60, 44, 3)


def test_threads_can_still_be_chosen_when_a_folder_with_turned_images_is_open(tmp_path):
    name = _write(tmp_path / "photos", _turned)
    program = (
        "import tensorflow as tf; from ofa_tf.data.sources import open_source; "
        f"open_source({name!r}); tf.config.threading.set_intra_op_parallelism_threads(1)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
