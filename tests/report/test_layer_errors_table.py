from ofa_tf.report.layer_errors_table import describe_layer_errors


def test_layers_are_told_in_order_with_those_that_stayed_float() -> None:
    errors = [{"name": "stem", "error": 0.01, "added": 0.01}, {"name": "block", "error": 0.123, "added": -0.02}]
    _, heading, stem, block = describe_layer_errors(errors, ["block"]).splitlines()
    assert heading.split() == ["layer", "error", "added"]
    assert stem.split() == ["stem", "1.00%", "1.00%"]
    assert block.split() == ["block", "12.30%", "-2.00%", "float"]
