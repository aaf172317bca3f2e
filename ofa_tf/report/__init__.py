"""What people look at: results as text and as pictures.

Read `summary` (the table at the end of a run) and `scatter` (predicted against measured values, as an SVG). Both turn
plain numbers into strings; who calls them prints or writes these.
"""
