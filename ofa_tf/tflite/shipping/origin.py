"""`Origin`: where a model comes from, which its sidecar and its card tell."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Origin:
    """What is known of how a model came about, beside what its conversion itself knows.

    Args:
        command: What was typed to make it, to be pasted into a shell.
        search: What the search that found the arch wrote of it: `reported_top1` and others,
            see `SearchResult.notes` of `ofa_tf.search.constrained_search`.
        predicted_latencies: What latency tables say of it. Each has `latency_ms`, `device`
            (facts about the device that may be handed on), `target`, `precision`, `input_type`
            and, if the table was checked on other networks, `mean_error`; `doubt` says why it is not
            to be trusted.
        is_plain: Whether it is a network that was trained alone, in no supernet.
        is_searched_for_such: Whether what the search said is said of such a model: for the
            same target, in the same precision, of the same images.
    """

    command: str | None = None
    search: Mapping[str, Any] | None = None
    predicted_latencies: Sequence[Mapping[str, Any]] = ()
    is_plain: bool = False
    is_searched_for_such: bool = True

    def facts(self) -> dict[str, Any]:
        """What is known, as JSON-serialisable data."""
        facts: dict[str, Any] = {}
        if self.command is not None:
            facts["command"] = self.command
        if self.search:
            facts["search"] = dict(self.search)
            if not self.is_searched_for_such:
                facts["search"]["is_for_such_models"] = False
        if self.predicted_latencies:
            facts["predicted_latencies"] = [dict(prediction) for prediction in self.predicted_latencies]
        if self.is_plain:
            facts["is_plain"] = True
        return facts
