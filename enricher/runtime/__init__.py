"""The running service: the door into the core, start and stop order, reload, drain."""
