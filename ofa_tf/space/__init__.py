"""Search spaces and the subnets in them, as plain data. NumPy only.

Read `arch.py` (one subnet), `blocks/` (what networks are made of), `design.py` (the numbers that define a space),
`genes.py` (archs as vectors of choice indices), `parts.py` (the parts of a space with their choices) and
`search_space.py`, which brings them together (`choice_check.py`: what an arch may say; `presence.py`: what is skipped).
`presets.py` has the spaces by name; `part_tables.py` and `choice_numbers.py` look numbers up for whole populations, and
`costs.py` uses the first for MACs and parameters.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["costs"],
    submod_attrs={
        "arch": ["Arch"],
        "choice_numbers": ["ChoiceNumbers"],
        "costs": ["num_macs", "num_params"],
        "part_tables": ["PartTables"],
        "parts": ["Part"],
        "plain_networks": ["SMALL_NETWORKS"],
        "presets": ["get_search_space", "list_search_spaces", "register_search_space"],
        "search_space": ["SearchSpace"],
    },
)
