"""Health, readiness and the effective configuration, for operators and probes."""
