"""One function for each operation of a user."""
