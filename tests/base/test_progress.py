import io
import sys
import time

import pytest

from ofa_tf.base import progress
from ofa_tf.base.progress import announce, mute, on_progress, paused, progress_bar, tell


def _make_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let stderr be a terminal; what is written there."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_a_bar_that_stands_still_says_why_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _make_terminal(monkeypatch)
    with progress_bar(4, "epoch 1/2", "img", file=terminal) as bar:
        with paused(bar, "validating"):
            assert "epoch 1/2 (validating):" in terminal.getvalue()
        bar.update(4)
    assert terminal.getvalue().split("\r")[-1].startswith("epoch 1/2: 100%")


def test_a_bar_names_no_end_before_the_first_report_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _make_terminal(monkeypatch)
    with progress_bar(None, "search", "generation", file=terminal, miniters=1) as bar:
        report = on_progress(bar)
        bar.refresh()
        assert "search: 0generation" in terminal.getvalue()
        assert "/1" not in terminal.getvalue()
        report(2, 4)
        bar.refresh()
        assert "| 2/4 [" in terminal.getvalue()


def test_a_bar_in_a_log_file_is_one_line_when_it_is_quick() -> None:
    log = io.StringIO()
    with progress_bar(None, "search", "generation", file=log) as bar:
        report = on_progress(bar)
        for done in range(1, 5):
            report(done, 4)
            bar.set_postfix(loss=done)
    (line,) = log.getvalue().splitlines()
    assert line.startswith("search: 100% 4/4 [")
    assert line.endswith("generation/s, loss=4]")
    assert log.getvalue() == f"{line}\n"


def test_a_bar_in_a_log_file_writes_ever_fewer_lines_each_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: seconds[0])
    with progress_bar(3000, "epoch 1/2", "img") as bar:
        for second in range(1, 3001):
            seconds[0] = second
            bar.update()
            if second == 100:
                tell("a warning")
    lines = capsys.readouterr().err.splitlines()
    assert "\r" not in "".join(lines)
    numbers = []
    for line in lines:
        if line != "a warning":
            assert line.startswith("epoch 1/2: ")
            count, _ = line.split()[3].split("/")
            numbers.append(int(count))
    # 20, 40, 80, 160 and then 300 seconds after the line before.
    assert numbers == [10, 30, 70, 150, *range(310, 3001, 300), 3000]
    assert lines[3] == "a warning"


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
