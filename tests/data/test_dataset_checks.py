import subprocess
import sys
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.data import folder_layout
from ofa_tf.data.dataset_checks import check_dataset
from ofa_tf.data.held_out import HoldOut
from ofa_tf.data.sources import open_source
from tests.support import tiny_dataset
from tests.support.images import write_class_folders

_A_FIFTH = HoldOut(0.2)


def _make_folders(root: Path, numbers: dict[str, int], suffix: str = ".jpg") -> None:
    """Empty files, as only their names are looked at."""
    for folder, number in numbers.items():
        (root / folder).mkdir(parents=True)
        for index in range(number):
            (root / folder / f"{index}{suffix}").touch()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({}, "Received: no folder. Put the images into"),
        ({"cat": 9}, "Received: only 'cat'"),
        ({"cat": 9, "dog": 0}, "dog to hold images .* Received: an empty folder"),
        ({"cat": 9, "dog": 2}, "at least 3 images of each class.*Received: 2 of 'dog'"),
        ({"train/cat": 9, "train/dog": 9}, "'test' or 'validation' beside 'train'. Received: train"),
        ({"train/cat": 9, "train/dog": 1, "test/cat": 1, "test/dog": 1}, "at least 2 images of each class"),
        ({"train/cat": 9, "train/dog": 9, "test/cat": 1, "test/ant": 1}, "dog only in train and ant only in test"),
        ({"cat": 9, "dog": 9}, "`batch_size` to be at most the 12 training images of .* Received: batch_size=13"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_as_when_it_is_opened(
    numbers: dict[str, int], message: str, tmp_path: Path
) -> None:
    _make_folders(tmp_path, numbers)
    with pytest.raises(InputError, match=message) as caught:
        check_dataset(f"folder:{tmp_path}", None, _A_FIFTH, batch_size=13)
    if "batch_size" not in message:
        with pytest.raises(InputError) as caught_later:
            open_source(f"folder:{tmp_path}", validation_fraction=0.2)
        assert str(caught.value) == str(caught_later.value)


def test_a_good_folder_passes_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []

    def warn(text: str, *values: object) -> None:
        messages.append(text % values)

    monkeypatch.setattr(folder_layout.logging, "warning", warn)
    write_class_folders(tmp_path, {"cat": 9, "dog": 9})
    (tmp_path / "cat" / "other.webp").touch()
    name = f"folder:{tmp_path}"
    check_dataset(name, None, _A_FIFTH, batch_size=12)
    assert not messages
    assert open_source(name, validation_fraction=0.2).num_examples("train") == 12
    assert messages == [f"{tmp_path}/cat: leaving out 1 files such as other.webp"]


def test_the_files_of_a_large_folder_are_left_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_layout, "_MAX_FILES_LISTED_TWICE", 10)
    _make_folders(tmp_path / "large", {"ant": 9, "cat": 2})
    check_dataset(f"folder:{tmp_path / 'large'}", None, _A_FIFTH)
    _make_folders(tmp_path / "small", {"ant": 8, "cat": 2})
    with pytest.raises(InputError, match="at least 3 images"):
        check_dataset(f"folder:{tmp_path / 'small'}", None, _A_FIFTH)


def test_the_folders_of_a_large_folder_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_layout, "_MAX_FILES_LISTED_TWICE", 10)
    _make_folders(tmp_path, {"train/cat": 9, "train/dog": 9})
    with pytest.raises(InputError, match="'test' or 'validation' beside 'train'"):
        check_dataset(f"folder:{tmp_path}", None, _A_FIFTH)


def test_a_name_of_tensorflow_datasets_must_be_known_and_prepared(tmp_path: Path) -> None:
    data_dir = str(tmp_path)
    with pytest.raises(InputError, match=r"Received: 'ofa_tiny_imagse'. Did you mean ofa_tiny_images"):
        check_dataset("ofa_tiny_imagse", data_dir, _A_FIFTH, is_needed_now=False)
    name = "ofa_tiny_images/plain"
    check_dataset(name, data_dir, _A_FIFTH, is_needed_now=False)
    with pytest.raises(InputError, match=r"to be prepared in .* Received: no data set there"):
        check_dataset(name, data_dir, _A_FIFTH)
    tiny_dataset.prepare(data_dir)
    check_dataset(name, data_dir, _A_FIFTH)


def test_digits_need_no_preparation(tmp_path: Path) -> None:
    check_dataset("digits", str(tmp_path), _A_FIFTH)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nosuchdata", "cifar10", "folder:{folder}"])
def test_a_refusal_does_not_load_tensorflow(name: str, tmp_path: Path) -> None:
    program = f"""
import sys
from ofa_tf.base.errors import InputError
from ofa_tf.data.dataset_checks import check_dataset
from ofa_tf.data.held_out import HoldOut
try:
    check_dataset({name.format(folder=tmp_path)!r}, {str(tmp_path)!r}, HoldOut(0.2))
except InputError:
    print("tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
