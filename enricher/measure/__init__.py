"""What is counted: the catalogue of metrics, the Prometheus collector, the call log, the program's own counters."""
