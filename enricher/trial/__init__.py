"""The `tests:` of a configuration: traces written in YAML, run through the engine, and what is expected of them."""
