"""`open_source`: from a data set's name, as given on a command line, to its images."""

from ofa_tf.base.errors import InputError
from ofa_tf.data.dataset_names import FOLDER_PREFIX
from ofa_tf.data.held_out import HoldOut
from ofa_tf.data.image_folder import FolderSource
from ofa_tf.data.image_source import DEFAULT_CACHE_BYTES, ImageSource
from ofa_tf.data.tfds_source import open_tfds


def open_source(
    name: str,
    data_dir: str | None = None,
    download: bool = False,
    validation_fraction: float = 0.1,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    num_validation_images: int = 0,
) -> ImageSource:
    """Open a data set.

    Unless a folder has validation images of its own, they are held out of the
    training images, so that a search that looks at them does not look at the test set.

    Args:
        name: `"digits"` (real, small, needs no network), `"folder:PATH"` (see
            `FolderSource` for the layouts) or a name of tensorflow-datasets such
            as `"cifar10"`, `"imagenet2012"` or `"name/config:1.0.0"`.
        data_dir: Folder of tensorflow-datasets; its own default (environment
            variable `TFDS_DATA_DIR`, else `~/tensorflow_datasets`) if `None`.
        download: Whether to download and prepare a data set that is not
            prepared. Without it nothing uses the network.
        validation_fraction: Share of the training images held out.
        cache_bytes: A split expected to take no more memory than this is kept
            there, decoded.
        num_validation_images: Training images held out, instead of a share of them; 0: as
            `validation_fraction` says. Of a folder about as many, and at least one of each class.

    Returns:
        The source.

    Raises:
        InputError: If the name is unknown, the data set is not prepared, or it
            does not have what training needs.
    """
    if not 0 < validation_fraction < 1:
        raise InputError(
            "Expected `validation_fraction` to be more than 0 and less than 1. "
            f"Received: validation_fraction={validation_fraction}."
        )
    if num_validation_images < 0:
        raise InputError(
            "Expected `num_validation_images` to be at least 0. "
            f"Received: num_validation_images={num_validation_images}."
        )
    hold_out = HoldOut(validation_fraction, num_validation_images)
    if name.startswith(FOLDER_PREFIX):
        return FolderSource(name.removeprefix(FOLDER_PREFIX), hold_out, cache_bytes)
    return open_tfds(name, data_dir, download, hold_out, cache_bytes)
