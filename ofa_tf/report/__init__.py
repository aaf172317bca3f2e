"""What people look at: results as text and as pictures.

Read `columns.py` (rows as aligned text), `far_off.py` (a prediction that is far off), `quickstart_table.py` (what a
quickstart ends with), `evaluation.py` (one that grows with each subnet), `subnet_costs.py` (what a subnet costs),
`search_summary.py`, `front_table.py`, `family_table.py`, `front_words.py`, `searches_table.py` and
`predictor_summary.py` (what searches tell), `device_comparison.py` (archs of one device on another), then `axes.py` and
`svg.py` (what plots are drawn with), `scatter.py` (predicted against measured values) and `front_plot.py`, with what
decides its look: `front_axes.py` (which values are shown), `number_places.py` and `front_layout.py` (where points and
numbers are), `cost_unit.py`, `cost_limit.py` and `color_scale.py`. `page/` is the HTML report of a run. `bill.py` tells
what training once saves, beside what was published (`published_searches.py`); `results_claims.py`, `results_tables.py`
and `results_plot.py` what a comparison of ways to train came to. All turn plain numbers into strings; who calls them
prints or writes these.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bill": ["describe_comparison"],
        "cost_limit": ["CostLimit"],
        "device_comparison": ["FoundArch", "describe_exchanges"],
        "evaluation": ["EvaluationTable"],
        "family_table": ["describe_family"],
        "front_table": ["describe_front"],
        "front_plot": ["front_svg", "is_front_svg"],
        "front_words": ["front_in_words", "stop_reason_in_words"],
        "predictor_summary": ["describe_predictor", "models_in_words"],
        "scatter": ["scatter_svg"],
        "subnet_costs": ["SubnetCosts"],
        "searches_table": ["FinishedSearch", "describe_searches"],
        "results_plot": ["results_svg"],
        "results_tables": ["describe_results"],
        "search_summary": ["describe_search"],
        "layer_errors_table": ["describe_layer_errors"],
        "quickstart_table": ["PLAIN_NETWORK", "ShownKeys", "describe_quickstart"],
    },
)
