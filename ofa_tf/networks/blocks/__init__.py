"""The layers of the part types, one file each: elastic layer, plain Keras twin, weights, sorting, published names.

Read `part_layer` (what each of them does, and the registry), then `mbconv`. `builtin` registers those of the package.
What a part type is, as data, stands in the file of the same name in `ofa_tf/space/blocks/`.
"""
