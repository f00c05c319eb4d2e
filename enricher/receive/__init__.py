"""OTLP in: gRPC and HTTP servers that hand raw request bytes to the engine."""
