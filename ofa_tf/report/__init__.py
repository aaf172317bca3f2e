"""What people look at: results as text and as pictures.

Read `summary.py` (the table at the end of a run), `evaluation.py` (one that grows with each subnet) and `scatter.py`
(predicted against measured values, as an SVG). All turn plain numbers into strings; who calls them prints or writes
these.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evaluation": ["EvaluationTable"],
        "scatter": ["scatter_svg"],
        "summary": ["format_correlation", "format_table", "list_missed_budgets"],
    },
)
