"""`make_page`: the report of a run as one HTML file that asks nobody for anything."""

from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base.counts import count_in_words
from ofa_tf.report.page import words
from ofa_tf.report.page.choice import choose_subnets
from ofa_tf.report.page.contents import (
    Accuracy,
    AccuracyReport,
    ModelReport,
    ReportData,
    ReportedSubnet,
    RunFacts,
    Section,
    SubnetGroup,
)
from ofa_tf.report.page.devices_section import make_devices_section
from ofa_tf.report.page.markup import Markup, element, make_table
from ofa_tf.report.page.other_sections import (
    describe_place,
    make_models_section,
    make_predictions_section,
    make_training_section,
)
from ofa_tf.report.page.pieces_of_page import title_of
from ofa_tf.report.page.subnets_section import make_subnets_section
from ofa_tf.report.predictor_summary import judge_predictor

_FOLDER = Path(__file__).parent

_BEGINNING = "<!DOCTYPE html>\n"

# The browser itself refuses whatever the page would load from elsewhere.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

_WITHOUT_SCRIPT = "Figures and slider need JavaScript, which is switched off here; the tables do not."

# What the cheapest subnet is called, by the name of the cost.
_CHEAPEST = {"latency_ms": "the fastest", "size_bytes": "the smallest"}

_HEADINGS_OF_CHOICES = ("take", "accuracy", "latency, measured", "latency, predicted", "file size, predicted", "subnet")


def make_page(data: ReportData, plotly: str) -> str:
    """The report as the text of an HTML file.

    Args:
        data: What it shows.
        plotly: The program text of plotly.js.
    """
    notes = data.notes
    title = f"Once-for-all: {_name_of(data.run)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(_read("page.css"))),
    )
    main = element(
        "main",
        make_subnets_section(data.groups, notes.get(Section.SUBNETS, ())),
        make_devices_section(data.devices, notes.get(Section.DEVICES, ())),
        make_predictions_section(data.accuracy, notes.get(Section.PREDICTIONS, ())),
        make_training_section(data.phases, notes.get(Section.TRAINING, ()), data.run.logs_command),
        make_models_section(data.models, notes.get(Section.MODELS, ())),
    )
    body = element(
        "body",
        _make_header(title, data),
        main,
        _embed_script(plotly),
        _embed_script(_read("page.js")),
    )
    return f"{_BEGINNING}{element('html', head, body, lang='en')}\n"


def is_page(content: bytes) -> bool:
    """Whether a file is a page that `make_page` made, in this or an earlier version."""
    return content.startswith(_BEGINNING.encode()) and b"plotly" in content


def _embed_script(text: str) -> Markup:
    # An end tag in a string of the script would end the script.
    return element("script", Markup(text.replace("</script", "<\\/script")))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _name_of(run: RunFacts) -> str:
    return Path(run.workdir).resolve().name


def _make_header(title: str, data: ReportData) -> Markup:
    """What the run is, how good its subnets are and which to take."""
    links = [element("a", title_of(section), href=f"#{section.value}") for section in Section]
    content = [element("h1", title), element("p", _describe_run(data.run), class_="lead")]
    if data.groups:
        content += _recommend(data.groups[0], data.accuracy)
    content += _compare(data.models)
    content.append(element("nav", *links, aria_label="Sections"))
    content.append(element("noscript", element("p", _WITHOUT_SCRIPT, class_="note")))
    return element("header", *content)


def _describe_run(run: RunFacts) -> str:
    classes = ""
    if run.num_classes is not None:
        classes = f" ({run.num_classes:,} classes)"
    method = run.method.replace("_", " ")
    training = f"is trained on the data set {run.dataset}{classes}, method: {method}"
    if run.num_phases == 0:
        training = f"has imported weights, for the data set {run.dataset}{classes}"
    elif run.num_finished_phases < run.num_phases:
        training += f" ({run.num_finished_phases} of {run.num_phases} phases are finished)"
    sizes = f"{min(run.image_sizes)} to {max(run.image_sizes)} px"
    if len(set(run.image_sizes)) == 1:
        sizes = f"{run.image_sizes[0]} px"
    return (
        f"One supernet {training}. Its search space {run.space} has {words.count_of_subnets(run.num_subnets)}, at "
        f"image sizes of {sizes}; the accuracies of {run.num_measured:,} were measured. The run lies in {run.workdir}."
    )


def _recommend(group: SubnetGroup, accuracy: AccuracyReport | None) -> list[Markup]:
    """Which subnets of a group to take."""
    choices = choose_subnets(group.subnets, _CHEAPEST.get(group.cost_name, "the cheapest"))
    if not choices:
        return []
    rows = []
    for choice in choices:
        subnet = group.subnets[choice.index]
        rows.append(
            (
                choice.reason,
                words.accuracy(subnet.best_known),
                words.measured_latency(subnet.measured_ms, subnet.measured_doubt),
                words.predicted_latency(subnet.predicted_ms, group.latency_error),
                words.cost("size_bytes", subnet.size_bytes),
                subnet.name,
            )
        )
    caption = f"Which subnet to take, by what was found on {group.device or 'any device'}, {group.form_name}"
    best = group.subnets[choices[-1].index]
    content = [make_table(caption, _HEADINGS_OF_CHOICES, rows)]
    content += _doubt_predictor(accuracy)
    content.append(element("p", _explain_errors(best, group), class_="explanation"))
    return content


def _doubt_predictor(accuracy: AccuracyReport | None) -> list[Markup]:
    """A line where nothing told the search which subnet is better."""
    if accuracy is None:
        return []
    verdict = judge_predictor(accuracy.quality.rmse, accuracy.quality.spread)
    if verdict is None:
        return []
    text = (
        f"The search's accuracy predictor is {verdict} than always predicting the mean: among subnets that cost the "
        "same, chance decided. More subnets in the accuracy table, or more validation images, would tell them apart."
    )
    return [element("p", text, class_="note")]


def _compare(models: Sequence[ModelReport]) -> list[Markup]:
    """How good the ordinary network is that was trained beside the supernet, if one was."""
    told = []
    for model in models:
        if not model.is_plain or model.accuracy is None or not model.latencies:
            continue
        top1 = words.accuracy(model.accuracy)
        newest = model.latencies[0]
        measured = words.measured_latency(newest.latency_ms, newest.doubt)
        latency = f"{measured}, measured on {describe_place(newest, model.latencies)}"
        told.append(
            f"{top1} on {_test_images(model.accuracy)}, {latency} ({model.file}, quantization: {model.quantization})"
        )
    if not told:
        return []
    text = (
        f"For comparison, an ordinary Keras network that was trained alone: {'; '.join(told)}. The accuracies of "
        "subnets above are of other images; those on the same test images stand under shipped models."
    )
    return [element("p", text, class_="explanation")]


def _test_images(accuracy: Accuracy) -> str:
    if accuracy.num_images is None:
        return "the test images"
    return count_in_words(accuracy.num_images, "test image")


def _explain_errors(subnet: ReportedSubnet, group: SubnetGroup) -> str:
    """What the errors beside the numbers are."""
    which = "as far as the search knows them: they may be too high by luck"
    if subnet.reported is not None and subnet.reported.num_images is not None:
        which = f"on {subnet.reported.num_images:,} images that no search chose by"
    models = ""
    if group.accuracy_precision not in (None, group.precision):
        models = f" of {group.accuracy_precision} models"
    text = f"Accuracies are top-1{models} with one standard error, in percentage points, {which}."
    if subnet.reported is not None:
        text += " Subnets are chosen by other images: within the errors, their order may be another one here."
    if group.latency_error is not None:
        networks = count_in_words(group.num_held_out, "network")
        text += f" Predicted latencies are with their mean error on {networks} held out."
    if group.latency_doubt is not None:
        text += f" They are DOUBTFUL: {group.latency_doubt}."
    return text
