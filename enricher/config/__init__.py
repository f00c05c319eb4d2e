"""YAML shapes, loading with positions, checks, and compilation into the plan of the core."""
