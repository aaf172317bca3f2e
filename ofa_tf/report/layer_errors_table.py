"""The errors of a quantized model's layers, as a table."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ofa_tf.report.columns import Column, format_columns

_COLUMNS = (
    Column("name", "layer", "{}", alignment="<"),
    Column("error", "error", "{:.2%}"),
    Column("added", "added", "{:.2%}"),
    Column("kind", "", "{}", alignment="<"),
)


def describe_layer_errors(errors: Sequence[Mapping[str, Any]], float_layers: Collection[str]) -> str:
    """A line for each layer, in the order of the network.

    Args:
        errors: Of each `name`, `error` and `added`, see `LayerError`.
        float_layers: Names of layers that stayed float.
    """
    rows = []
    for error in errors:
        kind = "float" if error["name"] in float_layers else ""
        rows.append({**error, "kind": kind})
    heading = "errors of the layers' outputs, in shares of them (root mean square), and what each layer added:"
    return f"{heading}\n{format_columns(_COLUMNS, rows)}"
