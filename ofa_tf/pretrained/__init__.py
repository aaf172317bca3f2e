"""What the authors of Once-for-All published, brought here: weights, descriptions of networks, results.

Read `state_dict.py` (from a file of PyTorch to named arrays), `importers.py` (from these to a supernet or a
subnet), `net_config.py` with `part_matching.py` (from the description of a specialized network to its arch) and
`published.py` (the figures they reported, to show beside one's own).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "importers": ["import_subnet", "import_supernet"],
        "net_config": ["arch_from_net_config"],
        "state_dict": ["read_state_dict"],
    },
)
