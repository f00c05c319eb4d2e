"""What `enricher explain` says: the core's conclusions and the rules they were drawn by, told as a tree."""
