"""Accounts and the sums on them."""

import attrs


@attrs.frozen
class Account:
    """A name and what is on it, in cents."""

    name: str
    cents: int = 0


def described(account: Account) -> str:
    """Return an account as people read it, and the version of attrs that holds it."""
    return f"{account.name}: {account.cents / 100:.2f} (attrs {attrs.__version__})"
