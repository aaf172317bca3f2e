"""Accuracy predictors: from some measured subnets to the accuracy of any other.

A search looks at tens of thousands of subnets, and measuring one takes seconds to minutes; so it asks a predictor.
Read `accuracy_predictor` (what every predictor can do), then `features` (what it sees of an arch), then
`ridge_predictor` (the one there is), then `predictor_registry` (where another one is made known: write it in a file
of its own and register it there).
"""
