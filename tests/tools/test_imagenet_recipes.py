"""The recipes for ImageNet begin to train, as far as a small machine can hold them."""

from pathlib import Path

import pytest

from tests.support.images import write_class_folders


@pytest.mark.long
@pytest.mark.parametrize(
    ("flagfile", "phase"), [("imagenet_w1.0.cfg", "full"), ("imagenet_sandwich_w1.0.cfg", "sandwich")]
)
def test_a_recipe_takes_its_first_steps_with_generated_images(run, tmp_path: Path, flagfile: str, phase: str) -> None:
    photos = write_class_folders(tmp_path / "photos", {"ant": 10, "bee": 10}, ".jpg", height=375, width=500)
    result = run(
        "train_main.py",
        f"--flagfile=flags/{flagfile}",
        f"--dataset=folder:{photos}",
        "--validation_fraction=0.2",
        "--batch_size=8",
        "--micro_batch_size=4",
        "--num_calibration_images=8",
        f"--phase={phase}",
        f"--{phase}_epochs=1",
        f"--{phase}_warmup_epochs=0",
        f"--{phase}_learning_rate=0.01",
        f"--workdir={tmp_path / 'run'}",
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"Phase {phase} is finished" in result.stdout
    assert (tmp_path / "run" / "supernet.keras").stat().st_size > 1_000_000
