"""Habits of all tests."""

from hypothesis import settings

# A busy machine is no fault: what hangs is ended by pytest's own timeout.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
