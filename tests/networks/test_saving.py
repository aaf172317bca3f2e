import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.saving import (
    SUPERNET_FILE,
    check_archive,
    load_subnet,
    load_supernet,
    save_subnet,
    save_supernet,
)
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.blocks import registry
from ofa_tf.space.blocks.builtin import BUILTIN_PART_TYPES
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.search_space import SearchSpace
from tests.support.fused_mbconv import FusedMBConv
from tests.support.networks import assert_close, images
from tests.support.repository import ROOT


@pytest.fixture(scope="module")
def saved(shared_supernet: Supernet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workdir with a supernet."""
    workdir = tmp_path_factory.mktemp("saved") / "run"
    assert save_supernet(shared_supernet, workdir) == workdir / "supernet.keras"
    return workdir


def test_both_networks_are_read_by_a_fresh_process_and_subnets_need_only_keras(
    saved: Path, shared_supernet: Supernet, tmp_path: Path
) -> None:
    space, batch = shared_supernet.space, images(size=28)
    arch = space.largest(28)
    subnet = extract_subnet(shared_supernet, arch)
    subnet.save(tmp_path / "subnet.keras")
    arch.save(tmp_path / "arch.json")
    np.save(tmp_path / "images.npy", batch)
    script = """
        import sys
        from pathlib import Path
        import keras
        import numpy as np

        folder = Path(sys.argv[1])
        images = np.load(folder / "images.npy")
        np.save(folder / "subnet.npy", keras.saving.load_model(folder / "subnet.keras")(images))
        assert "ofa_tf" not in sys.modules

        from ofa_tf.space.arch import Arch
        from ofa_tf.networks.saving import load_supernet
        supernet = load_supernet(sys.argv[2])
        np.save(folder / "supernet.npy", supernet(images, Arch.load(folder / "arch.json")))
    """

    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), str(saved)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=300)

    expected = shared_supernet(batch, arch)
    assert_close(np.load(tmp_path / "subnet.npy"), expected)
    assert_close(np.load(tmp_path / "supernet.npy"), expected)


def test_everything_about_a_supernet_is_restored(saved: Path, shared_supernet: Supernet) -> None:
    supernet = load_supernet(saved)

    assert supernet.get_config() == shared_supernet.get_config()
    for actual, expected in zip(supernet.weights, shared_supernet.weights, strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert os.listdir(saved) == [SUPERNET_FILE]


def test_failure_while_saving_leaves_the_earlier_file(
    saved: Path, shared_supernet: Supernet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (saved / SUPERNET_FILE).read_bytes()

    def write_half(path: Path) -> None:
        Path(path).write_bytes(before[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_supernet, "save", write_half)
    with pytest.raises(OSError, match="No space left on device"):
        save_supernet(shared_supernet, saved)

    assert (saved / SUPERNET_FILE).read_bytes() == before
    assert os.listdir(saved) == [SUPERNET_FILE]


def test_the_file_itself_may_be_named_instead_of_its_folder(saved: Path) -> None:
    by_folder, by_file = load_supernet(saved), load_supernet(saved / "supernet.keras")
    for one, other in zip(by_folder.get_weights(), by_file.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_lost_supernet_is_to_be_copied_from_the_last_finished_phase(tmp_path: Path) -> None:
    for age, phase in enumerate(("full", "kernel")):
        copy = tmp_path / "checkpoints" / phase / "step_00000009_finished" / SUPERNET_FILE
        copy.parent.mkdir(parents=True)
        copy.touch()
        os.utime(copy, (100 + age, 100 + age))
    with pytest.raises(InputError, match=rf"no such file. Copy {re.escape(str(copy))} there"):
        load_supernet(tmp_path)


def test_missing_supernet_is_reported_with_how_to_train_one(tmp_path: Path) -> None:
    message = f"Expected a trained supernet at {tmp_path / SUPERNET_FILE}. Received: no such file. Train one: python "
    with pytest.raises(
        InputError, match=f"^{re.escape(message)}.*--workdir={re.escape(str(tmp_path))} --data.*or import published"
    ):
        load_supernet(tmp_path)


def test_a_supernet_in_training_is_to_be_waited_for(tmp_path: Path) -> None:
    message = rf"no such file. It is being trained by process {os.getpid()} on .*: wait until the first phase is"
    with locked(tmp_path), pytest.raises(InputError, match=message):
        load_supernet(tmp_path)


def test_damaged_supernet_is_refused(saved: Path, tmp_path: Path) -> None:
    content = (saved / SUPERNET_FILE).read_bytes()
    path = tmp_path / SUPERNET_FILE
    expected = re.escape(f"Expected {path} to be a complete file. Received: a damaged one (")
    remedy = f"Put the file back from a copy, .*{re.escape(str(tmp_path / 'checkpoints'))}"
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF

    for damaged, reason in (
        (content[: len(content) // 2], "File is not a zip file"),
        (content[:-10], "File is not a zip file"),
        (b"", "File is not a zip file"),
        (bytes(flipped), "wrong checksum of model.weights.h5"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"^{expected}{reason}\)\. {remedy}"):
            load_supernet(tmp_path)


def test_damaged_checkpoint_is_to_be_deleted_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "step_00000500" / "state.npz"
    path.parent.mkdir()
    path.write_bytes(b"PK")
    with pytest.raises(
        InputError,
        match=rf"Delete {re.escape(str(path.parent))}; with --resume the phase continues from the checkpoint before",
    ):
        check_archive(path)


def test_a_damaged_checkpoint_of_a_finished_phase_takes_later_phases_along(tmp_path: Path) -> None:
    path = tmp_path / "kernel" / "step_00000500_finished" / "state.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match=rf"Delete {re.escape(str(tmp_path / 'kernel'))} and the folders of later"):
        check_archive(path)


def test_a_subnet_is_read_back_with_its_arch_and_not_without(shared_supernet: Supernet, tmp_path: Path) -> None:
    space, batch = shared_supernet.space, images(size=28)
    arch = space.smallest(28)
    subnet = extract_subnet(shared_supernet, arch)
    save_subnet(subnet, arch, tmp_path / "s.keras")
    again, its_arch = load_subnet(tmp_path / "s.keras")
    assert its_arch == arch
    assert_close(again(batch), subnet(batch))
    space.smallest(24).save(tmp_path / "s.arch.json")
    with pytest.raises(InputError, match=r"to be the subnet of 24 px in s.arch.json. Received: a model with the input"):
        load_subnet(tmp_path / "s.keras")
    (tmp_path / "s.arch.json").unlink()
    with pytest.raises(InputError, match=r"s.arch.json beside s.keras: it says what subnet that is. Received: no such"):
        load_subnet(tmp_path / "s.keras")


def test_a_subnet_that_cannot_be_saved_leaves_no_arch(shared_supernet: Supernet, tmp_path: Path) -> None:
    class Unwritable:
        def save(self, path: Path) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_subnet(Unwritable(), shared_supernet.space.smallest(28), tmp_path / "s.keras")
    assert not list(tmp_path.iterdir())


def write_plain_model(path: Path) -> None:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)


def write_unknown_layer(path: Path) -> None:
    class Unknown(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    keras.Sequential([keras.Input((3,)), Unknown()]).save(path)


def write_arrays(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, values=np.ones(3))


def write_empty_config(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


@pytest.mark.parametrize(
    ("write", "received"),
    [
        (write_plain_model, "a Sequential."),
        (write_unknown_layer, "another archive (<class"),
        (write_arrays, "another archive ("),
        (write_empty_config, "another archive ("),
    ],
)
def test_file_of_something_else_is_refused(tmp_path: Path, write, received: str) -> None:
    path = tmp_path / SUPERNET_FILE
    write(path)
    with pytest.raises(InputError, match=f"^{re.escape(f'Expected {path} to hold a supernet. Received: {received}')}"):
        load_supernet(tmp_path)


def test_a_supernet_of_a_block_type_that_is_not_registered_needs_its_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(8, 1, "relu", depths=(1,), expand_ratios=(2,), block_type=FusedMBConv.type_name)
    space = SearchSpace(name="fused", image_sizes=(16,), stem_width=8, stages=(stage,))
    path = save_supernet(build_supernet(space, 2), tmp_path)
    assert load_supernet(tmp_path).space == space

    builtin: registry.Registry = registry.Registry("part type")
    for part_type in BUILTIN_PART_TYPES:
        builtin.register(part_type.type_name, part_type)
    monkeypatch.setattr(registry, "PART_TYPES", builtin)
    message = f"Expected `block_type` to be one of .*'mbconv'.* Received: block_type='{FusedMBConv.type_name}'"
    with pytest.raises(
        InputError, match=rf"^{re.escape(str(path))}: {message}.*ofa_tf\.load_plugins.*ofa_tf\.open_run"
    ):
        load_supernet(tmp_path)


def test_a_supernet_is_not_taken_for_a_subnet_that_lacks_its_arch(saved: Path) -> None:
    with pytest.raises(InputError, match=r"Received: .*supernet.keras, a supernet.*with --workdir and --arch"):
        load_subnet(saved / "supernet.keras")


def test_a_workdir_may_be_called_like_a_file(saved: Path, shared_supernet: Supernet, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "run.keras")
    assert load_supernet(tmp_path / "run.keras").space == shared_supernet.space


def test_moved_workdir_still_loads(saved: Path, shared_supernet: Supernet, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "moved")
    assert load_supernet(tmp_path / "moved").space == shared_supernet.space
