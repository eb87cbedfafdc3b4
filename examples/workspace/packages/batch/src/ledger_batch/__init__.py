"""Sums accounts up at night."""

from ledger_core import Account, described


def main() -> None:
    """Print the sum of two accounts."""
    accounts = [Account("tea", 450), Account("cup", 900)]
    print("batch", described(Account("sum", sum(account.cents for account in accounts))))
