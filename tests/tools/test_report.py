"""`tools/report.py` as a program, and its page in a real browser."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.workflow.report_data import save_report
from tests.support.browser import MISSING_BROWSER, Browser, has_browser, opened_browser
from tests.support.finished_run import add_front, add_latency_table, finished_run, unfinished_run
from tests.support.spaces import PLUGINS_FLAG
from tests.support.without_tensorflow import error_line, run_without_tensorflow

pytest.importorskip("plotly", reason="needs plotly: pip install -c constraints.txt -e .[report]")

in_browser = pytest.mark.skipif(not has_browser(), reason=MISSING_BROWSER)

_WIDTHS = (1280, 390)  # of a screen and of a phone, pixels

# The figure of the group that is seen.
_IS_DRAWN = "document.querySelector('.group:not([hidden]) .plot .xtick')"


def _report(*arguments: str) -> subprocess.CompletedProcess:
    return run_without_tensorflow("tools/report.py", PLUGINS_FLAG, *arguments)


# --- the program ------------------------------------------------------------------------


def test_a_finished_run_has_a_report_without_tensorflow(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    output = tmp_path / "report.html"
    result = _report(f"--workdir={run.path}", f"--output={output}")
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout == f"written to {output}\n"
    text = output.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "front.json:0" in text
    assert len(text) < 10e6


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    result = _report(f"--workdir={run.path}", f"--output={tmp_path / 'report.html'}")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "missing: There is no front yet" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--predictor=oracle"], "Received: 'oracle'"),
        (["--front=nowhere.json"], "Received: nowhere.json, which is no file"),
        (["--output=/dev/null"], "Received: /dev/null, a device"),
    ],
)
def test_mistakes_are_named_in_a_line(tmp_path: Path, options: list[str], message: str) -> None:
    run = unfinished_run(tmp_path / "run")
    result = _report(f"--workdir={run.path}", f"--output={tmp_path / 'report.html'}", *options)
    assert message in error_line(result)
    assert not (tmp_path / "report.html").exists()


# --- the page ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with two devices and a front for each."""
    run = finished_run(tmp_path_factory.mktemp("report") / "run")
    add_latency_table(run, "other")
    add_front(run, run.path / "second.json", device="other")
    output = run.path / "report.html"
    save_report(run, output)
    return output


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    pytest.importorskip("selenium")
    with opened_browser() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser, page: Path) -> Browser:
    """A browser that has just opened the page, on a light screen."""
    opened.resize(_WIDTHS[0])
    opened.prefer("light")
    _open(opened, page)
    return opened


def _open(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait_for(_IS_DRAWN)


def _shown(browser: Browser) -> dict[str, Any]:
    """What the slider that is seen shows."""
    shown: dict[str, Any] = browser.run(
        """
        const group = document.querySelector(".group:not([hidden])");
        const panels = [...group.querySelectorAll(".panel")].filter((panel) => panel.offsetHeight > 0);
        const plot = group.querySelector(".plot");
        const mark = plot.data.find((trace) => trace.meta === "selected");
        return {
          titles: panels.map((panel) => panel.querySelector("h4").textContent),
          budget: group.querySelector("output").textContent,
          spoken: group.querySelector(".budget").getAttribute("aria-valuetext"),
          mark: [...mark.x, ...mark.y],
          commands: panels.map((panel) => panel.querySelector(".command").textContent),
        };
        """
    )
    return shown


def _press(browser: Browser, *keys: str) -> None:
    slider = browser.driver.find_element("css selector", ".group:not([hidden]) .budget")
    slider.send_keys(*keys)


@pytest.mark.long
@in_browser
def test_keys_move_the_slider_from_subnet_to_subnet(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    _press(browser, Keys.HOME)
    first = _shown(browser)
    _press(browser, Keys.ARROW_RIGHT)
    second = _shown(browser)
    _press(browser, Keys.END)
    last = _shown(browser)
    _press(browser, Keys.ARROW_LEFT, Keys.HOME)
    again = _shown(browser)

    (title,) = first["titles"]
    file, _, number = title.partition(":")
    assert number == "0"
    assert second["titles"] == [f"{file}:1"]
    assert first["titles"] != last["titles"]
    assert again == first
    for name in ("budget", "spoken", "mark", "commands"):
        assert first[name] != second[name]
    assert first["budget"] in first["spoken"]
    assert f"{file}:0 " in first["commands"][0]


@pytest.mark.long
@in_browser
def test_everything_is_reached_by_keys(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    reached = set()
    for _ in range(60):
        focused = browser.driver.switch_to.active_element
        reached.add(browser.run("return arguments[0].className || arguments[0].tagName", focused))
        focused.send_keys(Keys.TAB)
    assert {"A", "SELECT", "budget", "scrolls", "command", "SUMMARY"} <= reached


@pytest.mark.long
@in_browser
def test_a_click_on_a_point_moves_the_slider(browser: Browser) -> None:
    before = _shown(browser)
    browser.run(
        """
        const plot = document.querySelector(".plot");
        plot.emit("plotly_click", { points: [{ data: { meta: "subnets" }, pointNumber: 0 }] });
        """
    )
    after = _shown(browser)
    assert after["titles"] != before["titles"]
    assert after["titles"][0].endswith(":0")


@pytest.mark.long
@in_browser
def test_another_front_is_shown_when_it_is_chosen(browser: Browser) -> None:
    before = _shown(browser)
    selector = browser.driver.find_element("id", "group")
    selector.send_keys("\ue015")  # the key for the next one
    browser.run("document.getElementById('group').dispatchEvent(new Event('change'))")
    browser.wait_for(_IS_DRAWN)
    after = _shown(browser)
    assert after["titles"][0].partition(":")[0] != before["titles"][0].partition(":")[0]
    width = browser.run("return document.querySelector('.group:not([hidden]) .main-svg').clientWidth")
    assert width > 600


@pytest.mark.long
@in_browser
@pytest.mark.parametrize("width", _WIDTHS)
def test_the_page_fits_into_its_window_and_complains_of_nothing(browser: Browser, page: Path, width: int) -> None:
    browser.resize(width)
    _open(browser, page)
    browser.run("window.dispatchEvent(new Event('beforeprint'))")  # draws all figures
    assert browser.run("return document.documentElement.scrollWidth") <= width
    widths = browser.run("return [...document.querySelectorAll('.plot .main-svg')].map((plot) => plot.clientWidth)")
    assert len(widths) >= 6
    assert max(widths) <= width
    assert browser.complaints() == []
    assert browser.requested_urls() == []


@pytest.mark.long
@in_browser
def test_figures_are_drawn_when_they_are_about_to_be_seen(browser: Browser) -> None:
    last = "[...document.querySelectorAll('.plot')].at(-1)"
    assert browser.run(f"return {last}.querySelector('.xtick')") is None
    browser.run(f"{last}.scrollIntoView()")
    browser.wait_for(f"{last}.querySelector('.xtick')")


@pytest.mark.long
@in_browser
def test_what_the_page_would_ask_for_is_refused(browser: Browser) -> None:
    browser.run("fetch('https://example.org/').catch(() => { document.title = 'refused'; })")
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


@pytest.mark.long
@in_browser
def test_a_dark_scheme_makes_it_dark_at_once(browser: Browser) -> None:
    light = _colors(browser)
    browser.prefer("dark")
    browser.wait_for("getComputedStyle(document.querySelector('.plot .xtick text')).fill !== '" + light["figure"] + "'")
    dark = _colors(browser)
    assert _brightness(light["background"]) > 240
    assert _brightness(dark["background"]) < 60
    assert _brightness(light["text"]) < 100
    assert _brightness(dark["text"]) > 200
    assert dark["figure"] == dark["text"]


def _colors(browser: Browser) -> dict[str, str]:
    colors: dict[str, str] = browser.run(
        """
        const style = getComputedStyle(document.body);
        const label = getComputedStyle(document.querySelector(".plot .xtick text"));
        return { background: style.backgroundColor, text: style.color, figure: label.fill };
        """
    )
    return colors


def _brightness(color: str) -> float:
    """The mean of red, green and blue of a color such as `rgb(1, 2, 3)`."""
    numbers = color.removeprefix("rgb(").removesuffix(")").split(",")
    return sum(float(number) for number in numbers) / len(numbers)
