"""Data sets, and batches of their images for training, evaluation and calibration.

Read `sources.py` first: from a name to an `ImageSource` (`image_source.py`), labelled images in three splits. There are
two kinds, told apart by the name (`dataset_names.py`): `image_folder.py`, whose layouts are read by `folder_layout.py`,
and `tfds_source.py`, whose data sets are found and prepared by `tfds_builders.py`; `handwritten_digits.py` is one of
those. `dataset_checks.py` says what is wrong with one before TensorFlow is loaded. `held_out.py` says how many training
images serve for validation, and `shares.py` which of those choose and which report. Then `batches.py`: the three
functions that make batches. They choose examples (`examples.py`; in the many files of a TFDS data set,
`interleaving.py` finds where to go on), augment them as an entry of `augmentations.py` says, cut and normalise them
(`preprocessing.py`, with `resizing.py`, and `jpeg.py`, which decodes only what is cut out), and name the file that
cannot be read (`checked_batches.py`). Photos of a folder that are stored sideways (`exif.py`) are turned upright
(`orientation.py`). Every batch is a pure function of the seed, the epoch and the step.
`kept_batches.py` keeps those that are gone over many times in memory. `input_throughput.py` measures how fast.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentations": ["AUGMENTATIONS", "Augmentation", "get_augmentation"],
        "batches": ["calibration_batches", "eval_batches", "num_eval_images", "steps_per_epoch", "train_batches"],
        "checked_batches": ["CheckedBatches"],
        "dataset_checks": ["check_dataset"],
        "dataset_names": ["absolute_dataset"],
        "held_out": ["HoldOut"],
        "image_source": ["SPLITS", "DecodedImages", "EncodedImage", "ImageSource"],
        "input_throughput": ["InputTask", "InputThroughput", "measure_input_throughput", "write_photos"],
        "kept_batches": ["DEFAULT_KEPT_BYTES", "BatchKeeper"],
        "preprocessing": ["IMAGE_MEAN", "IMAGE_STD"],
        "shares": ["REPORT_SHARE", "SEARCH_SHARE", "SHARES", "Share", "possible_report_images"],
        "sources": ["open_source"],
    },
)
