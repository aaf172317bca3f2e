import dataclasses
import json
import os
import re
import shlex
from pathlib import Path

import pytest
from absl import flags

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.config_flags import changes_from_flags, config_from_flags, define_changes_flags, define_flags
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


def test_a_workdir_that_is_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("not a run")
    with pytest.raises(InputError, match=rf"Expected the folder of a training run. Received: {path}, a file"):
        TrainConfig.load(path)


def test_the_command_to_train_can_be_pasted_whatever_the_folder_is_called(tmp_path: Path) -> None:
    workdir = tmp_path / "it's; mine"
    with pytest.raises(InputError) as error:
        TrainConfig.load(workdir)
    (command,) = re.findall(r"Train first: (.*); or import", str(error.value))
    assert shlex.split(command) == ["python", "train_main.py", "--phase=all", f"--workdir={workdir}"]


def test_loading_from_a_workdir_that_is_being_trained_says_to_wait(tmp_path: Path) -> None:
    message = rf"no such file. It is being trained by process {os.getpid()} on .*: wait until the first phase is"
    with locked(tmp_path), pytest.raises(InputError, match=message):
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
        (
            "distillation_loss",
            "hinge",
            r"one of \['cross_entropy', 'alpha_divergence'\]. Received: distillation_loss='hinge'",
        ),
        ("validation_fraction", 1.0, "Received: validation_fraction=1.0"),
        ("num_validation_images", -1, "Received: num_validation_images=-1"),
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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"method": "bignas"},
            r"one of \['progressive_shrinking', 'sandwich', 'naive'\]. Received: method='bignas'",
        ),
        (
            {"method": "sandwich", "phases": {"sandwich": PhaseConfig(epochs=1, learning_rate=0.1, num_subnets=1)}},
            "Expected --sandwich_num_subnets to be at least 2: the largest and the smallest. Received: .*=1",
        ),
    ],
)
def test_an_impossible_method_is_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainConfig(**{"workdir": "w", "phases": _FULL, **values})


def test_a_plugin_that_is_given_twice_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(workdir="run", phases=_FULL, plugins=(str(plugin), "mine.py"))
    assert config.plugins == (str(plugin),)


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
    fields = {field.name for field in dataclasses.fields(TrainConfig)} - {"phases", "finetuning"}
    assert fields <= set(values)
    for phase in PHASE_NAMES:
        assert {f"{phase}_{field.name}" for field in dataclasses.fields(PhaseConfig)} <= set(values)


def test_a_run_from_before_a_setting_existed_still_loads(tmp_path: Path) -> None:
    TrainConfig(workdir=str(tmp_path), phases=_FULL).save()
    path = tmp_path / "train_config.json"
    document = json.loads(path.read_text())
    for name in ("include_smallest", "method", "start_as_identity"):
        del document[name]
    path.write_text(json.dumps(document))
    loaded = TrainConfig.load(tmp_path)
    assert not loaded.include_smallest
    assert not loaded.start_as_identity
    assert loaded.method == "progressive_shrinking"


def test_a_flag_reaches_the_phase_it_names() -> None:
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", "--width_1_epochs=7", "--width_1_warmup_epochs=0.5", "--seed=4"])
    config = config_from_flags(values)
    assert (config.phases["width_1"].epochs, config.phases["width_1"].warmup_epochs, config.seed) == (7, 0.5, 4)
    assert config.phases["width_2"].epochs != 7


def test_all_phases_are_scaled_at_once() -> None:
    def parse(*arguments: str) -> TrainConfig:
        values = flags.FlagValues()
        define_flags(values)
        values(["train_main.py", *arguments])
        return config_from_flags(values)

    plain, longer, shorter = parse(), parse("--epochs_scale=2"), parse("--epochs_scale=0.25")
    for phase, settings in plain.phases.items():
        assert longer.phases[phase].epochs == 2 * settings.epochs
        assert longer.phases[phase].warmup_epochs == 2 * settings.warmup_epochs
        assert shorter.phases[phase].epochs == max(1, round(settings.epochs / 4))
    for scale in ("0", "-1", "nan"):
        with pytest.raises(InputError, match=r"Expected --epochs_scale to be above 0. Received: --epochs_scale="):
            parse(f"--epochs_scale={scale}")
    with pytest.raises(InputError, match=r"Received: --kernel_epochs=0"):
        parse("--epochs_scale=2", "--kernel_epochs=0")


def test_the_epochs_of_a_run_are_those_of_its_method() -> None:
    phases = {name: PhaseConfig(epochs=2, learning_rate=0.1, num_subnets=2) for name in PHASE_NAMES}
    assert TrainConfig(workdir="w", phases=phases).num_epochs == 12
    assert TrainConfig(workdir="w", phases=phases, method="sandwich").num_epochs == 2


def test_a_wrong_value_is_named_by_its_flag() -> None:
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", "--full_epochs=1", "--full_warmup_epochs=1"])
    message = r"Expected --full_warmup_epochs to be from 0 to below 1. Received: --full_warmup_epochs=1.0"
    with pytest.raises(InputError, match=message):
        config_from_flags(values)


_FLAGFILES = [path for path in sorted(Path("flags").glob("*.cfg")) if not path.name.startswith("finetune_")]


@pytest.mark.parametrize("path", _FLAGFILES, ids=lambda path: path.stem)
def test_every_flagfile_makes_a_configuration_and_names_its_command(path: Path) -> None:
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", f"--flagfile={path}"])
    assert set(config_from_flags(values).phases) == set(PHASE_NAMES)
    assert f"--flagfile={path}" in path.read_text().splitlines()[0]


def test_changes_are_the_settings_that_are_given() -> None:
    values = flags.FlagValues()
    define_changes_flags(values)
    values(["finetune.py", "--batch_size=8", "--distillation_weight=0", "--nostart_as_identity"])
    assert changes_from_flags(values) == {"batch_size": 8, "distillation_weight": 0.0, "start_as_identity": False}
    assert {"intra_op_threads", "deterministic"} <= set(values)
    assert not {
        "workdir",
        "method",
        "space",
        "dataset",
        "validation_fraction",
        "num_validation_images",
        "include_smallest",
    } & set(values)


def test_the_imagenet_recipe_is_the_paper_s() -> None:
    """Section 4.1 and appendix B; epochs count their warm-up, learning rates are for the whole batch."""
    values = flags.FlagValues()
    define_flags(values)
    values(["train_main.py", "--flagfile=flags/imagenet_w1.0.cfg"])
    config = config_from_flags(values)
    phases = dict(config.phases)
    del phases["sandwich"], phases["naive"]  # which the paper's recipe does not have
    assert phases == {
        "full": PhaseConfig(epochs=180, learning_rate=2.6),
        "kernel": PhaseConfig(epochs=120 + 5, learning_rate=0.96, warmup_epochs=5),
        "depth_1": PhaseConfig(epochs=25, learning_rate=0.08, num_subnets=2),
        "depth_2": PhaseConfig(epochs=120 + 5, learning_rate=0.24, warmup_epochs=5, num_subnets=2),
        "width_1": PhaseConfig(epochs=25, learning_rate=0.08, num_subnets=4),
        "width_2": PhaseConfig(epochs=120 + 5, learning_rate=0.24, warmup_epochs=5, num_subnets=4),
    }
    settings = (config.batch_size, config.momentum, config.weight_decay, config.label_smoothing, config.dropout_rate)
    assert settings == (2048, 0.9, 3e-5, 0.1, 0.1)
    assert (config.augmentation, config.distillation_weight) == ("imagenet", 1.0)
    assert not config.include_smallest
    assert not config.start_as_identity
