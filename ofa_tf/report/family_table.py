"""A family of subnets as text: a line for each, and what one file of all takes."""

from collections.abc import Mapping, Sequence

from ofa_tf.base.numbers_in_words import limits_in_words
from ofa_tf.report.front_table import describe_columns, describe_device, describe_objectives, describe_points
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.family.measured_family import Family
from ofa_tf.tflite.lowering.targets import CPU


def describe_family(
    family: Family,
    costs: Sequence[SubnetCosts],
    *,
    limits: Mapping[str, float],
    max_file_bytes: float | None,
    precision: str,
    target: str = CPU.name,
) -> str:
    """The members of a family, one a line, below what one file of them takes.

    Args:
        family: The family.
        costs: Of each member, in order.
        limits: Name -> limit, of the costs of a member that are limited.
        max_file_bytes: Largest size of the file; `None` if that was not limited.
        precision: Of the models.
        target: Their target.
    """
    members = family.members
    objectives = describe_objectives(members[0], family.predictor, precision, target)
    head = [
        f"family: {len(members)} subnets with the same widths ({family.num_measured} of at most {family.max_measured} "
        "measured for this search or earlier ones)",
        f"  {objectives}{describe_device(costs)}",
        f"  one elastic file of all: {_describe_file(family, costs, max_file_bytes)}",
    ]
    if limits:
        head.append(f"  limits of each: {limits_in_words(limits, family.margins)}")
    paragraphs = [
        head,
        describe_points(members, costs, limits),
        describe_columns(members[0], family.noise_of_difference, "members are"),
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs)


def _describe_file(family: Family, costs: Sequence[SubnetCosts], max_file_bytes: float | None) -> str:
    """What the file takes, beside its largest model and all models by themselves."""
    sizes = [cost.size_bytes for cost in costs]
    words = (
        f"{family.file_bytes:,} bytes predicted, {family.file_bytes / max(sizes):.2f} times the largest, "
        f"{family.file_bytes / sum(sizes):.2f} times all"
    )
    if max_file_bytes is not None:
        words += f" (at most {max_file_bytes:,.0f})"
    return words
