"""Which operators each vendor's neural processors are known to take, without the vendor's compiler.

`operators.json` has them as LiteRT's plug-ins list them, with the file and the commit that they were read from, and
the day. It is a list of names: a compiler may still refuse an operator for its types or shapes, which only
`ofa_tf.tflite.npu.compiler.partition` tells.
"""

import collections
import dataclasses
import functools
import json
from pathlib import Path

from ofa_tf.tflite.litert.flatbuffer import unpack_model

_LISTS = Path(__file__).with_name("operators.json")


@dataclasses.dataclass(frozen=True)
class OperatorList:
    """What the plug-in of a vendor takes.

    Args:
        source: Where that was read, with the commit and the day.
        taken: Names of the operators that it takes; `None`: all but the refused ones.
        refused: Names of those that it refuses.
    """

    source: str
    taken: frozenset[str] | None
    refused: frozenset[str]

    def takes(self, operator: str) -> bool:
        """Whether the plug-in takes operators of this name, as TFLite's schema has it."""
        if self.taken is not None:
            return operator in self.taken
        return operator not in self.refused


@functools.cache
def operator_lists() -> dict[str, OperatorList]:
    """The lists of all vendors, by the vendors' names."""
    lists = {}
    for vendor, facts in json.loads(_LISTS.read_text(encoding="utf-8")).items():
        taken = None
        if "taken" in facts:
            taken = frozenset(facts["taken"].split())
        lists[vendor] = OperatorList(
            source=f"{facts['source']} at {facts['commit']}, read on {facts['read_on']}",
            taken=taken,
            refused=frozenset(facts.get("refused", "").split()),
        )
    return lists


def find_left(content: bytes) -> dict[str, dict[str, int]]:
    """What each vendor's processors would leave of a model to the CPU.

    Args:
        content: Content of the `.tflite` file.

    Returns:
        By the names of the vendors that leave something, the operators with their numbers.
    """
    operators = _count_operators(content)
    left = {}
    for vendor, known in operator_lists().items():
        of_vendor = {name: number for name, number in operators.items() if not known.takes(name)}
        if of_vendor:
            left[vendor] = of_vendor
    return left


def _count_operators(content: bytes) -> dict[str, int]:
    from ai_edge_litert import schema_py_generated as schema

    names = {}
    for name, number in vars(schema.BuiltinOperator).items():
        if not name.startswith("_"):
            names[number] = name
    model = unpack_model(content)
    counts: collections.Counter[str] = collections.Counter()
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            # Old files have the number in another field.
            counts[names[max(code.builtinCode, code.deprecatedBuiltinCode)]] += 1
    return dict(counts)
