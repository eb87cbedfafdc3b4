"""What one asks after a success: why something is there, what differs, what is newer."""

from __future__ import annotations

from itertools import chain

from pkm_build.errors import PkmError
from pkm_build.grammar import normalise
from pkm_build.tables import meant
from pkm_env.lock.graph import Graph, section_graph, shown
from pkm_env.lock.membership import targets_of
from pkm_env.model.distribution import without_secrets_in
from pkm_env.model.requirements import parse_requirement
from pkm_env.model.versions import version_key
from pkm_env.ops.declared import place
from pkm_env.ops.locked import NothingLocked
from pkm_env.ops.packages import asked, requested_names
from pkm_env.resolver.request import Origin
from pkm_env.workspace import read_lock_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pkm_build.project import Project
    from pkm_env.context import Context
    from pkm_env.lock.lockfile import Lock
    from pkm_env.model.environment import Environment
    from pkm_env.model.requirements import PlacedText
    from pkm_env.ops.located import Located


class NotThere(PkmError):
    """A package that an environment does not hold."""

    def __init__(self, name: str, environment: str, known: Sequence[str]) -> None:
        hint = meant(name, known, f"pkm env why-not {name} -e {environment}")
        super().__init__(f'{name} is not in the environment "{environment}"', hint)


class ProjectNotThere(PkmError):
    """The project itself, in an environment that holds only what it asks for."""

    def __init__(self, environment: Environment, project: Project) -> None:
        table = ".".join(map(str, environment.key))
        hint = f'project = "editable" in [{table}] installs it'
        if not project.has_build_system:
            hint = "with a [build-system] it can be built, and is installed"
        super().__init__(
            f'the environment "{environment.name}" does not hold the project itself, only what it asks for',
            hint,
        )


class Reason:
    """One chain that leads to a package: the requirement, where it stands, and the entries in between."""

    __slots__ = ("chain", "place", "requirement", "who")

    def __init__(self, who: str, requirement: str, place: str, chain: Sequence[str]) -> None:
        self.who = who
        self.requirement = requirement
        self.place = place
        self.chain = tuple(chain)

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        # A folder has no version, so that its name would stand there twice.
        chain = self.chain[1:] if self.chain[:1] == (self.requirement,) else self.chain
        return " -> ".join([f"{self.who}{where}", self.requirement, *chain])


class Difference:
    """One package that two environments do not hold alike: its versions in each, and who asks for them."""

    __slots__ = ("name", "one", "other", "why")

    def __init__(self, name: str, one: str, other: str, why: str) -> None:
        self.name = name
        self.one = one
        self.other = other
        self.why = why


class Outdated:
    """One locked package of which the index has a later version."""

    __slots__ = ("latest", "locked", "name", "requested")

    def __init__(self, name: str, locked: str, latest: str, *, requested: bool) -> None:
        self.name = name
        self.locked = locked
        self.latest = latest
        self.requested = requested


def locked(context: Context, environment: Environment) -> Lock:
    """Return the lock, which has a section for the environment.

    :raises NothingLocked: when it has none.
    """
    text = read_lock_text(context.workspace.lock_path)
    lock = context.parsed_lock(text) if text is not None else None
    if lock is None or environment.section not in lock.sections:
        raise NothingLocked(environment.section)
    return lock


def graph_of(context: Context, environment: Environment, *, with_project: bool = False) -> Graph:
    """Return what is locked for the environment, as a graph; the project itself is in it only when that is wanted."""
    lock = locked(context, environment)
    requested = requested_names(context, environment)
    own = "" if with_project else context.workspace.project.name
    return section_graph(lock, environment.section, requested, own)


def why(context: Context, environment: Environment, name: str) -> dict[str, list[Reason]]:
    """Return, for each locked version of a package, the chains that lead to it.

    :raises NotThere: when the environment does not hold it.
    """
    is_project = normalise(name) == context.workspace.project.name
    graph = graph_of(context, environment, with_project=is_project)
    keys = graph.named(normalise(name))
    if not keys and is_project:
        raise ProjectNotThere(environment, context.workspace.project)
    if not keys:
        raise NotThere(name, environment.section, sorted({key[0] for key in graph.packages}))
    found: dict[str, list[Reason]] = {}
    for key in keys:
        reasons = found.setdefault(shown(key), [])
        if is_project and holds_project(environment):
            reasons.append(Reason(f'the environment "{environment.name}"', "the project itself", "", ()))
        chains = graph.chains(key)
        reasons += reasons_of(chains, placed_requirements(context, asked(context, environment)))
        if not reasons:
            # A package of the section asks for an extra of the project.
            extras = context.project_requirements()[1].values()
            reasons += reasons_of(chains, placed_requirements(context, chain.from_iterable(extras)))
    return found


def reasons_of(
    chains: Sequence[Sequence[tuple[str, str]]], placed: Iterable[tuple[str, str, str]]
) -> Iterator[Reason]:
    """Yield the chains whose first entry one of the *placed* requirements asks for."""
    asking = [(parse_requirement(text).name, who, text, where) for who, text, where in placed]
    for steps in chains:
        for name, who, text, where in asking:
            if name == steps[0][0]:
                names = [*map(shown, steps[:-1]), steps[-1][0]]
                yield Reason(who, text, where, names if len(steps) > 1 else ())


def holds_project(environment: Environment) -> bool:
    """Whether an environment holds the project itself, though nobody should ask for it."""
    return environment.project in {"editable", "wheel"}


def placed_requirements(
    context: Context, requirements: Iterable[PlacedText]
) -> Iterator[tuple[str, str, str]]:
    """Yield who asks, the requirement, and where it stands, for requirements of the project with their key paths."""
    workspace = context.workspace
    who = workspace.project.raw_name or "the project"
    for text, key in requirements:
        yield who, without_secrets_in(text), place(workspace, Origin("", key))


def tree(context: Context, environment: Environment, *, invert: str = "") -> Graph:
    """Return what is locked for the environment as a graph; *invert* has to be in it, "" for no name.

    :raises NotThere: when it is not.
    """
    graph = graph_of(context, environment)
    if invert and not graph.named(invert):
        raise NotThere(invert, environment.section, sorted({key[0] for key in graph.packages}))
    return graph


def tree_json(graph: Graph, depth: int, *, invert: str = "") -> dict[str, object]:
    """Return the form of a tree that ``--json`` prints: its roots, and what is below each entry.

    As in the tree for people, nothing that is more than *depth* levels below the roots is in it.
    """
    below = graph.asked if invert else graph.needs
    roots = graph.named(invert) if invert else graph.roots
    packages: dict[tuple[str, str], list[tuple[str, str]]] = {}
    level = list(roots)
    while level and depth >= 0:
        packages.update((key, below[key] if depth else []) for key in level if key not in packages)
        level = [other for key in level for other in below[key] if other not in packages]
        depth -= 1
    return {
        "roots": [shown(key) for key in roots],
        "packages": {
            shown(key): [shown(other) for other in needed] for key, needed in sorted(packages.items())
        },
    }


def differences(one: Located, other: Located) -> list[Difference]:
    """Return the packages that two environments do not hold alike, sorted by name."""
    graphs = (graph_of(one.context, one.environment), graph_of(other.context, other.environment))
    names = sorted({key[0] for graph in graphs for key in graph.packages})
    found = []
    for name in names:
        keys = [graph.named(name) for graph in graphs]
        if [key[1] for key in keys[0]] == [key[1] for key in keys[1]]:
            continue
        versions = [", ".join(key[1] or "(folder)" for key in side) for side in keys]
        sides = [asked_by(graph, side) for graph, side in zip(graphs, keys, strict=True)]
        text = reason_of(name, (one.label, other.label), graphs, sides)
        found.append(Difference(name, versions[0], versions[1], text))
    return found


def asked_by(graph: Graph, keys: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return who asks for entries: names with how each is shown, "" for the environment itself."""
    found = {asker[0]: shown(asker) for key in keys for asker in graph.asked[key]}
    if any(key in graph.roots for key in keys):
        found[""] = "the environment itself"
    return {name: found[name] for name in sorted(found)}


def reason_of(
    name: str, environments: tuple[str, str], graphs: tuple[Graph, Graph], sides: Sequence[dict[str, str]]
) -> str:
    """Return why two environments do not hold a package alike, as far as the lock tells.

    That is who asks for it in one of them alone; else which of its dependencies differ; else who asks.
    """
    keys = [graph.named(name) for graph in graphs]
    if not all(keys):
        return f"asked for by {', '.join(sides[0 if keys[0] else 1].values())}"
    alone = []
    for at, environment in enumerate(environments):
        only = [text for asker, text in sides[at].items() if asker not in sides[1 - at]]
        if only:
            alone.append(f"in {environment} {', '.join(only)} asks for it")
    if alone:
        return "; ".join(alone)
    needs = [
        {key for own in side for key in graph.needs[own]} for graph, side in zip(graphs, keys, strict=True)
    ]
    apart = sorted({key[0] for key in needs[0] ^ needs[1]})
    if apart:
        return f"it needs {', '.join(apart)}, not the same in both"
    return f"asked for by {', '.join(dict.fromkeys(text for side in sides for text in side.values()))}"


def outdated(context: Context, environment: Environment) -> tuple[list[Outdated], list[str]]:
    """Return the locked packages of which the index has a later final version, and those it does not tell of.

    One counts that a target can install for which the package is locked. Both are sorted by name; the second are texts
    with the reason.
    """
    from pkm_env.resolver.common import Common
    from pkm_env.resolver.request import Request, Rules

    section = locked(context, environment).sections[environment.section]
    targets = targets_of(section)
    graph = graph_of(context, environment)
    releases = context.supply(environment)
    indexed = [key for key, package in sorted(graph.packages.items()) if package.source is None]
    releases.hint(names=[name for name, _ in indexed])
    requested = {key[0] for key in graph.roots}
    options = environment.options
    rules = Rules(
        no_build=options.no_build is True or frozenset(options.no_build or ()),
        no_binary=options.no_binary is True or frozenset(options.no_binary or ()),
    )
    common = Common(releases, context.memory)
    notebook = common.notebook(Request((), targets, rules=rules, root_name=context.workspace.project.name))
    knowledge, view = common.knowledge(notebook, rules), common.view(targets, notebook)
    found = []
    unknown = []
    for name, version in indexed:
        package = knowledge.package(name)
        if package.missing is not None:
            unknown.append(f"{name}: {package.missing.reason}")
            continue
        holding = graph.packages[name, version].sections[section.name]
        finals = view.possible(package, holding) & package.finals
        latest = package.version(1 << finals.bit_length() - 1) if finals else version
        if version_key(latest) > version_key(version):
            found.append(Outdated(name, version, latest, requested=name in requested))
    return found, unknown
