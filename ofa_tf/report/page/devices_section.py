"""The section of the latency tables: devices beside each other."""

from collections.abc import Sequence

from ofa_tf.report.page import words
from ofa_tf.report.page.contents import DeviceReport, Note, Section
from ofa_tf.report.page.figures import draw_latencies
from ofa_tf.report.page.markup import Markup, element, make_facts, make_table
from ofa_tf.report.page.pieces_of_page import make_details, make_figure, make_section

_EXPLANATION = (
    "A latency is predicted from the measured latencies of a network's pieces. The networks here were measured whole "
    "and not used for the prediction: how far they are from the diagonal is how far to trust it."
)
_HEADINGS = (
    "latency table",
    "smallest subnet",
    "largest subnet",
    "mean error",
    "bias",
    "within 10%",
    "networks held out",
    "pieces",
    "doubtful latencies of pieces",
)
# Facts of a device that a reader asks for, and what they are called here.
_SHOWN_FACTS = {
    "model": "Model",
    "manufacturer": "Manufacturer",
    "abi": "ABI",
    "os_build": "System",
    "runtime": "Runtime",
    "delegate": "Delegate",
    "num_threads": "Threads",
}
_MAX_SHOWN_DOUBTS = 20


def make_devices_section(devices: Sequence[DeviceReport], notes: Sequence[Note]) -> Markup:
    """The section of the latency tables.

    Args:
        devices: What each says.
        notes: What is missing.
    """
    content: list[Markup] = []
    if devices:
        content.append(_compare(devices))
        cards = [_make_card(device) for device in devices]
        content.append(element("div", *cards, class_="cards"))
    return make_section(Section.DEVICES, _EXPLANATION, notes, *content)


def _compare(devices: Sequence[DeviceReport]) -> Markup:
    rows = []
    for device in devices:
        quality = device.quality
        rows.append(
            (
                device.name,
                words.predicted_latency(device.smallest_ms, quality.get("mape")),
                words.predicted_latency(device.largest_ms, quality.get("mape")),
                words.percent(quality.get("mape")),
                words.percent(quality.get("bias")),
                words.percent(quality.get("within_10_percent")),
                len(device.measured_ms),
                device.num_pieces,
                len(device.doubts),
            )
        )
    return make_table("Latency tables; errors are those of the networks held out", _HEADINGS, rows)


def _make_card(device: DeviceReport) -> Markup:
    facts = [("File", device.file)]
    for key, name in _SHOWN_FACTS.items():
        if device.facts.get(key) is not None:
            facts.append((name, str(device.facts[key])))
    sizes = ", ".join(str(size) for size in device.image_sizes)
    facts.append(("Image sizes measured", f"{sizes} px"))
    return element("div", element("h3", device.name), _plot(device), make_facts(facts), _list_doubts(device))


def _plot(device: DeviceReport) -> Markup:
    if not device.measured_ms:
        return element("p", "No whole networks were held out, so that nothing is known of its errors.")
    number = len(device.measured_ms)
    caption = (
        f"Predicted against measured latency of {number} networks held out: "
        f"{words.percent(device.quality.get('mape'))} off on average."
    )
    return make_figure(draw_latencies(device), caption)


def _list_doubts(device: DeviceReport) -> Markup:
    if not device.doubts:
        return Markup("")
    lines = [element("li", doubt) for doubt in device.doubts[:_MAX_SHOWN_DOUBTS]]
    num_left = len(device.doubts) - len(lines)
    if num_left:
        lines.append(element("li", f"and {num_left} more, in the file"))
    return make_details(f"Pieces with a doubtful latency: {len(device.doubts)}", element("ul", *lines))
