"""What all tests share: Hypothesis draws the same examples in every run."""

import hypothesis

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")
