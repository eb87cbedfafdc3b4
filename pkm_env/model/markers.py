"""Environment markers, evaluated once for all targets into one bit each, and written again for a set of them.

A target stands for a range of patch releases, so a marker has two answers: the targets for all of whose
patches it holds, and those for any. Where the two differ, the target has to be split.

Source: Dependency specifiers, "Environment markers".
"""

from __future__ import annotations

from pkm_build.grammar import normalise
from pkm_env.model.marker_text import marker_for
from pkm_env.model.versions import SpecifierTest, UnreadableVersion, patch_samples, python_truths, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Protocol

    from pkm_env.model.target import Target

    Truth = tuple[int, int]
    Node = tuple[Any, ...]

    class Answers(Protocol):
        """Where answers are kept by their question."""

        def find(self, key: Any) -> Any:
            """Return the answer, None when there is none."""

        def keep(self, key: Any, value: Any) -> None:
            """Keep an answer."""


__all__ = [
    "TargetSet",
    "UnreadableMarker",
    "atoms",
    "compare",
    "evaluate",
    "marker_cuts",
    "marker_for",
    "parse_marker",
]

VARIABLES = frozenset(
    {
        "extra",
        "implementation_name",
        "implementation_version",
        "os_name",
        "platform_machine",
        "platform_python_implementation",
        "platform_release",
        "platform_system",
        "platform_version",
        "python_full_version",
        "python_version",
        "sys_platform",
    }
)
UNANSWERABLE = frozenset({"platform_release", "platform_version"})
_VERSIONED = frozenset(
    {"implementation_version", "platform_release", "python_full_version", "python_version"}
)
_OLD_NAMES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_COMPARISONS = ("===", "==", "~=", "!=", "<=", ">=", "<", ">")
_MANY_PATCHES = 60  # beyond any patch release that Python had; for the operators that no cut is known of


class UnreadableMarker(ValueError):
    """A text that is no marker of PEP 508."""


def parse_marker(text: str) -> Node:
    """Return *text* as nested tuples: ("and", ...), ("or", ...), or (variable, operator, value, swapped).

    *swapped* says that the value stood before the variable. Two values compared are ("and",) where that is
    true, else ("or",): no condition, and none that can be met.

    :raises UnreadableMarker: when the text is not a marker.
    """
    tokens = _tokens(text)
    node, place = _alternatives(tokens, 0, text)
    if place != len(tokens):
        raise UnreadableMarker(text)
    return node


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return (kind, text) pairs; the kinds are "value", "word", "op", "(" and ")"."""
    tokens = []
    place = 0
    while place < len(text):
        letter = text[place]
        if letter in " \t":
            place += 1
        elif letter in "'\"":
            end = text.find(letter, place + 1)
            if end < 0:
                raise UnreadableMarker(text)
            tokens.append(("value", text[place + 1 : end]))
            place = end + 1
        elif letter in "()":
            tokens.append((letter, letter))
            place += 1
        else:
            kind, word = _operator_or_word(text, place)
            tokens.append((kind, word))
            place += len(word)
    return tokens


def _operator_or_word(text: str, place: int) -> tuple[str, str]:
    for operator in _COMPARISONS:
        if text.startswith(operator, place):
            return "op", operator
    end = place
    while end < len(text) and (text[end].isalnum() or text[end] in "._"):
        end += 1
    if end == place:
        raise UnreadableMarker(text)
    return "word", text[place:end]


def _alternatives(tokens: Sequence[tuple[str, str]], place: int, text: str) -> tuple[Node, int]:
    parts = []
    while True:
        node, place = _conjunction(tokens, place, text)
        parts.append(node)
        if place >= len(tokens) or tokens[place] != ("word", "or"):
            return (parts[0] if len(parts) == 1 else ("or", *parts)), place
        place += 1


def _conjunction(tokens: Sequence[tuple[str, str]], place: int, text: str) -> tuple[Node, int]:
    parts = []
    while True:
        node, place = _atom(tokens, place, text)
        parts.append(node)
        if place >= len(tokens) or tokens[place] != ("word", "and"):
            return (parts[0] if len(parts) == 1 else ("and", *parts)), place
        place += 1


def _atom(tokens: Sequence[tuple[str, str]], place: int, text: str) -> tuple[Node, int]:
    if place < len(tokens) and tokens[place][0] == "(":
        node, place = _alternatives(tokens, place + 1, text)
        if place >= len(tokens) or tokens[place][0] != ")":
            raise UnreadableMarker(text)
        return node, place + 1
    try:
        left = tokens[place]
        operator, place = _operator(tokens, place + 1, text)
        right = tokens[place]
    except IndexError:
        raise UnreadableMarker(text) from None
    if left[0] == right[0] == "value":
        # The grammar allows it; nothing is asked of the target.
        return (("and",) if compare(left[1], operator, right[1], versioned=False) else ("or",)), place + 1
    if {left[0], right[0]} != {"word", "value"}:
        raise UnreadableMarker(text)
    swapped = left[0] == "value"
    variable, value = (right[1], left[1]) if swapped else (left[1], right[1])
    variable = _OLD_NAMES.get(variable, variable)
    if variable not in VARIABLES:
        raise UnreadableMarker(text)
    if variable == "extra":
        value = normalise(value)
    return (variable, operator, value, swapped), place + 1


def _operator(tokens: Sequence[tuple[str, str]], place: int, text: str) -> tuple[str, int]:
    kind, word = tokens[place]
    if kind == "op" or (kind, word) == ("word", "in"):
        return word, place + 1
    if (kind, word) == ("word", "not") and tokens[place + 1] == ("word", "in"):
        return "not in", place + 2
    raise UnreadableMarker(text)


def atoms(node: Node) -> Iterable[Node]:
    """Yield the comparisons of a parsed marker, in the order of the text."""
    if node[0] in {"and", "or"}:
        for part in node[1:]:
            yield from atoms(part)
    else:
        yield node


def mentions_extra(node: Node) -> bool:
    """Return whether a parsed marker asks for an extra."""
    return any(atom[0] == "extra" for atom in atoms(node))


def needed_extra(node: Node) -> str:
    """Return the one extra without which a marker never holds, as in "extra == 'x' and ...", "" for none."""
    parts = node[1:] if node[0] == "and" else (node,)
    for part in parts:
        if part[0] == "extra" and part[1] == "==" and part[2]:
            return str(part[2])
    return ""


def compare(left: str, operator: str, right: str, *, versioned: bool) -> bool:
    """Return what PEP 508 says of ``left operator right``.

    *versioned* says that the variable is one that holds versions: then both sides are compared as
    versions where they are such, else as texts. Texts have no order: "<=" and ">=" hold where they are
    equal, "<" and ">" never.

    :raises UnreadableMarker: when texts are compared by ``~=`` or ``===``.
    """
    if versioned and operator not in {"in", "not in"}:
        try:
            test = SpecifierTest(operator + right)
        except UnreadableVersion:
            pass
        else:
            return _admits(test, left)
    answers: dict[str, Callable[[], bool]] = {
        "in": lambda: left in right,
        "not in": lambda: left not in right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
        "<=": lambda: left == right,
        ">=": lambda: left == right,
        "<": lambda: False,
        ">": lambda: False,
    }
    if operator not in answers:
        raise UnreadableMarker(f"{left!r} {operator} {right!r}")
    return answers[operator]()


def _admits(test: SpecifierTest, text: str) -> bool:
    """Return whether a specifier admits *text*; what is no version is admitted by no clause but ``===``."""
    try:
        return test.admits(version_key(text), text)
    except UnreadableVersion:
        return test.is_exactly(text)


class _Answers:
    """Answers of this run alone; ``Answers`` that last are those of a notebook."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def find(self, key: Any) -> Any:
        return self._known.get(key)

    def keep(self, key: Any, value: Any) -> None:
        self._known[key] = value


class TargetSet:
    """Targets in a fixed order, one bit each, and what markers and Requires-Python say of them all.

    Every question is answered once. Answers are pairs of masks: the targets for all of whose patch
    releases the answer is yes, and those for at least one of them.
    """

    __slots__ = ("_atoms", "_nodes", "_specifiers", "_truths", "every", "targets")

    def __init__(
        self, targets: Sequence[Target], truths: Answers | None = None, pythons: Answers | None = None
    ) -> None:
        """Take the targets, and where answers of earlier runs about the same targets are kept."""
        self.targets = tuple(targets)
        self.every = (1 << len(self.targets)) - 1
        self._atoms: dict[Node, Truth] = {}
        self._nodes: dict[str, Node] = {}
        self._truths = truths or _Answers()
        self._specifiers = pythons or _Answers()

    def node(self, text: str) -> Node:
        """Return *text* parsed, once.

        :raises UnreadableMarker: when it is no marker.
        """
        node = self._nodes.get(text)
        if node is None:
            node = self._nodes[text] = parse_marker(text)
        return node

    def marker(self, text: str, extra: str = "") -> Truth:
        """Return the answers of a marker, where *extra* (normalised, "" for none) is what is asked for.

        :raises UnreadableMarker: when it is no marker.
        """
        key = (text, extra if "extra" in text else "")
        truth: Truth | None = self._truths.find(key)
        if truth is None:
            truth = self._answer(self.node(text), extra)
            self._truths.keep(key, truth)
        return truth

    def requires_python(self, specifier: str) -> Truth:
        """Return the answers of a Requires-Python.

        :raises UnreadableVersion: when it is no specifier.
        """
        truth: Truth | None = self._specifiers.find(specifier)
        if truth is None:
            truth = self._ask_pythons(specifier)
            self._specifiers.keep(specifier, truth)
        return truth

    def _ask_pythons(self, specifier: str) -> Truth:
        in_all = in_any = 0
        known: dict[tuple[str, tuple[int, int | None]], tuple[bool, bool]] = {}
        for place, target in enumerate(self.targets):
            key = (target.python, target.patches)
            answer = known.get(key)
            if answer is None:
                answer = known[key] = python_truths(specifier, target.python, target.patches)
            in_all |= answer[0] << place
            in_any |= answer[1] << place
        return in_all, in_any

    def _answer(self, node: Node, extra: str) -> Truth:
        if node[0] == "and":
            in_all = in_any = self.every
            for part in node[1:]:
                part_all, part_any = self._answer(part, extra)
                in_all &= part_all
                in_any &= part_any
                if not in_any:
                    break
            return in_all, in_any
        if node[0] == "or":
            in_all = in_any = 0
            for part in node[1:]:
                part_all, part_any = self._answer(part, extra)
                in_all |= part_all
                in_any |= part_any
            return in_all, in_any
        if node[0] == "extra":
            _variable, operator, value, swapped = node
            sides = (value, extra) if swapped else (extra, value)
            yes = compare(sides[0], operator, sides[1], versioned=False)
            return (self.every, self.every) if yes else (0, 0)
        truth = self._atoms.get(node)
        if truth is None:
            truth = self._atoms[node] = self._ask(node)
        return truth

    def _ask(self, atom: Node) -> Truth:
        """Return the answers of a comparison; what cannot be answered holds for some patches only."""
        if atom[0] in UNANSWERABLE:
            return 0, self.every
        in_all = in_any = 0
        known: dict[Any, tuple[bool, bool]] = {}
        for place, target in enumerate(self.targets):
            key: Any = target.markers.get(atom[0], "")
            if _by_patch(atom[0], target):
                key = (key, target.patches)
            answer = known.get(key)
            if answer is None:
                answer = known[key] = _atom_truths(atom, target)
            in_all |= answer[0] << place
            in_any |= answer[1] << place
        return in_all, in_any


def _by_patch(variable: str, target: Target) -> bool:
    """Return whether *variable* differs between the patch releases of *target*."""
    if variable == "python_full_version":
        return True
    return variable == "implementation_version" and target.markers.get("implementation_name") == "cpython"


def _versions(target: Target, patches: Iterable[int]) -> list[str]:
    return [f"{target.python}.{patch}" for patch in patches]


def _atom_truths(atom: Node, target: Target) -> tuple[bool, bool]:
    variable = atom[0]
    values = [target.markers.get(variable, "")]
    if _by_patch(variable, target):
        values = _versions(target, _patch_samples(atom, target))
    truths = {_compare_atom(atom, value) for value in values}
    return truths == {True}, True in truths


def _compare_atom(atom: Node, found: str) -> bool:
    variable, operator, value, swapped = atom
    left, right = (value, found) if swapped else (found, value)
    return compare(left, operator, right, versioned=variable in _VERSIONED)


def _patch_samples(atom: Node, target: Target) -> list[int]:
    """Return patch releases of *target* between whose neighbours the comparison cannot change."""
    _variable, operator, value, swapped = atom
    if operator in {"in", "not in"} or swapped:
        low, high = target.patches
        return list(range(low, (_MANY_PATCHES if high is None else high) + 1)) or [low]
    try:
        return patch_samples(operator + value, target.patches)
    except UnreadableVersion:
        return [target.patches[0]]


def marker_cuts(node: Node, target: Target) -> tuple[int, ...]:
    """Return the patch releases of *target* at which a comparison of the marker changes, ascending."""
    cuts: set[int] = set()
    for atom in atoms(node):
        if not _by_patch(atom[0], target):
            continue
        before = None
        for patch in _patch_samples(atom, target):
            truth = _compare_atom(atom, f"{target.python}.{patch}")
            if before is not None and truth != before:
                cuts.add(patch)
            before = truth
    return tuple(sorted(cuts))


def unanswerable(node: Node) -> str:
    """Return the variable of the marker that no target has a value for, "" when there is none."""
    return next((atom[0] for atom in atoms(node) if atom[0] in UNANSWERABLE), "")


def evaluate(text: str, targets: Sequence[Target], extras: Iterable[str] = ()) -> int:
    """Return the targets, one bit each in their order, for all of whose patches the marker holds.

    Without *extras* no extra is asked for; with some, the marker may hold for any one of them.

    :raises UnreadableMarker: when it is no marker.
    """
    if not text.strip():
        return (1 << len(targets)) - 1
    asked = TargetSet(targets)
    mask = 0
    for extra in tuple(extras) or ("",):
        mask |= asked.marker(text, normalise(extra))[0]
    return mask
