"""Short ways to ask the resolver, for tests: requirement texts in, versions by name out."""

from __future__ import annotations

from pkm_env.model.target import make_target
from pkm_env.resolver.report import explain
from pkm_env.resolver.request import Declared
from pkm_env.resolver.resolve import NoSolution, Origin, Request, Resolution, Root, Rules, resolve
from tests.support.universe import NoMemory, Universe

LINUX = make_target("3.12", "linux-x86_64")


def origin(number, table="dependencies"):
    return Origin("shop", ("project", table, number))


def where(place):
    if not place.key:
        return place.who
    last = place.key[-1]
    return f"pyproject.toml:{last + 5}:5" if isinstance(last, int) else ".".join(map(str, place.key))


def rules(*keys, **said):
    """Return what a project says of some rules, each a key or a path of keys of ``[tool.pkm]``."""
    paths = [key if isinstance(key, tuple) else (key,) for key in keys]
    return Declared({path: Origin("", ("tool", "pkm", *path)) for path in paths}, **said)


def ask(packages, *roots, targets=(LINUX,), sources=None, at=None, **options):
    """Return all outcomes; *options* are those of Rules and Request, *at* what lies at locations."""
    world = packages if isinstance(packages, Universe) else Universe(packages, at)
    rules = Rules(**{name: options.pop(name) for name in list(options) if name in Rules.__slots__})
    asked = [
        root if isinstance(root, Root) else Root(root, origin(number)) for number, root in enumerate(roots)
    ]
    request = Request(asked, targets, rules=rules, sources=sources, root_name="shop", **options)
    return resolve(request, world, NoMemory())


def only(outcomes):
    (outcome,) = outcomes
    return outcome


def answer(packages, *roots, **options):
    """Return the one resolution."""
    outcome = only(ask(packages, *roots, **options))
    assert isinstance(outcome, Resolution), explain(outcome, where=where)
    return outcome


def versions(packages, *roots, **options):
    """Return the versions of the one resolution, by name."""
    return {name: pin.version for name, pin in answer(packages, *roots, **options).pins.items()}


def refusal(packages, *roots, **options):
    """Return the one explanation, as text."""
    outcome = only(ask(packages, *roots, **options))
    assert isinstance(outcome, NoSolution), outcome.pins
    return str(explain(outcome, where=where))
