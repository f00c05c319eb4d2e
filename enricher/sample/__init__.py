"""Sampling policies: their models, their checks and their compilation into the plan."""
