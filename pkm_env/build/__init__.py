"""Wheels and metadata from source trees, by their build backends in isolation."""
