"""The page as a whole, read as a browser would read it."""

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.report.page import plotly_library
from ofa_tf.report.page.contents import (
    Accuracy,
    AccuracyReport,
    DeviceReport,
    MeasuredLatency,
    ModelReport,
    Note,
    PartTime,
    PhaseReport,
    ReportData,
    ReportedSubnet,
    RunFacts,
    Section,
    SubnetGroup,
)
from ofa_tf.report.page.whole_page import make_page
from ofa_tf.search.predictors.cross_validation import PredictorQuality
from tests.support.spaces import MICRO

_HOSTILE = """<img src=x onerror="alert(1)"> & </script>'"""
_EMPTY_ELEMENTS = ("meta", "input")


class _Reader(HTMLParser):
    """Reads a page: which elements there are, and the texts that are no scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in _EMPTY_ELEMENTS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute in all elements that have it."""
        return [str(attributes[name]) for _, attributes in self.elements if name in attributes]

    def shape(self) -> list[tuple[str, set[str]]]:
        """Each element with the names of its attributes."""
        return [(tag, set(attributes)) for tag, attributes in self.elements]

    def count(self, tag: str) -> int:
        return [name for name, _ in self.elements].count(tag)


def _data(name: str) -> ReportData:
    """A report in which everything that has a name has this one."""
    accuracy = Accuracy(0.7, 0.01, 1000)
    subnets = []
    for index in range(3):
        subnets.append(
            ReportedSubnet(
                name=f"{name}:{index}",
                arch=MICRO.smallest(),
                cost=1.0 + index,
                export_command=f"python tools/to_tflite.py --arch={name}:{index}",
                predicted=accuracy,
                searched=accuracy,
                estimated=Accuracy(0.7 + 0.1 * index, 0.01),
                reported=accuracy,
                num_macs=10**6,
                size_bytes=10**5,
                peak_ram_bytes=10**4,
                predicted_ms=1.0,
                measured_ms=1.1,
                elsewhere_ms={name: 2.0},
                part_times=[PartTime(name, name, 0.25), PartTime("head", name, 0.75)],
            )
        )
    group = SubnetGroup(
        name, True, name, "int8", "latency_ms", subnets, [1.5], [0.5], latency_error=0.02, num_held_out=3
    )
    quality = {"mape": 0.02, "bias": -0.01, "within_10_percent": 1.0}
    device = DeviceReport(name, name, {"model": name}, (16, 20), 9, [name], 1.0, 2.0, [1.0, 2.0], [1.1, 1.9], quality)
    predictor = PredictorQuality(2, 0.01, 0.005, 0.1, None, 0.9)
    model = ModelReport(
        file=name,
        quantization="int8",
        target="cpu",
        image_size=20,
        size_bytes=10**5,
        peak_ram_bytes=None,
        accuracy=accuracy,
        reference_top1=0.71,
        agreement=0.99,
        max_relative_error=0.05,
        num_partitions=1,
        remedies=[name],
        latencies=[
            MeasuredLatency(1.0, 0.9, 1.1, {"device": name, "num_threads": 1, "delegate": "XNNPACK"}),
            MeasuredLatency(2.0, facts={"device": name, "delegate": f"{name} on a GPU"}),
            MeasuredLatency(3.0, facts={"device": name, "cpu_mask": "f0"}),
        ],
    )
    history = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5, "smallest_top1": 0.4, "largest_top1": 0.6}]
    return ReportData(
        run=RunFacts(name, name, 800, (16, 20), name, 10, "sandwich", 1, 1, 20, name),
        groups=[group, dataclasses.replace(group, is_front=False)],
        devices=[device],
        accuracy=AccuracyReport(name, 1000, [0.6, 0.7], [0.61, 0.69], [0.01, 0.01], predictor),
        phases=[PhaseReport(name, 1, True, history)],
        models=[model],
        notes={Section.MODELS: [Note(name, name)]},
    )


@pytest.fixture(scope="module")
def plain() -> _Reader:
    return _Reader(make_page(_data("plain"), "0"))


def test_no_name_becomes_an_element(plain: _Reader) -> None:
    hostile = _Reader(make_page(_data(_HOSTILE), "0"))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [set(attributes) for _, attributes in hostile.elements] == [
        set(attributes) for _, attributes in plain.elements
    ]
    assert sum(_HOSTILE in text for text in hostile.texts) > 20


def test_a_library_cannot_end_its_script(plain: _Reader) -> None:
    page = make_page(_data("plain"), 'const a = "</script><b>";')
    assert _Reader(page).shape() == plain.shape()


def test_the_page_asks_nobody_for_anything(plain: _Reader) -> None:
    assert plain.attributes("src") == []
    assert all(link.startswith("#") for link in plain.attributes("href"))
    assert plain.count("link") == 0
    policies = [attributes.get("content") for _, attributes in plain.elements if "http-equiv" in attributes]
    assert "default-src 'none'" in str(policies)
    style = make_page(_data("plain"), "0")
    assert re.search(r"url\(|@import|https?:", style) is None


def test_links_and_labels_lead_somewhere(plain: _Reader) -> None:
    ids = plain.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in plain.attributes("href")} <= set(ids)
    assert set(plain.attributes("for")) <= set(ids)
    inputs = [attributes["id"] for tag, attributes in plain.elements if tag in ("input", "select")]
    assert set(inputs) <= set(plain.attributes("for"))


def test_a_slider_has_a_place_for_each_subnet_and_shows_one(plain: _Reader) -> None:
    sliders = [attributes for tag, attributes in plain.elements if tag == "input"]
    assert [slider["type"] for slider in sliders] == ["range", "range"]
    assert {slider["max"] for slider in sliders} == {"2"}
    panels = [attributes for tag, attributes in plain.elements if tag == "article"]
    assert len(panels) == 6
    shown = ["hidden" not in panel for panel in panels]
    assert sum(shown[:3]) == sum(shown[3:]) == 1
    assert shown[int(str(sliders[0]["value"]))]
    assert panels[0]["data-budget"] == "at most 1 ms"


def test_numbers_stand_with_units_and_errors(plain: _Reader) -> None:
    text = "\n".join(plain.texts)
    for expected in (
        "70.00% ± 1.00 points, on 1,000 images that nothing was chosen by",
        "1 ms ± 2.0% (mean error on networks held out)",
        "Predicted latencies are with their mean error on 3 networks held out.",
        "100 kB",
        "10 kB",
        "1 millions",
        "1 ms (0.9 to 1.1)",
        "python tools/to_tflite.py --arch=plain:0",
        "75.0%",
    ):
        assert expected in text


def test_each_latency_of_a_model_stands_with_what_tells_it_from_the_others(plain: _Reader) -> None:
    first = plain.texts.index("1 ms (0.9 to 1.1)")
    told = plain.texts[first : first + 6]
    assert told[1:3] == ["2 ms", "3 ms"]
    assert told[3:] == ["plain, 1 thread", "plain, plain on a GPU", "plain, cores f0"]


def test_a_model_that_was_not_measured_has_no_latency() -> None:
    data = _data("plain")
    model = dataclasses.replace(data.models[0], latencies=[])
    page = make_page(dataclasses.replace(data, models=[model]), "0")
    assert "<td>0.05</td><td>\N{EN DASH}</td><td>\N{EN DASH}</td><td>100 kB</td>" in page


def test_where_nobody_knows_the_time_of_parts_it_is_said_which_table_would_tell() -> None:
    data = _data("phone")
    (group, _) = data.groups
    subnets = [dataclasses.replace(subnet, part_times=[]) for subnet in group.subnets]
    without = _Reader(make_page(dataclasses.replace(data, groups=[dataclasses.replace(group, subnets=subnets)]), "0"))
    said = "Where its time goes is known once there is a latency table of phone for int8 models."
    assert without.texts.count(said) == len(subnets)


def test_the_ordinary_network_of_a_quickstart_stands_beside_what_was_found(plain: _Reader) -> None:
    assert "For comparison" not in "\n".join(plain.texts)
    data = _data("host")
    (model,) = data.models
    ordinary = dataclasses.replace(model, file="models/ordinary.tflite", is_plain=True)
    not_measured = dataclasses.replace(ordinary, latencies=[])
    without_labels = dataclasses.replace(ordinary, accuracy=None)
    models = [model, ordinary, not_measured, without_labels]
    page = _Reader(make_page(dataclasses.replace(data, models=models), "0"))
    (told,) = [text for text in page.texts if text.startswith("For comparison")]
    place = "1 ms, measured on host, 1 thread (models/ordinary.tflite, quantization: int8)."
    assert f"trained alone: 70.00% ± 1.00 on 1,000 test images, {place}" in told


@pytest.mark.parametrize(("rmse", "verdict"), [(0.012, "NO BETTER"), (0.001, None)])
def test_it_is_told_first_where_chance_decided_what_was_found(rmse: float, verdict: str | None) -> None:
    data = _data("host")
    assert data.accuracy is not None
    quality = dataclasses.replace(data.accuracy.quality, rmse=rmse, spread=0.01)
    accuracy = dataclasses.replace(data.accuracy, quality=quality)
    page = _Reader(make_page(dataclasses.replace(data, accuracy=accuracy), "0"))
    told = [text for text in page.texts if text.startswith("The search's accuracy predictor is ")]
    assert [text.split(" than ")[0] for text in told] == (
        [f"The search's accuracy predictor is {verdict}"] if verdict else []
    )


def test_points_that_were_not_measured_on_free_images_are_not_told_to_be(plain: _Reader) -> None:
    told = "Points: measured on images that nothing was chosen by; bars"
    assert told in "\n".join(plain.texts)
    data = _data("plain")
    first, *others = data.groups[0].subnets
    group = dataclasses.replace(data.groups[0], subnets=[dataclasses.replace(first, reported=None), *others])
    text = "\n".join(_Reader(make_page(dataclasses.replace(data, groups=[group]), "0")).texts)
    assert told not in text
    assert "Points: as far as accuracies are known, not all of them measured on images that nothing was" in text


def test_a_run_of_which_nothing_is_there_yet_says_what_to_do() -> None:
    run = RunFacts("runs/mine", "micro", 800, (16,), "digits", None, "sandwich", 0, 1, 0)
    notes = {section: [Note(f"no {section.value}", f"make {section.value}")] for section in Section}
    read = _Reader(make_page(ReportData(run, notes=notes), "0"))
    text = "\n".join(read.texts)
    for section in Section:
        assert f"no {section.value}" in text
        assert f"make {section.value}" in text
    assert "(0 of 1 phases are finished)" in text
    imported = dataclasses.replace(run, num_phases=0)
    assert "One supernet has imported weights, for the data set digits." in make_page(ReportData(imported), "0")
    assert read.count("input") == 0


def test_without_accuracies_there_is_no_picture_of_them(plain: _Reader) -> None:
    data = _data("plain")
    unknown = ReportedSubnet("plain:0", MICRO.smallest(), 1.0, "")
    group = dataclasses.replace(data.groups[0], subnets=[unknown])
    read = _Reader(make_page(dataclasses.replace(data, groups=[group]), "0"))
    assert read.count("figure") == plain.count("figure") - 2
    assert "Nothing is known of the accuracies of these subnets." in read.texts


def test_where_the_library_is_not_installed_it_is_said_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotly_library.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"Install it with pip install -c constraints\.txt -e \.\[report\]"):
        plotly_library.read_plotly()


def _page_of(subnet: ReportedSubnet, **facts: str) -> str:
    """The texts of a page with one subnet, in a group of which some facts are others."""
    data = _data("phone")
    group = dataclasses.replace(data.groups[0], subnets=[subnet], **facts)
    return "\n".join(_Reader(make_page(dataclasses.replace(data, groups=[group]), "0")).texts)


def test_a_prediction_of_an_earlier_latency_table_is_told_from_that_of_the_present_one() -> None:
    subnet = _data("phone").groups[0].subnets[0]
    assert "that is there now" not in _page_of(subnet)
    told = _page_of(dataclasses.replace(subnet, predicted_ms=1.2))
    assert "predicted by the latency table that is there now; the search had another one, which said 1.2 ms" in told


def test_a_latency_that_is_not_to_be_trusted_is_marked_wherever_it_stands() -> None:
    subnet = dataclasses.replace(_data("phone").groups[0].subnets[0], measured_doubt="it was hot")
    told = _page_of(subnet)
    assert told.count("1.1 ms, doubtful") == 3  # at the head, in the table and, with the reason, in the card
    assert "1.1 ms, doubtful: it was hot" in told


def test_a_page_says_of_which_models_accuracies_are_where_these_are_others() -> None:
    subnet = _data("phone").groups[0].subnets[0]
    assert "Accuracies are top-1 of float32 models with one standard" in _page_of(subnet, accuracy_precision="float32")
    for same in ({"accuracy_precision": "int8"}, {}):
        assert "Accuracies are top-1 with one standard error" in _page_of(subnet, **same)
