"""What the authors of Once-for-All published, brought here: weights, descriptions of networks, results.

Read `state_dict` (from a file of PyTorch to named arrays), `importers` (from these to a supernet or a subnet),
`net_config` with `part_matching` (from the description of a specialized network to its arch) and `published` (the
figures they reported, to show beside one's own).
"""
