"""Answers what is on an account."""

from ledger_core import Account, described


def main() -> None:
    """Print an account."""
    print("api", described(Account("tea", 450)))
