"""What rules would keep of given traffic: engines over requests, their decisions counted, reports written."""
