"""The `enricher` command; one file a subcommand, each with `register(subparsers)`."""
