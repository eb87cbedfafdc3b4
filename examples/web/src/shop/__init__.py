"""A shop with a list of items."""
