"""OTLP out: a queue, threads and retries of its own for each destination."""
