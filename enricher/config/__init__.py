"""YAML shapes, loading with positions, checks, and compilation into the plan of the core."""

from enricher.config.compile import compile_plan
from enricher.config.load import Loaded, effective, load, load_text
from enricher.config.model import Settings

__all__ = ["Loaded", "Settings", "compile_plan", "effective", "load", "load_text"]
