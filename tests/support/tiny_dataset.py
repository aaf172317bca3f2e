"""A tiny real data set of tensorflow-datasets that needs no network."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from tests.support.images import random_image

CLASS_NAMES = ("circle", "square", "star")
NUM_TRAIN = 40


class OfaTinyImages(tfds.core.GeneratorBasedBuilder):
    """JPEGs of different sizes; the configurations are what data sets get wrong."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar = [
        tfds.core.BuilderConfig(name=name, description=name)
        for name in ("plain", "unlabelled_test", "train_only", "test_only", "without_label", "float_images", "ordered")
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config.name
        features: dict[str, Any] = {"image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")}
        if config == "float_images":
            features["image"] = tfds.features.Image(shape=(None, None, 1), dtype=np.float32)
        if config != "without_label":
            features["label"] = tfds.features.ClassLabel(names=CLASS_NAMES)
        return tfds.core.DatasetInfo(
            builder=self,
            description=config,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=config == "ordered",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager
        splits = {
            "train_only": {"train": NUM_TRAIN},
            "test_only": {"test": 9},
            "unlabelled_test": {"train": NUM_TRAIN, "validation": 9, "test": 6},
        }
        chosen = splits.get(self.builder_config.name, {"train": NUM_TRAIN, "test": 9})
        return {split: self._generate_examples(split, num) for split, num in chosen.items()}

    def _generate_examples(self, split: str, num: int) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.builder_config.name
        for index in range(num):
            image = random_image(index, height=20 + index, width=30)
            if config == "float_images":
                image = image[:, :, :1].astype("float32")
            example = {"image": image, "label": index % len(CLASS_NAMES)}
            if config == "without_label":
                del example["label"]
            if config == "unlabelled_test" and split == "test":
                example["label"] = -1
            yield index, example


def prepare(data_dir: str, config: str = "plain", num_files: int | None = None) -> None:
    """Prepare the data set `ofa_tiny_images/<config>` under `data_dir`, each split in `num_files` files."""
    how = tfds.download.DownloadConfig(num_shards=num_files)
    OfaTinyImages(config=config, data_dir=data_dir).download_and_prepare(download_config=how)
