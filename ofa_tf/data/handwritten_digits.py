"""`HandwrittenDigits`: a small real data set that needs no download."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

NUM_TEST_EXAMPLES = 359
_SPLIT_SEED = 1791


class HandwrittenDigits(tfds.core.GeneratorBasedBuilder):
    """The 1,797 handwritten digits of scikit-learn, 8x8 pixels, as a TFDS data set.

    The images are those of scikit-learn's `load_digits` (the test set of UCI's
    "Optical Recognition of Handwritten Digits"), their values 0..16 scaled to
    0..255. They come with the scikit-learn package, so preparing the data set
    takes seconds and no network. The 1,438 training and 359 test images are a
    stratified split with a fixed seed: scikit-learn itself has no split.

    Reference: Alpaydin and Kaynak, UCI Machine Learning Repository, 1998.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012  (TFDS declares it as a plain class attribute)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
        )
        return tfds.core.DatasetInfo(
            builder=self,
            description="The 1,797 handwritten digits, 8x8 pixels, that come with scikit-learn.",
            features=features,
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        # Imported here, as scikit-learn is needed only once, for preparing.
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
        train, test = train_test_split(
            np.arange(len(images)), test_size=NUM_TEST_EXAMPLES, random_state=_SPLIT_SEED, stratify=digits.target
        )
        return {
            "train": self._generate_examples(images, digits.target, train),
            "test": self._generate_examples(images, digits.target, test),
        }

    def _generate_examples(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        indices: np.ndarray,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for index in sorted(indices.tolist()):
            yield index, {"image": images[index], "label": int(labels[index])}
