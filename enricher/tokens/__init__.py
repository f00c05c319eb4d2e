"""Tokens counted from content where nobody told the usage of a call (`normalize.estimate_tokens`)."""
