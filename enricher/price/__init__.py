"""The price book: dated list prices as data, the user's own terms, and their compilation into the plan of the core."""
