"""Sums, done in C."""

from quick._sum import total

__all__ = ["total"]
