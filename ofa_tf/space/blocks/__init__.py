"""The part types as data: what a stem, a block or a head is, one file each.

Read `part_type` (what each of them says of itself), then `mbconv`, the block of most spaces; `stage` holds the
choices of a run of blocks, `axis` those of one property of a part. `registry` knows the types by name, and `builtin`
registers those of the package. The layers of a type stand in the file of the same name in `ofa_tf/networks/blocks/`.
"""
