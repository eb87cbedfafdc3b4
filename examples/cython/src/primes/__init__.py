"""Primes, found by a compiled sieve."""

from primes._sieve import below

__all__ = ["below"]
