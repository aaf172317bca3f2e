"""Filling templates of programs."""

import ast
import dataclasses

from ofa_tf.tflite.snippets.python_program import python_program
from tests.support.model_uses import DOCUMENTED_MODEL


def test_a_class_may_be_called_like_a_place_in_the_template() -> None:
    use = dataclasses.replace(DOCUMENTED_MODEL, file_name="__LABELS__.tflite", labels=("__IMAGE_SIZE__", "__a__"))
    program = ast.parse(python_program(use))
    values = {}
    for node in program.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    assert values["MODEL"] == "__LABELS__.tflite"
    assert values["LABELS"] == ["__IMAGE_SIZE__", "__a__"]
    assert values["IMAGE_SIZE"] == 160
