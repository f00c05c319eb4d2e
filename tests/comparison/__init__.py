"""Our prices beside those of genai-prices and LiteLLM: `python -m tests.comparison --help`."""
