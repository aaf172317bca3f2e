import io
import sys
import time

import pytest

from ofa_tf.base import progress
from ofa_tf.base.progress import announce, mute, on_progress, paused, progress_bar


def test_a_bar_that_stands_still_says_why_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar(4, "epoch 1/2", "img", file=terminal) as bar:
        with paused(bar, "validating"):
            assert "epoch 1/2 (validating):" in terminal.getvalue()
        bar.update(4)
    assert terminal.getvalue().split("\r")[-1].startswith("epoch 1/2: 100%")


def test_a_bar_names_no_end_before_the_first_report_tells_it() -> None:
    log = io.StringIO()
    with progress_bar(None, "search", "generation", file=log, miniters=1) as bar:
        report = on_progress(bar)
        bar.refresh()
        assert "search: 0generation" in log.getvalue()
        assert "/1" not in log.getvalue()
        report(2, 4)
        bar.refresh()
        assert "| 2/4 [" in log.getvalue()


def test_the_time_that_a_bar_stands_still_does_not_count_for_its_rate_in_a_log_file() -> None:
    log = io.StringIO()
    with progress_bar(100, "epoch 1/2", "img", file=log) as bar:
        with paused(bar, "first step"):
            time.sleep(1.0)
        time.sleep(0.5)
        bar.update(100)
    elapsed = bar.format_dict["elapsed"]
    assert 0.5 <= elapsed < 1.0


def test_announcements_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    announce("loading")
    assert capsys.readouterr() == ("", "loading ...\n")


def test_a_worker_that_is_muted_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_IS_MUTED", False)  # put back afterwards
    mute()
    announce("loading")
    with progress_bar(4, "epoch 1/2", "img") as bar, paused(bar, "validating"):
        bar.update(4)
    assert capsys.readouterr() == ("", "")
