import dataclasses
import json
from pathlib import Path

import pytest
from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.config_flags import config_from_flags, define_flags
from ofa_tf.training.phases import PHASE_NAMES

_FULL = {"full": PhaseConfig(epochs=1, learning_rate=0.1)}


def test_a_saved_configuration_loads_equal_even_after_the_workdir_moved(tmp_path: Path) -> None:
    config = TrainConfig(workdir=str(tmp_path / "a"), phases=_FULL, seed=7)
    config.save()
    (tmp_path / "a").rename(tmp_path / "b")
    assert TrainConfig.load(tmp_path / "b") == dataclasses.replace(config, workdir=str(tmp_path / "b"))


def test_loading_from_an_empty_workdir_says_how_to_train(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no such file. Train first: python train_main.py .*--workdir={tmp_path}"):
        TrainConfig.load(tmp_path)


def test_a_configuration_that_was_changed_by_hand_is_named(tmp_path: Path) -> None:
    TrainConfig(workdir=str(tmp_path), phases=_FULL).save()
    path = tmp_path / "train_config.json"
    for old, new in (('"epochs": 1', '"epochen": 1'), ('"phases": {', '"phases": "full", "rest": {')):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=f"Expected {path} to be as it was written. Received: .*another --workdir"):
            TrainConfig.load(tmp_path)
        path.write_text(text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 0, "Expected `batch_size` to be at least 1. Received: batch_size=0"),
        ("momentum", 1.0, r"Expected `momentum` to be in \[0, 1\). Received: momentum=1.0"),
        ("weight_decay", -1, "Received: weight_decay=-1"),
        ("label_smoothing", 1.5, "Received: label_smoothing=1.5"),
        ("dropout_rate", -0.1, "Received: dropout_rate=-0.1"),
        ("distillation_weight", -2, "Received: distillation_weight=-2"),
        ("validation_fraction", 1.0, "Received: validation_fraction=1.0"),
        ("num_calibration_images", 0, "Received: num_calibration_images=0"),
        ("seed", -1, "Received: seed=-1"),
        ("space", "mobilenet_v9", "Received: 'mobilenet_v9'"),
        ("workdir", "", "Pass --workdir=DIR"),
        ("phases", {"fool": PhaseConfig(1, 0.1)}, r"Received: \['fool'\]"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainConfig(**{"workdir": "w", "phases": _FULL, name: value})


@pytest.mark.parametrize(
    ("given", "kept"),
    [("folder:photos", "folder:{}/photos"), ("folder:/photos", "folder:/photos"), ("digits", "digits")],
)
def test_a_folder_of_images_is_found_from_any_folder(
    given: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert TrainConfig(workdir="w", phases=_FULL, dataset=given).dataset == kept.format(tmp_path)


def test_a_plugin_that_is_gone_is_named_with_the_file_that_asks_for_it(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    TrainConfig(workdir=str(tmp_path / "run"), phases=_FULL, plugins=(str(plugin),)).save()
    plugin.unlink()
    with pytest.raises(InputError, match=r"mine\.py\. Received: no such file.*`plugins` in .*run/train_config\.json"):
        TrainConfig.load(tmp_path / "run")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "Expected `epochs` to be at least 1. Received: epochs=0"),
        ({"learning_rate": 0.0}, "Expected `learning_rate` to be positive. Received: learning_rate=0.0"),
        ({"num_subnets": 0}, "Received: num_subnets=0"),
        ({"warmup_epochs": 3}, "Expected `warmup_epochs` to be from 0 to below 3. Received: warmup_epochs=3"),
    ],
)
def test_a_phase_setting_out_of_range_is_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PhaseConfig(**{"epochs": 3, "learning_rate": 0.1, **values})


def test_flags_make_the_configuration_and_the_quickstart_recipe_is_the_default() -> None:
    parsed = {}
    for name, arguments in {"default": [], "recipe": ["--flagfile=flags/quickstart.cfg"]}.items():
        values = flags.FlagValues()
        define_flags(values)
        values(["train_main.py", "--workdir=w", *arguments])
        parsed[name] = config_from_flags(values)
    assert parsed["default"] == parsed["recipe"]
    assert parsed["default"].phases["depth_2"].num_subnets == 2


def test_every_field_of_the_configuration_has_a_flag() -> None:
    values = flags.FlagValues()
    define_flags(values)
    fields = {field.name for field in dataclasses.fields(TrainConfig)} - {"phases"}
    assert fields <= set(values)
    for phase in PHASE_NAMES:
        assert {f"{phase}_{field.name}" for field in dataclasses.fields(PhaseConfig)} <= set(values)


def test_a_run_from_before_a_setting_existed_still_loads(tmp_path: Path) -> None:
    TrainConfig(workdir=str(tmp_path), phases=_FULL).save()
    path = tmp_path / "train_config.json"
    document = json.loads(path.read_text())
    del document["include_smallest"]
    path.write_text(json.dumps(document))
    assert not TrainConfig.load(tmp_path).include_smallest


def test_a_flag_reaches_the_phase_it_names() -> None:
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", "--width_1_epochs=7", "--width_1_warmup_epochs=0.5", "--seed=4"])
    config = config_from_flags(values)
    assert (config.phases["width_1"].epochs, config.phases["width_1"].warmup_epochs, config.seed) == (7, 0.5, 4)
    assert config.phases["width_2"].epochs != 7


def test_a_wrong_value_is_named_by_its_flag() -> None:
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", "--full_epochs=1", "--full_warmup_epochs=1"])
    message = r"Expected --full_warmup_epochs to be from 0 to below 1. Received: --full_warmup_epochs=1.0"
    with pytest.raises(InputError, match=message):
        config_from_flags(values)


@pytest.mark.parametrize("path", sorted(Path("flags").glob("*.cfg")), ids=lambda path: path.stem)
def test_every_flagfile_makes_a_configuration_and_names_its_command(path: Path) -> None:
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", f"--flagfile={path}"])
    assert set(config_from_flags(values).phases) == set(PHASE_NAMES)
    assert f"--flagfile={path}" in path.read_text().splitlines()[0]
