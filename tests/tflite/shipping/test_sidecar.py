import hashlib
import json
import os
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.litert.metadata import add_metadata
from ofa_tf.tflite.shipping.sidecar import check_model_replaceable, describe, load_sidecar, remove_model, save_tflite
from tests.support.model_facts import FACTS

FORMAT = InputFormat("uint8", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
CONTENT = b"\x1c\0\0\0TFL3 and so on"


def _save(path: Path, arch: Arch) -> Path:
    description = describe(arch, ExportOptions("int8"), 2, FORMAT, ["cat", "dog"])
    return save_tflite(path, CONTENT, {**description, "num_macs": 123})


def test_sidecar_says_what_the_model_is(arch: Arch, tmp_path: Path) -> None:
    sidecar = _save(tmp_path / "m.tflite", arch)
    assert (tmp_path / "m.tflite").read_bytes() == CONTENT
    document = json.loads(sidecar.read_text())
    assert document["schema"] == "ofa_tf/tflite_model/1"
    assert document["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert document["size_bytes"] == len(CONTENT)
    assert Arch.from_dict(document["arch"]) == arch
    assert document["input_type"] == "uint8"
    assert document["normalization"] == {"mean": [0.5] * 3, "std": [0.25] * 3}
    assert (document["class_names"], document["num_macs"]) == (["cat", "dog"], 123)
    assert document["num_representative_images"] == 200
    assert load_sidecar(tmp_path / "m.tflite") == document
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.json", "m.labels.txt", "m.md", "m.tflite"]
    assert (tmp_path / "m.labels.txt").read_text() == "cat\ndog\n"


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_no_file_appears_if_one_cannot_be_put_in_place(
    failing: int, arch: Arch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = os.replace, []

    def fail_once(source: Path, target: Path) -> None:
        if Path(target).parent == tmp_path:
            calls.append(target)
            if len(calls) == failing:
                raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises(OSError, match="No space left"):
        _save(tmp_path / "m.tflite", arch)
    assert list(tmp_path.iterdir()) == []


def test_an_older_sidecar_outlives_a_write_that_fails(
    arch: Arch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path / "m.tflite", arch)
    before = (tmp_path / "m.json").read_bytes()
    (tmp_path / "m.tflite").rename(tmp_path / "kept.tflite")

    def fail(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        _save(tmp_path / "m.tflite", arch)
    assert (tmp_path / "m.json").read_bytes() == before


def test_a_model_changed_since_is_noticed(arch: Arch, tmp_path: Path) -> None:
    _save(tmp_path / "m.tflite", arch)
    (tmp_path / "m.tflite").write_bytes(CONTENT + b"!")
    with pytest.raises(InputError, match=rf"Received: sha256 {hashlib.sha256(CONTENT + b'!').hexdigest()}"):
        load_sidecar(tmp_path / "m.tflite")


def test_wrong_name_and_wrong_number_of_classes_are_refused(arch: Arch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"end in \.tflite. Received: .*m\.lite"):
        _save(tmp_path / "m.lite", arch)
    with pytest.raises(InputError, match=r"2 entries, one per class. Received: 1"):
        describe(arch, ExportOptions("int8"), 2, FORMAT, ["cat"])


def test_a_model_that_its_sidecar_describes_may_be_replaced(arch: Arch, tmp_path: Path) -> None:
    _save(tmp_path / "m.tflite", arch)  # whose content has no metadata
    check_model_replaceable(tmp_path / "m.tflite")
    (tmp_path / "m.tflite").write_bytes(CONTENT + b"!")
    with pytest.raises(InputError, match="Received: another file"):
        check_model_replaceable(tmp_path / "m.tflite")


def test_a_file_that_is_no_model_of_ours_is_not_replaced(float_model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    check_model_replaceable(path)
    path.write_bytes(add_metadata(float_model, FACTS))
    check_model_replaceable(path)
    path.write_bytes(b"")
    check_model_replaceable(path)
    for content in (float_model, b"notes"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"an older model that tools/to_tflite.py wrote. Received: another file"):
            check_model_replaceable(path)


def test_a_model_is_removed_with_its_sidecar_and_card(arch: Arch, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    _save(path, arch)
    remove_model(path)
    assert not list(tmp_path.iterdir())
    remove_model(path)  # there is none


def test_a_card_in_which_somebody_has_written_outlives_its_model(arch: Arch, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    _save(path, arch)
    card = path.with_suffix(".md")
    card.write_text(card.read_text() + "\nOnly for my own garden.\n")
    remove_model(path)
    assert [left.name for left in tmp_path.iterdir()] == ["m.md"]


def test_a_model_of_somebody_else_is_not_removed(arch: Arch, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    _save(path, arch)
    path.write_bytes(b"another converter's")
    remove_model(path)
    assert len(list(tmp_path.iterdir())) == 4


def test_names_of_classes_are_replaced_with_the_model_and_somebody_elses_are_not(arch: Arch, tmp_path: Path) -> None:
    path, labels = tmp_path / "m.tflite", tmp_path / "m.labels.txt"
    _save(path, arch)
    check_model_replaceable(path)
    nameless = describe(arch, ExportOptions("int8"), 2, FORMAT)
    save_tflite(path, CONTENT, nameless)
    assert not labels.exists()

    labels.write_text("salt\npepper\n")
    save_tflite(path, CONTENT, nameless)
    for write in (lambda: check_model_replaceable(path), lambda: _save(path, arch)):
        with pytest.raises(InputError, match=r"m.labels.txt to be free, or .* Received: another file"):
            write()
    remove_model(path)
    assert [left.name for left in tmp_path.iterdir()] == ["m.labels.txt"]
    assert labels.read_text() == "salt\npepper\n"


def test_names_of_classes_of_a_model_whose_sidecar_is_gone_are_known_from_the_model(
    float_model: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(add_metadata(float_model, FACTS))
    (tmp_path / "m.labels.txt").write_text("Äpfel\npears\n", encoding="utf-8")
    check_model_replaceable(path)


@pytest.mark.parametrize("name", ["m.json", "m.md"])
def test_what_cannot_be_replaced_leaves_everything_as_it_was(name: str, arch: Arch, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError):
        _save(tmp_path / "m.tflite", arch)
    assert [left.name for left in tmp_path.iterdir()] == [name]
