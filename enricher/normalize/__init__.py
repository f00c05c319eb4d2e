"""What things mean: dialects of LLM instrumentation, providers, operations, usage shapes, error classes.

All of it is YAML beside this file, checked here and compiled to the plan's `normalize` section.
"""
