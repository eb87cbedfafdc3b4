"""PubGrub over integer masks, and Python's rules mapped on it."""
