"""Interpreters on this machine, and the environments made from them."""
