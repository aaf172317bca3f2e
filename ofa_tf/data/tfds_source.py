"""`TfdsSource`: image classification data sets of tensorflow-datasets (TFDS).

TFDS answers an unknown name or a missing data set with page-long messages or
minutes of retries, so names and folders are looked at before anything is read;
nothing here uses the network unless `download` is true.
"""

import contextlib
import difflib
import io
import os
import re

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from ofa_tf.base.errors import InputError
from ofa_tf.data.handwritten_digits import HandwrittenDigits
from ofa_tf.data.image_source import DEFAULT_CACHE_BYTES, READ_ERRORS, ImageSource, check_split, decode_rgb

DIGITS = "digits"

# A large data set is shuffled by reading its files in random order and mixing as many encoded images as this.
_SHUFFLE_BLOCK = 4096

_NAME = re.compile(r"(?P<base>\w+)(/[\w\-.]+)?(:[\d*.]+)?")


class TfdsSource(ImageSource):
    """A prepared TFDS data set with an image and a class label.

    The validation images are the last ones of TFDS's "train" split (which TFDS
    stores shuffled). The test images are its "test" split or, where that is
    missing or has no labels (as in imagenet2012), its "validation" split.

    Args:
        name: What the user called the data set.
        builder: The prepared builder.
        validation_fraction: Share of the training split held out.
        cache_bytes: See `ImageSource`.

    Raises:
        InputError: If features or splits are missing.
    """

    def __init__(
        self,
        name: str,
        builder: tfds.core.DatasetBuilder,
        validation_fraction: float,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        features = builder.info.features
        _check_features(name, features)
        super().__init__(name, tuple(features["label"].names), cache_bytes)
        if builder.info.disable_shuffling:
            raise InputError(
                f"Expected {name!r} to be stored in random order, so that its last examples are a sample. Received: a "
                "data set with disable_shuffling=True. Prepare it without, or use its images as folder:PATH."
            )
        self._builder = builder
        sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
        self._test_split = self._find_test_split(sizes)
        num_train = sizes["train"]
        num_validation = max(1, round(validation_fraction * num_train))
        if num_validation >= num_train:
            raise InputError(
                f"Expected to hold fewer than the {num_train} training images of {name!r} out for validation. "
                f"Received: validation_fraction={validation_fraction}. Use a smaller fraction."
            )
        self._reads = {
            "train": f"train[:{num_train - num_validation}]",
            "validation": f"train[{num_train - num_validation}:]",
            "test": self._test_split,
        }
        self._sizes = {
            "train": num_train - num_validation,
            "validation": num_validation,
            "test": sizes[self._test_split],
        }

    def num_examples(self, split: str) -> int:
        check_split(split)
        return self._sizes[split]

    def records(self, split: str, shuffle_seed: int | None = None) -> tf.data.Dataset:
        check_split(split)
        dataset = self._read(self._reads[split], shuffle_seed)
        return dataset if shuffle_seed is None else _shuffle_blocks(dataset, shuffle_seed)

    def decode(self, record: tf.Tensor) -> tf.Tensor:
        return decode_rgb(record)

    def describe(self, record: bytes, position: int) -> str:
        del record
        return f"record {position}, damaged. Delete {self._builder.data_path} and prepare the data set again."

    def encoded_bytes(self, split: str) -> int:
        stored = self._test_split if split == "test" else "train"
        info = self._builder.info.splits[stored]
        return int(info.num_bytes * self.num_examples(split) / max(1, info.num_examples))

    def decoded_bytes(self, split: str) -> int:
        height, width, _ = self._builder.info.features["image"].shape
        if height is None or width is None:
            return super().decoded_bytes(split)
        return self.num_examples(split) * height * width * 3

    def _read(self, split: str, shuffle_seed: int | None = None) -> tf.data.Dataset:
        def sort_files(files: list) -> list:
            if shuffle_seed is None:
                return files
            return [files[index] for index in np.random.default_rng(shuffle_seed).permutation(len(files))]

        config = tfds.ReadConfig(try_autocache=False, experimental_interleave_sort_fn=sort_files)
        dataset = self._builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=config,
            decoders=tfds.decode.PartialDecoding(
                {"image": True, "label": True}, decoders={"image": tfds.decode.SkipDecoding()}
            ),
        )
        return dataset.map(lambda example: (example["image"], example["label"]))

    def _find_test_split(self, sizes: dict[str, int]) -> str:
        for split in ("test", "validation"):
            if sizes.get(split) and "train" in sizes and self._is_labelled(split):
                return split
        raise InputError(
            f"Expected {self.name!r} to have a split 'train' and a labelled split 'test' or 'validation'. "
            f"Received: the splits {', '.join(sorted(sizes)) or '(none)'}. Use another data set or configuration."
        )

    def _is_labelled(self, split: str) -> bool:
        try:
            return all(int(label) >= 0 for _, label in self._read(f"{split}[:1]"))
        except READ_ERRORS as error:
            raise InputError(
                f"Expected {self._builder.data_path} to hold a complete data set. Received: a damaged or missing "
                f"file of the split {split!r}. Delete the folder and prepare the data set again."
            ) from error


def open_tfds(
    name: str, data_dir: str | None, download: bool, validation_fraction: float, cache_bytes: int
) -> TfdsSource:
    """Open the TFDS data set `name`; see `ofa_tf.data.sources.open_source`."""
    builder = HandwrittenDigits(data_dir=data_dir) if name == DIGITS else _find_builder(name, data_dir)
    if not builder.is_prepared():
        if name == DIGITS:
            # Its progress bars would outlive the half second they are about.
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                _prepare(name, builder)
            builder = HandwrittenDigits(data_dir=data_dir)
        elif download:
            _prepare(name, builder)
            builder = _find_builder(name, data_dir)
        else:
            raise InputError(
                f"Expected the data set {name!r} to be prepared in {builder.data_path}. Received: no data set there. "
                f"Pass the right data_dir, or download and prepare it once: add --download to train_main.py or run "
                f"{_prepare_command(name, data_dir)}{_manual_hint(builder)}"
            )
    return TfdsSource(name, builder, validation_fraction, cache_bytes)


def _shuffle_blocks(dataset: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    # `Dataset.shuffle` would depend on TensorFlow's global seed, and on how often the data set was iterated over.
    def shuffle_block(number: tf.Tensor, block: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        indices = tf.range(tf.shape(block[0])[0])
        order = tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([tf.constant(seed, tf.int64), number]))
        return tf.gather(block[0], order), tf.gather(block[1], order)

    return dataset.batch(_SHUFFLE_BLOCK).enumerate().map(shuffle_block).unbatch()


def _find_builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    match = _NAME.fullmatch(name)
    if match is None:  # other namespaces, such as huggingface:, would be looked up in the network
        raise _unknown_name(name)
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown_name(name) from error
    except (ValueError, AssertionError, ImportError) as error:
        raise InputError(
            f"Expected {name!r} to name a configuration and version that tensorflow-datasets "
            f"{tfds.__version__} offers. Received: {_first_line(error)} "
            f"See https://www.tensorflow.org/datasets/catalog/{match['base']}."
        ) from error


def _unknown_name(name: str) -> InputError:
    known = [DIGITS, "folder:PATH", *tfds.list_builders(with_community_datasets=False)]
    base = re.split("[/:]", name)[0].lower()
    likely = ["folder:PATH"] if base in ("folder", "") or os.path.isdir(name) else []
    close = [*likely, *difflib.get_close_matches(base, known, n=4, cutoff=0.6)]
    hint = f"Did you mean {' or '.join(dict.fromkeys(close))}? " if close else ""
    return InputError(
        f"Expected the data set to be 'digits', 'folder:PATH' or a name of tensorflow-datasets. Received: {name!r}. "
        f"{hint}All names: https://www.tensorflow.org/datasets/catalog/overview."
    )


def _prepare(name: str, builder: tfds.core.DatasetBuilder) -> None:
    try:
        builder.download_and_prepare()
    # Whatever goes wrong here (network, checksums, disk, files to be downloaded by hand) is the user's to mend.
    except Exception as error:
        if builder.data_path.exists():
            return  # another process prepared it at the same time
        raise InputError(
            f"Expected to download and prepare {name!r} in {builder.data_path}. Received: "
            f"{type(error).__name__}: {_first_line(error)} Check the network connection, the free disk space and that "
            f"the folder can be written.{_manual_hint(builder)}"
        ) from error


def _manual_hint(builder: tfds.core.DatasetBuilder) -> str:
    if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        return ""
    folder = os.path.join(builder.data_dir_root, "downloads", "manual")
    return (
        f" (first download its files by hand into {folder}; which ones: "
        f"https://www.tensorflow.org/datasets/catalog/{builder.name})"
    )


def _prepare_command(name: str, data_dir: str | None) -> str:
    # Not `tfds build`: that program needs the package apache-beam, for every data set.
    arguments = repr(name) if data_dir is None else f"{name!r}, data_dir={data_dir!r}"
    return f'`python -c "import tensorflow_datasets as t; t.builder({arguments}).download_and_prepare()"`'


def _check_features(name: str, features: tfds.features.FeaturesDict | None) -> None:
    found = dict(features) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, label = (found.get(key) for key in ("image", "label"))
    is_image = isinstance(image, tfds.features.Image) and np.dtype(image.np_dtype) == np.uint8
    if not is_image or not isinstance(label, tfds.features.ClassLabel):
        shown = ", ".join(f"{key} ({_kind(feature)})" for key, feature in found.items())
        raise InputError(
            f"Expected {name!r} to have the features 'image' (Image of uint8) and 'label' (ClassLabel). "
            f"Received: {shown or features}. Use an image classification data set."
        )


def _kind(feature: tfds.features.FeatureConnector) -> str:
    suffix = f" of {np.dtype(feature.np_dtype).name}" if isinstance(feature, tfds.features.Image) else ""
    return f"{type(feature).__name__}{suffix}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = (lines[0] if lines else type(error).__name__)[:300]
    return line if line.endswith(".") else f"{line}."
