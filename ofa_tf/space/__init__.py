"""Search spaces and the subnets in them, as plain data. NumPy only.

Read `arch` (one subnet), `blocks/` (what networks are made of), `design` (the numbers that define a space), `genes`
(archs as vectors of choice indices), `parts` (the parts of a space with their choices) and `search_space`, which
brings them together. `presets` has the spaces by name; `part_tables` looks numbers up for whole populations, and
`costs` uses it for MACs, parameters and memory.
"""
