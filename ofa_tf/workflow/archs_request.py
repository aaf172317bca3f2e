"""`ArchsRequest`: what searches for several archs, a front or a family, are asked for. Loads no TensorFlow."""

import dataclasses
from collections.abc import Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS, CostContext
from ofa_tf.search.constraints import Constraint, Limits
from ofa_tf.workflow.search import SearchSettings, constraints_within


@dataclasses.dataclass(frozen=True)
class ArchsRequest:
    """What a search for several archs is asked for.

    Args:
        costs: What accuracy is weighed against: names of `CONSTRAINT_KINDS`.
        limits: What all archs must keep within; `None` for no limit.
        search: Form, predictor and confidence, and more as the kind of search says.

    Raises:
        InputError: If a cost is not known.
    """

    costs: Sequence[str] = ("latency_ms",)
    limits: Limits | None = None
    search: SearchSettings = dataclasses.field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        for cost in self.costs:
            if cost not in CONSTRAINT_KINDS:
                raise InputError(
                    f"Expected the costs (--front_costs) to be among {list(CONSTRAINT_KINDS)}. Received: {cost!r}. "
                    f"{PLUGIN_HINT}"
                )

    @property
    def limits_by_name(self) -> dict[str, float]:
        """Name -> limit, of the costs that are limited."""
        if self.limits is None:
            return {}
        return self.limits.by_name

    @property
    def needs_latency(self) -> bool:
        """Whether a latency model is needed."""
        return "latency_ms" in (*self.costs, *self.limits_by_name)

    def constraints(self, context: CostContext, latency_model: LatencyModel | None) -> list[Constraint]:
        """The constraints of the limits, see `constraints_within`."""
        if self.limits is None:
            return []
        return constraints_within(context, self.limits, latency_model, self.search.confidence)
