"""YAML shapes, loading with positions, checks, and compilation into the plan of the core.

The front door is opened at first use: the sections of all rooms import `enricher.config.base` from this package, and
the root model imports those sections.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enricher.config.compile import compile_plan
    from enricher.config.loading import Loaded, effective, load, load_text
    from enricher.config.model import Settings

__all__ = ["Loaded", "Settings", "compile_plan", "effective", "load", "load_text"]

_MODULES = {"compile_plan": "compile", "Settings": "model"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name, "loading")
    return getattr(import_module(f"{__name__}.{module}"), name)
