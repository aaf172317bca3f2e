"""From measured subnets to the most accurate one within limits, without training.

Read `accuracy_table.py` (what was measured), `predictors/` (the accuracy of what was not), `constraint_kinds.py`
and `constraints.py` (what may be limited, and how that is checked), `evolution.py` (how good archs are found), `front/`
(how fronts of several objectives are), `finalists.py` (why the best prediction does not simply win) and
`constrained_search.py`, which puts them together.

Nothing here knows devices, quantization or networks: latencies come in as a function of genes, accuracies as a
function of an arch, sizes as bytes per value.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accuracy_table": ["AccuracyTable", "build_accuracy_table", "sample_archs"],
        "constrained_search": ["SearchResult", "search_arch"],
        "constraint_kinds": ["CONSTRAINT_KINDS", "CostContext"],
        "constraints": ["Limits", "make_constraints"],
        "evolution": ["EvolutionSettings"],
        "finalists": ["FinalistSettings"],
        "limit_flags": ["define_limit_flags", "limits_from_flags"],
    },
)
