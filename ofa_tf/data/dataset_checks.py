"""What can be found wrong with a data set before it is opened, without TensorFlow, which takes long to load."""

from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.data.dataset_names import DIGITS, FOLDER_PREFIX, check_folder
from ofa_tf.data.folder_layout import check_layout
from ofa_tf.data.held_out import HoldOut


def check_dataset(
    name: str,
    data_dir: str | None,
    how_many: HoldOut,
    batch_size: int = 1,
    is_needed_now: bool = True,
) -> None:
    """Check that a data set is known and complete, as far as names of files and folders tell.

    Args:
        name: See `ofa_tf.data.sources.open_source`.
        data_dir: Folder of tensorflow-datasets; its own default if `None`.
        how_many: How many training images are held out.
        batch_size: Images in a step of the training.
        is_needed_now: Whether it must be prepared, too. A data set that may be downloaded, or is
            used by later programs only, need not be.

    Raises:
        InputError: If it is not. Nothing is said of a folder of very many files but for its sub-folders.
    """
    if name == DIGITS:
        return
    if name.startswith(FOLDER_PREFIX):
        path = name.removeprefix(FOLDER_PREFIX)
        check_folder(path)
        num_train = check_layout(Path(path).expanduser(), how_many, name)
        if num_train is not None:
            check_num_train(num_train, batch_size, name)
        return
    # Imported here, as tensorflow-datasets takes half a second to load, and neither kind above needs it.
    from ofa_tf.data.tfds_builders import find_builder, prepared_builder

    if is_needed_now:
        prepared_builder(name, data_dir, download=False)
    else:
        find_builder(name, data_dir)


def check_num_train(num_train: int, batch_size: int, name: str) -> None:
    """Check that a data set has as many training images as a step takes.

    Raises:
        InputError: If it has fewer.
    """
    if batch_size > num_train:
        raise InputError(
            f"Expected `batch_size` to be at most the {num_train} training images of {name!r}. "
            f"Received: batch_size={batch_size}. Use a smaller batch."
        )
