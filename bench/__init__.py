"""The benchmark: a load generator, the peers, and a report whose figures stand beside checked answers."""
