"""The real programs that enricher is measured against and tested with: how each is built, and where it is cached."""
