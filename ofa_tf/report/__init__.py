"""What people look at: results as text and as pictures.

Read `summary.py` (the table at the end of a run), `evaluation.py` (one that grows with each subnet),
`search_summary.py` (what a search tells), `device_comparison.py` (archs of one device on another), then `svg.py` (what
plots are drawn with), `scatter.py` (predicted against measured values) and `front_plot.py`. All turn plain numbers into
strings; who calls them prints or writes these.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "device_comparison": ["FoundArch", "describe_exchanges"],
        "evaluation": ["EvaluationTable"],
        "front_plot": ["front_svg"],
        "scatter": ["scatter_svg"],
        "search_summary": ["describe_front", "describe_learning_curve", "describe_quality", "describe_search"],
        "summary": ["format_correlation", "format_table", "list_missed_budgets"],
    },
)
