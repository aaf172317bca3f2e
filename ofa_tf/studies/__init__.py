"""Comparisons that take hours, made with the programs of this project: what the claims of the paper come to.

Read `program_steps.py` first: a study is a row of programs, each run once, with records of what it took. `results.py`
compares ways of training a supernet, and its subnets with networks that are trained alone; `plain_rivals.py` finds
published networks that are as quick. `comparison.py` compares training once with searches that train for each budget
(`nas/`); the steps that both have in common are in `program_calls.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "comparison": ["COMPARED_METHODS", "ComparisonSettings", "run_comparison"],
        "results": ["RECIPES", "ResultsSettings", "run_results"],
    },
)
