import io
import sys

import pytest

from ofa_tf.training.epoch_progress import EpochDisplay, EpochMeans
from ofa_tf.training.schedules import EpochSteps


def test_means_are_over_the_steps_taken() -> None:
    means = EpochMeans()
    means.add(1.0, 0.25)
    means.add(4.0, 0.75)
    assert (means.num_steps, means.loss, means.accuracy) == (2, 2.5, 0.5)


def test_the_bar_counts_images_from_the_first_step_and_shows_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    means = EpochMeans(num_steps=1, total_loss=1.5, total_accuracy=0.5)
    with EpochDisplay("full 3/4", EpochSteps(epoch=2, first_step=1, end=3), batch_size=8) as display:
        for _ in range(2):
            with display.step():
                means.add(1.5, 0.5)
            display.show(means)
        assert display.images_per_second() > 0
        display.show_result(means, {"smallest": 0.25, "largest": 0.75})
    assert "full 3/4 (first step):" in terminal.getvalue()
    last = terminal.getvalue().split("\r")[-1]
    assert last.startswith("full 3/4: 100%")
    assert "24/24" in last
    for shown in ("loss=1.500", "acc=50.0%", "smallest=25.0%", "largest=75.0%"):
        assert shown in last


@pytest.mark.parametrize("traces", [True, False])
def test_a_log_tells_of_the_first_step_that_traces(traces: bool, capsys: pytest.CaptureFixture[str]) -> None:
    steps = EpochSteps(epoch=0, first_step=0, end=2)
    with EpochDisplay("full 1/4", steps, batch_size=8, traces=traces) as display:
        for _ in range(2):
            with display.step():
                pass
    assert capsys.readouterr().err.count("tracing the first step") == int(traces)
