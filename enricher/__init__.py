"""enricher: an OTLP processor that normalizes, prices, counts and samples LLM traces."""
