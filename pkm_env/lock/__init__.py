"""The lock as a value: its text both ways, its sections, their freshness, exports."""
