"""What tests of several rooms share: OTLP messages, servers that record what they get, certificates, waiting."""
