"""The section in which a budget picks a subnet."""

from collections.abc import Mapping, Sequence

from ofa_tf.report.cost_unit import CostUnit
from ofa_tf.report.page import words
from ofa_tf.report.page.choice import choose_first_shown
from ofa_tf.report.page.contents import Accuracy, Note, PartTime, ReportedSubnet, Section, SubnetGroup
from ofa_tf.report.page.figures import describe_group, draw_group
from ofa_tf.report.page.markup import Markup, element, join, make_command, make_facts, make_table
from ofa_tf.report.page.pieces_of_page import make_details, make_figure, make_section

_EXPLANATION = (
    "Move the slider to what you can afford: below the picture is the subnet that makes the most of it. "
    "Each is cut out of the supernet without training."
)
# Of a latency: what the sum of its parts may differ by where nothing else does.
_ROUNDING_OF_PREDICTIONS = 1e-3

_HEADINGS_OF_SUBNETS = (
    "subnet",
    "image size",
    "accuracy (not used for choosing)",
    "what the search went by",
    "latency, predicted",
    "latency, measured",
    "file size, predicted",
    "memory",
    "multiply-accumulates",
)


def make_subnets_section(groups: Sequence[SubnetGroup], notes: Sequence[Note]) -> Markup:
    """The section of the subnets that were found.

    Args:
        groups: Fronts, and what was found within limits.
        notes: What is missing.
    """
    content = []
    if len(groups) == 1:
        content.append(element("h3", describe_group(groups[0])))
    elif groups:
        content.append(_make_selector(groups))
    for number, group in enumerate(groups):
        content.append(_make_group(number, group, groups))
    return make_section(Section.SUBNETS, _EXPLANATION, notes, *content)


def _make_selector(groups: Sequence[SubnetGroup]) -> Markup:
    """What picks one of several groups."""
    options = []
    for number, group in enumerate(groups):
        options.append(element("option", describe_group(group), value=number))
    label = element("label", "Subnets of", for_="group")
    return element("p", label, element("select", *options, id="group", autocomplete="off"), class_="selector")


def _make_group(number: int, group: SubnetGroup, groups: Sequence[SubnetGroup]) -> Markup:
    others = []
    for other in groups:
        if other is not group and other.cost_name == group.cost_name:
            others.append(other)
    start = choose_first_shown(group.subnets)
    panels = []
    for index, subnet in enumerate(group.subnets):
        panels.append(_make_panel(subnet, group, is_hidden=index != start))
    return element(
        "div",
        _make_slider(number, group, start),
        _draw(group, others),
        element("div", *panels, class_="panels"),
        make_details("All of them as a table", _tabulate_subnets(group)),
        class_="group",
        hidden=number > 0,
    )


def _draw(group: SubnetGroup, others: Sequence[SubnetGroup]) -> Markup:
    """The picture of a group."""
    if all(subnet.best_known is None for subnet in group.subnets):
        return element("p", "Nothing is known of the accuracies of these subnets.")
    return make_figure(draw_group(group, others), _describe_figure(group))


def _make_slider(number: int, group: SubnetGroup, start: int) -> Markup:
    """The slider for the budget; each of its places is what one of the subnets costs."""
    name = f"budget-{number}"
    subject = CostUnit.fitting(group.cost_name, [group.subnets[-1].cost]).words
    if group.device and group.cost_name == "latency_ms":
        subject += f" on {group.device}"
    budget = _budget(group, group.subnets[start])
    spoken = _spoken(group, group.subnets[start])
    slider = element(
        "input",
        type="range",
        id=name,
        class_="budget",
        min=0,
        max=len(group.subnets) - 1,
        step=1,
        value=start,
        aria_valuetext=spoken,
        autocomplete="off",
    )
    label = element("label", f"Budget: {subject}", for_=name)
    return element("div", label, element("output", budget, for_=name), slider, class_="chooser")


def _budget(group: SubnetGroup, subnet: ReportedSubnet) -> str:
    return f"at most {words.cost(group.cost_name, subnet.cost)}"


def _spoken(group: SubnetGroup, subnet: ReportedSubnet) -> str:
    """What is told of the slider's place to who does not see the page."""
    return f"{_budget(group, subnet)}: {subnet.name}, accuracy {words.accuracy(subnet.best_known)} points"


def _describe_figure(group: SubnetGroup) -> str:
    unit = CostUnit.fitting(group.cost_name, [subnet.cost for subnet in group.subnets])
    points = "measured on images that nothing was chosen by"
    if any(subnet.reported is None for subnet in group.subnets):
        points = f"as far as accuracies are known, not all of them {points}"
    text = f"Top-1 accuracy against {unit.words}. Points: {points}; bars: one standard error."
    if group.other_costs:
        text += " Gray: other subnets, measured on the images that the search chose by."
    if group.is_front:
        text += (
            " Line: what the search went by, on other images than the points, so that these may lie a little above or "
            "below it together."
        )
    return text


def _make_panel(subnet: ReportedSubnet, group: SubnetGroup, is_hidden: bool) -> Markup:
    """What is known of a subnet."""
    facts = element("div", *_describe_subnet(subnet, group), class_="half")
    times = element("div", _tabulate_times(subnet.part_times, subnet.predicted_ms, group), class_="half")
    return element(
        "article",
        element("h4", subnet.name),
        element("div", facts, times, class_="halves"),
        class_="panel",
        data_budget=_budget(group, subnet),
        data_spoken=_spoken(group, subnet),
        hidden=is_hidden,
    )


def _describe_subnet(subnet: ReportedSubnet, group: SubnetGroup) -> list[Markup]:
    arch = subnet.arch
    facts: list[tuple[str, str]] = [
        *_accuracies(subnet),
        ("Latency, predicted", _explain_latency(subnet.predicted_ms, group.latency_error)),
        ("Latency, measured", _describe_measured(subnet)),
    ]
    for name, latency_ms in subnet.elsewhere_ms.items():
        facts.append((f"Predicted on {name}", words.milliseconds(latency_ms)))
    facts += [
        ("File size, predicted", words.cost("size_bytes", subnet.size_bytes)),
        ("Memory of activations", words.cost("peak_ram_bytes", subnet.peak_ram_bytes)),
        ("Multiply-accumulates", words.cost("macs", subnet.num_macs)),
        ("Image size", f"{arch.image_size} px"),
        ("Depths of the stages", " ".join(str(depth) for depth in arch.depths)),
    ]
    return [
        make_facts(facts),
        element("p", "Export it as a TFLite model:"),
        make_command(subnet.export_command),
        make_details("The arch, as tools take it", make_command(arch.to_json())),
    ]


def _accuracies(subnet: ReportedSubnet) -> list[tuple[str, str]]:
    """What is known of the accuracy of a subnet, what to quote first."""
    kinds: Mapping[str, tuple[Accuracy | None, str]] = {
        "Accuracy": (subnet.reported, "that nothing was chosen by"),
        "Accuracy, on the search's images": (subnet.searched, "that the search chose by"),
        "Accuracy, predicted": (subnet.predicted, ""),
        "What the search went by": (subnet.estimated, ""),
    }
    facts = []
    for name, (accuracy, which) in kinds.items():
        if accuracy is None:
            continue
        text = f"{words.accuracy(accuracy)} points"
        if accuracy.num_images is not None:
            text += f", on {accuracy.num_images:,} images {which}"
        facts.append((name, text))
    return facts


def _describe_measured(subnet: ReportedSubnet) -> str:
    text = words.measured_latency(subnet.measured_ms, subnet.measured_doubt)
    if subnet.measured_doubt is not None:
        text += f": {subnet.measured_doubt}"
    return text


def _explain_latency(latency_ms: float | None, error: float | None) -> str:
    text = words.predicted_latency(latency_ms, error)
    if latency_ms is not None and error is not None:
        text += " (mean error on networks held out)"
    return text


def _tabulate_times(part_times: Sequence[PartTime], predicted_ms: float | None, group: SubnetGroup) -> Markup:
    """Where the time of a network goes.

    Args:
        part_times: What each part takes by the latency table.
        predicted_ms: What the search said of the whole.
        group: What the network is of.
    """
    if not part_times:
        of_device = ""
        if group.device:
            of_device = f" of {group.device}"
        return element(
            "p", f"Where its time goes is known once there is a latency table{of_device} for {group.form_name} models."
        )
    total_ms = sum(part.latency_ms for part in part_times)
    largest_ms = max(part.latency_ms for part in part_times)
    rows = []
    for part in part_times:
        share = part.latency_ms / total_ms
        width = 100 * part.latency_ms / largest_ms
        bar = element("span", class_="bar", style=f"width:{width:.1f}%", aria_hidden="true")
        bar_and_share = element("div", element("span", bar), words.percent(share), class_="share")
        name = join([part.part, element("small", part.piece, class_="piece")])
        rows.append((name, words.milliseconds(part.latency_ms), bar_and_share))
    caption = f"Where its time goes: {words.milliseconds(total_ms)}, predicted by the latency table"
    if predicted_ms is not None and abs(total_ms / predicted_ms - 1) > _ROUNDING_OF_PREDICTIONS:
        caption += f" that is there now; the search had another one, which said {words.milliseconds(predicted_ms)}"
    return make_table(caption, ("part and piece", "latency", "share"), rows)


def _tabulate_subnets(group: SubnetGroup) -> Markup:
    rows = []
    for subnet in group.subnets:
        rows.append(
            (
                subnet.name,
                f"{subnet.arch.image_size} px",
                words.accuracy(subnet.reported),
                words.accuracy(subnet.estimated or subnet.predicted),
                words.predicted_latency(subnet.predicted_ms, group.latency_error),
                words.measured_latency(subnet.measured_ms, subnet.measured_doubt),
                words.cost("size_bytes", subnet.size_bytes),
                words.cost("peak_ram_bytes", subnet.peak_ram_bytes),
                words.cost("macs", subnet.num_macs),
            )
        )
    caption = f"Subnets of {describe_group(group)}; errors of accuracies in percentage points"
    return make_table(caption, _HEADINGS_OF_SUBNETS, rows)
