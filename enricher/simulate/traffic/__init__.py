"""Traffic that is made up: a mix of kinds of traces over a day, described in YAML, sent under a virtual clock."""
