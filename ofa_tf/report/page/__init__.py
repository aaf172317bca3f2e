"""The report of a run as one HTML file that needs nothing else: no network, no server, no other file.

Read `contents.py` (what it shows, as plain data), `markup.py` (HTML from plain values), `words.py` (numbers with units
and errors), `figures.py` (what plotly.js draws) and `choice.py` (which subnets are pointed out), then
`pieces_of_page.py` and the sections, `subnets_section.py`, `devices_section.py` and `other_sections.py`, and last
`whole_page.py`, which puts them together with plotly.js (`plotly_library.py`) and the page's own style and script.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "contents": [
            "Accuracy",
            "AccuracyReport",
            "DeviceReport",
            "MeasuredLatency",
            "ModelReport",
            "Note",
            "PartTime",
            "PhaseReport",
            "ReportData",
            "ReportedSubnet",
            "RunFacts",
            "Section",
            "SubnetGroup",
        ],
        "plotly_library": ["read_plotly"],
        "whole_page": ["is_page", "make_page"],
    },
)
