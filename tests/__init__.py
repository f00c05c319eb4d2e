"""Tests of enricher."""
