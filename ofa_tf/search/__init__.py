"""Accuracy tables, predictors and the search for an arch under a budget."""
