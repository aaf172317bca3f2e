"""Searches that train for one latency budget alone, which training one supernet for all budgets is compared with.

Read `search_task.py` first: what a search is given and what it returns; `search_methods.py` names them. Then
`sampled.py`, which learns a distribution of archs (`arch_distribution.py`) from the rewards of those that it draws
(`policy_gradient.py`) while it trains weights that all of them share (`shared_weights.py`, `images.py`), and takes from
it what fits the budget (`budget_fitting.py`); `relaxed.py`, which learns probabilities of choices by gradients, with
`relaxed_network.py` (a network of mixed choices), `expected_latency.py` and `training_halves.py` (images for weights
and images for choices); and `random_archs.py`, which trains random ones. `epoch_search.py` and `search_state.py` let a
search go on where it was stopped.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "search_methods": ["SEARCH_METHODS"],
        "search_task": ["SearchTask"],
    },
)
