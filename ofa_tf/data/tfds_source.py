"""`TfdsSource`: image classification data sets of tensorflow-datasets (TFDS)."""

import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils.shard_utils import FileInstruction

from ofa_tf.base.errors import InputError
from ofa_tf.data.held_out import HoldOut
from ofa_tf.data.image_source import DEFAULT_CACHE_BYTES, READ_ERRORS, EncodedImage, ImageSource, check_split
from ofa_tf.data.interleaving import find_place, unread_files
from ofa_tf.data.tfds_builders import prepared_builder

# A large data set is shuffled by reading its files in random order and mixing as many encoded images as this.
_SHUFFLE_BLOCK = 4096

# Files that are read at a time, and examples that are taken from one before the next one's turn.
_CYCLE_LENGTH = 16
_BLOCK_LENGTH = 16

# Where test images are looked for, in this order.
_TEST_SPLITS = ("test", "validation")


class TfdsSource(ImageSource):
    """A prepared TFDS data set with an image and a class label.

    The validation images are the last ones of TFDS's "train" split (which TFDS
    stores shuffled). The test images are its "test" split or, where that is
    missing or has no labels (as in imagenet2012), its "validation" split.

    Args:
        name: What the user called the data set.
        builder: The prepared builder.
        how_many: How many training images are held out.
        cache_bytes: See `ImageSource`.

    Raises:
        InputError: If features or splits are missing.
    """

    def __init__(
        self,
        name: str,
        builder: tfds.core.DatasetBuilder,
        how_many: HoldOut,
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
        fraction = how_many.fraction_of(sizes["train"], name)
        num_validation = max(1, round(fraction * sizes["train"]))
        num_train = sizes["train"] - num_validation
        if num_train <= 0:
            raise InputError(
                f"Expected to hold fewer than the {sizes['train']} training images of {name!r} out for validation. "
                f"Received: validation_fraction={fraction}. Use a smaller fraction."
            )
        # What is read of TFDS's own splits, in its language.
        self._reads = {
            "train": f"train[:{num_train}]",
            "validation": f"train[{num_train}:]",
            "test": self._test_split,
        }
        self._sizes = {
            "train": num_train,
            "validation": num_validation,
            "test": sizes[self._test_split],
        }

    def num_examples(self, split: str) -> int:
        check_split(split)
        return self._sizes[split]

    def records(self, split: str, shuffle_seed: int | None = None, first: int = 0) -> tf.data.Dataset:
        check_split(split)
        if shuffle_seed is None:
            return self._read(self._reads[split], first=first)
        first_block = first // _SHUFFLE_BLOCK
        start = first_block * _SHUFFLE_BLOCK
        dataset = self._read(self._reads[split], shuffle_seed, start)
        shuffled = _shuffle_blocks(dataset, shuffle_seed, first_block)
        return shuffled.skip(first - start)

    def read(self, record: tf.Tensor) -> EncodedImage:
        return EncodedImage(record)

    def describe(self, record: bytes, position: int) -> str:
        del record
        return f"record {position}, damaged. Delete {self._builder.data_path} and prepare the data set again."

    def encoded_bytes(self, split: str) -> int:
        stored = self._test_split if split == "test" else "train"
        info = self._builder.info.splits[stored]
        num_stored = max(1, info.num_examples)
        return int(info.num_bytes * self.num_examples(split) / num_stored)

    def decoded_bytes(self, split: str) -> int:
        height, width, _ = self._builder.info.features["image"].shape
        if height is None or width is None:
            return super().decoded_bytes(split)
        return self.num_examples(split) * height * width * 3

    def _read(
        self,
        split: str,
        shuffle_seed: int | None = None,
        first: int = 0,
    ) -> tf.data.Dataset:
        """Encoded images and labels of a split in TFDS's language, from number `first` on.

        Args:
            split: What to read.
            shuffle_seed: Read its files in a random order.
            first: Number of the first image, in the order in which they are read.
        """
        files = self._builder.info.splits[split].file_instructions
        if shuffle_seed is not None:
            order = np.random.default_rng(shuffle_seed).permutation(len(files))
            files = [files[index] for index in order]
        place = find_place(
            lengths=[file.take for file in files],
            position=first,
            cycle_length=_CYCLE_LENGTH,
            block_length=_BLOCK_LENGTH,
        )
        rest = [_without_first(files[unread.number], unread.num_read) for unread in unread_files(place, len(files))]

        def take_rest(all_files: list[FileInstruction]) -> list[FileInstruction]:
            del all_files
            return rest

        def as_pair(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            return example["image"], example["label"]

        decoders = tfds.decode.PartialDecoding(
            {"image": True, "label": True},
            decoders={"image": tfds.decode.SkipDecoding()},
        )
        read_config = tfds.ReadConfig(
            try_autocache=False,
            interleave_cycle_length=_CYCLE_LENGTH,
            interleave_block_length=_BLOCK_LENGTH,
            experimental_interleave_sort_fn=take_rest,
        )
        dataset = self._builder.as_dataset(
            split=split,
            shuffle_files=False,
            read_config=read_config,
            decoders=decoders,
        )
        return dataset.skip(first - place.position).map(as_pair)

    def _find_test_split(self, sizes: dict[str, int]) -> str:
        """The split of TFDS that the test images come from."""
        if "train" in sizes:
            for split in _TEST_SPLITS:
                if sizes.get(split) and self._is_labelled(split):
                    return split
        found = ", ".join(sorted(sizes)) or "(none)"
        raise InputError(
            f"Expected {self.name!r} to have a split 'train' and a labelled split 'test' or 'validation'. "
            f"Received: the splits {found}. Use another data set or configuration."
        )

    def _is_labelled(self, split: str) -> bool:
        """Whether the first image of a split has a label: TFDS gives those of a hidden test set the label -1."""
        try:
            return all(int(label) >= 0 for _, label in self._read(f"{split}[:1]"))
        except READ_ERRORS as error:
            raise InputError(
                f"Expected {self._builder.data_path} to hold a complete data set. Received: a damaged or missing "
                f"file of the split {split!r}. Delete the folder and prepare the data set again."
            ) from error


def open_tfds(
    name: str,
    data_dir: str | None,
    download: bool,
    how_many: HoldOut,
    cache_bytes: int,
) -> TfdsSource:
    """Open the TFDS data set `name`; see `ofa_tf.data.sources.open_source`."""
    builder = prepared_builder(name, data_dir, download)
    return TfdsSource(name, builder, how_many, cache_bytes)


def _without_first(file: FileInstruction, num: int) -> FileInstruction:
    """What to read of a file after its first `num` examples."""
    return dataclasses.replace(file, skip=file.skip + num, take=file.take - num)


def _shuffle_blocks(
    dataset: tf.data.Dataset,
    seed: int,
    first_block: int,
) -> tf.data.Dataset:
    """Shuffle the examples of each block, by the seed and the block's number, which begins with `first_block`."""

    # `Dataset.shuffle` would depend on TensorFlow's global seed, and on how often the data set was iterated over.
    def shuffle_block(number: tf.Tensor, block: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = block
        indices = tf.range(tf.shape(images)[0])
        block_seed = tf.stack([tf.constant(seed, tf.int64), number])
        order = tf.random.experimental.stateless_shuffle(indices, seed=block_seed)
        return tf.gather(images, order), tf.gather(labels, order)

    # The next block is read while the images of one are decoded.
    blocks = dataset.batch(_SHUFFLE_BLOCK).prefetch(1)
    return blocks.enumerate(first_block).map(shuffle_block).unbatch()


def _check_features(name: str, features: tfds.features.FeaturesDict | None) -> None:
    """Check that examples have an image and a class label."""
    found = dict(features) if isinstance(features, tfds.features.FeaturesDict) else {}
    image = found.get("image")
    has_image = isinstance(image, tfds.features.Image) and np.dtype(image.np_dtype) == np.uint8
    has_label = isinstance(found.get("label"), tfds.features.ClassLabel)
    if has_image and has_label:
        return
    shown = ", ".join(f"{key} ({_kind(feature)})" for key, feature in found.items())
    raise InputError(
        f"Expected {name!r} to have the features 'image' (Image of uint8) and 'label' (ClassLabel). "
        f"Received: {shown or features}. Use an image classification data set."
    )


def _kind(feature: tfds.features.FeatureConnector) -> str:
    name = type(feature).__name__
    if isinstance(feature, tfds.features.Image):
        return f"{name} of {np.dtype(feature.np_dtype).name}"
    return name
