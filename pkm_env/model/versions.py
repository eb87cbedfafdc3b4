"""Versions and specifiers of PEP 440, as sort keys and half-open intervals of them.

A key is a plain tuple that orders like the version. Every clause of a specifier, ``===`` apart, is at
most two intervals of keys, so that a set of versions is found by bisection. ``packaging`` is the judge of
all of this in the property tests; importing it would cost a lock 12 ms.

Source: Version specifiers, https://packaging.python.org/specifications/version-specifiers/.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Key = tuple[int, tuple[int, ...], int, int, int, int, tuple[tuple[int | str, ...], ...]]
    Interval = tuple[Key | None, Key | None]

FINAL = 3  # the phase of a key: -1 development only, 0 alpha, 1 beta, 2 candidate, 3 final
LAST = 1 << 64  # no development release; also after every post release
OPERATORS = ("===", "==", "~=", "!=", "<=", ">=", "<", ">")
# Longer labels first, so that "preview" is not taken for "pre".
_PHASES = ((("rc", "c", "preview", "pre"), 2), (("alpha", "a"), 0), (("beta", "b"), 1))
_POST = ("post", "rev", "r")
_DEV = ("dev",)
_SEPARATORS = frozenset("-_.")
_AFTER_LOCALS: tuple[tuple[int | str, ...], ...] = ((2,),)


class UnreadableVersion(ValueError):
    """A text that PEP 440 knows neither as a version nor as a specifier."""


def version_key(text: str) -> Key:
    """Return the sort key of *text*: (epoch, release, phase, number, post, dev, local).

    The release has no trailing zeros, so that "1.0" and "1" have one key.

    :raises UnreadableVersion: when *text* is not a version.
    """
    try:
        if (
            text.isascii()
            and text.replace(".", "").isdigit()
            and ".." not in text
            and text[-1] != "." != text[0]
        ):
            release = [int(part) for part in text.split(".")]
            while len(release) > 1 and not release[-1]:
                release.pop()
            return (0, tuple(release), FINAL, 0, -1, LAST, ())
        key = _spelled_key(text)
    except ValueError:
        # Python reads no number of more than 4300 digits.
        key = None
    if key is None:
        raise UnreadableVersion(text)
    return key


def _spelled_key(text: str) -> Key | None:
    """Return the key of a version in any of the spellings of PEP 440, None when it is no version.

    Source: Version specifiers, "Normalization" and appendix "Parsing version strings with regular
    expressions".
    """
    public, plus, local = text.strip().lower().removeprefix("v").partition("+")
    epoch, mark, rest = public.partition("!")
    if not mark:
        epoch, rest = "0", public
    end = 0
    while end < len(rest) and rest[end] in "0123456789.":
        end += 1
    numbers = rest[:end].rstrip(".")
    parts = numbers.split(".")
    phase, number, rest = _take_phase(rest[len(numbers) :])
    post, rest = _take_post(rest)
    dev, rest = _take(rest, _DEV)
    if rest or not text.isascii() or not _all_digits([epoch, *parts]) or (plus and not _is_local(local)):
        return None
    release = [int(part) for part in parts]
    while len(release) > 1 and not release[-1]:
        release.pop()
    if phase == FINAL and post < 0 <= dev:
        phase = -1
    return (
        int(epoch),
        tuple(release),
        phase,
        number,
        post,
        LAST if dev < 0 else dev,
        _local_key(local) if plus else (),
    )


def _take_phase(rest: str) -> tuple[int, int, str]:
    for labels, phase in _PHASES:
        number, left = _take(rest, labels)
        if number >= 0:
            return phase, number, left
    return FINAL, 0, rest


def _take_post(rest: str) -> tuple[int, str]:
    if rest[:1] == "-" and rest[1:2].isdigit():
        return _digits(rest[1:])
    return _take(rest, _POST)


def _take(rest: str, labels: Sequence[str]) -> tuple[int, str]:
    """Return the number after the first of *labels* that *rest* begins with, 0 where it has none, or -1."""
    start = 1 if rest[:1] in _SEPARATORS else 0
    for label in labels:
        if rest.startswith(label, start):
            left = rest[start + len(label) :]
            if left[:1] in _SEPARATORS:
                left = left[1:]
            return _digits(left)
    return -1, rest


def _digits(text: str) -> tuple[int, str]:
    end = 0
    while end < len(text) and text[end] in "0123456789":
        end += 1
    return int(text[:end] or "0"), text[end:]


def _all_digits(parts: Sequence[str]) -> bool:
    return all(part.isascii() and part.isdigit() for part in parts)


def _local_parts(local: str) -> list[str]:
    return local.replace("-", ".").replace("_", ".").split(".")


def _is_local(local: str) -> bool:
    return all(part.isascii() and part.isalnum() for part in _local_parts(local))


def _local_key(local: str) -> tuple[tuple[int | str, ...], ...]:
    return tuple((1, int(part)) if part.isdigit() else (0, part) for part in _local_parts(local))


def is_prerelease(key: Key) -> bool:
    """Return whether the version is an alpha, beta, candidate or development release."""
    return key[2] != FINAL or key[5] != LAST


def split_specifier(text: str) -> tuple[tuple[str, str], ...]:
    """Return the clauses of a specifier as (operator, version), in the order of the text.

    :raises UnreadableVersion: when a clause has no operator or no version.
    """
    clauses = []
    for part in text.split(","):
        clause = part.strip()
        if not clause:
            continue
        for operator in OPERATORS:
            if clause.startswith(operator):
                version = clause[len(operator) :].strip()
                break
        else:
            raise UnreadableVersion(clause)
        if not version or " " in version:
            raise UnreadableVersion(clause)
        clauses.append((operator, version))
    return tuple(clauses)


def clause_intervals(operator: str, version: str) -> tuple[Interval, ...]:
    """Return the half-open intervals of keys that a clause admits; None is an open end.

    ``===`` compares texts and is not for this function.

    :raises UnreadableVersion: when the clause is not one of PEP 440.
    """
    if version.endswith(".*"):
        return _wildcard(operator, version[:-2])
    key = version_key(version)
    if key[6] and operator not in {"==", "!="}:
        raise UnreadableVersion(operator + version)
    if operator in {"==", "!="}:
        after = (*key[:6], (*key[6], (-1,)) if key[6] else _AFTER_LOCALS)
        return ((key, after),) if operator == "==" else ((None, key), (after, None))
    if operator == "~=":
        return _compatible(version, key)
    below = (None, key if is_prerelease(key) else _first_of(key))
    return (
        {
            ">=": (key, None),
            "<=": (None, (*key[:6], _AFTER_LOCALS)),
            "<": below,
            ">": (_above(key), None),
        }[operator],
    )


def _first_of(key: Key) -> Key:
    """Return the key of the first development release of a version that is no pre-release."""
    epoch, release, phase, number, post, _dev, _local = key
    return (epoch, release, phase if post >= 0 else -1, number, post, 0, ())


def _above(key: Key) -> Key:
    epoch, release, phase, number, post, dev, _local = key
    if dev != LAST:
        return (epoch, release, phase, number, post, dev + 1, ())
    if post >= 0:
        return (epoch, release, phase, number, post + 1, 0, ())
    return (epoch, release, phase, number, LAST, LAST, _AFTER_LOCALS)


def _prefix_interval(epoch: int, parts: Sequence[int]) -> tuple[Key, Key]:
    """Return the interval of all versions whose release begins with *parts*, pre-releases too."""
    return _floor(epoch, parts), _floor(epoch, [*parts[:-1], parts[-1] + 1])


def _floor(epoch: int, parts: Sequence[int]) -> Key:
    release = list(parts)
    while len(release) > 1 and not release[-1]:
        release.pop()
    return (epoch, tuple(release), -1, 0, -1, 0, ())


def _release_parts(text: str) -> tuple[int, list[int]]:
    """Return the epoch and the release as written, trailing zeros kept."""
    from_epoch = text.partition("+")[0].lstrip("vV")
    epoch, mark, after = from_epoch.partition("!")
    body = after if mark else from_epoch
    end = 0
    while end < len(body) and body[end] in "0123456789.":
        end += 1
    parts = body[:end].rstrip(".").split(".")
    return int(epoch) if mark else 0, [int(part) for part in parts]


def _wildcard(operator: str, prefix: str) -> tuple[Interval, ...]:
    key = version_key(prefix)
    if operator not in {"==", "!="} or is_prerelease(key) or key[4] >= 0 or key[6]:
        raise UnreadableVersion(f"{operator}{prefix}.*")
    low, high = _prefix_interval(*_release_parts(prefix))
    return ((low, high),) if operator == "==" else ((None, low), (high, None))


def _compatible(version: str, key: Key) -> tuple[Interval, ...]:
    epoch, parts = _release_parts(version)
    if len(parts) == 1:
        raise UnreadableVersion("~=" + version)
    return ((key, _prefix_interval(epoch, parts[:-1])[1]),)


def key_within(key: Key, intervals: Iterable[Interval]) -> bool:
    """Return whether *key* lies in one of *intervals*."""
    return any((low is None or key >= low) and (high is None or key < high) for low, high in intervals)


class SpecifierTest:
    """A specifier read once, to test versions with."""

    __slots__ = ("_exact", "_intervals")

    def __init__(self, specifier: str) -> None:
        """Read *specifier*.

        :raises UnreadableVersion: when it is not one of PEP 440.
        """
        clauses = split_specifier(specifier)
        self._exact = [version.lower() for operator, version in clauses if operator == "==="]
        self._intervals = [clause_intervals(*clause) for clause in clauses if clause[0] != "==="]

    def admits(self, key: Key, text: str) -> bool:
        """Return whether a version meets every clause; pre-releases are versions as any."""
        if any(text.lower() != wanted for wanted in self._exact):
            return False
        return all(key_within(key, intervals) for intervals in self._intervals)

    def is_exactly(self, text: str) -> bool:
        """Return whether the specifier is ``===`` alone, and *text* what it names."""
        return not self._intervals and all(text.lower() == wanted for wanted in self._exact)


def specifier_contains(specifier: str, version: str) -> bool:
    """Return whether *version* meets every clause of *specifier*; pre-releases are versions as any.

    :raises UnreadableVersion: when one of the texts is not of PEP 440.
    """
    return SpecifierTest(specifier).admits(version_key(version), version)


def names_prerelease(specifier: str) -> bool:
    """Return whether a clause other than ``!=`` names a pre-release: the consent of PEP 440."""
    if not any(letter in specifier for letter in "abcdrv-"):
        return False
    for operator, version in split_specifier(specifier):
        if operator in {"!=", "==="} or version.endswith(".*"):
            continue
        if is_prerelease(version_key(version)):
            return True
    return False


# So many texts are compared in less time than one is parsed.
_FEW = 300


class VersionLine:
    """The known versions of one name in ascending order, and the masks that specifiers cut out of them.

    Bit ``i`` of a mask stands for ``versions[i]``. Keys are made as bisection needs them.
    """

    __slots__ = ("_keys", "_masks", "count", "versions")

    def __init__(self, versions: Sequence[str], masks: dict[str, int] | None = None) -> None:
        """Take the versions, and the *masks* of specifiers that are known already; new ones are added."""
        self.versions = versions
        self.count = len(versions)
        self._keys: dict[int, Key] = {}
        self._masks = {} if masks is None else masks

    def mask(self, specifier: str) -> int:
        """Return the versions that meet *specifier* ("" admits all).

        :raises UnreadableVersion: when the specifier is not one of PEP 440.
        """
        found = self._masks.get(specifier)
        if found is None:
            found = (1 << self.count) - 1
            for operator, version in split_specifier(specifier):
                found &= self._clause(operator, version)
            self._masks[specifier] = found
        return found

    def position(self, version: str) -> int:
        """Return the place of *version*, -1 when it is not known."""
        if self.count < _FEW and version in self.versions:
            return self.versions.index(version)
        key = version_key(version)
        place = self._first(key)
        if place < self.count and self._key(place) == key:
            return place
        return -1

    def _clause(self, operator: str, version: str) -> int:
        if operator == "===":
            wanted = version.lower()
            return sum(1 << place for place, text in enumerate(self.versions) if text.lower() == wanted)
        mask = 0
        for low, high in clause_intervals(operator, version):
            start = 0 if low is None else self._first(low)
            end = self.count if high is None else self._first(high)
            if end > start:
                mask |= (1 << end) - (1 << start)
        return mask

    def _first(self, bound: Key) -> int:
        """Return the place of the first version whose key is not below *bound*."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < bound:
                low = middle + 1
            else:
                high = middle
        return low

    def _key(self, place: int) -> Key:
        key = self._keys.get(place)
        if key is None:
            key = self._keys[place] = version_key(self.versions[place])
        return key


def python_truths(specifier: str, minor: str, patches: tuple[int, int | None]) -> tuple[bool, bool]:
    """Return whether *specifier* holds for all, and for any, of the patch releases *patches* of *minor*.

    *patches* are the first and the last one, None for no last one.

    :raises UnreadableVersion: when the specifier is not one of PEP 440.
    """
    truths = [truth for _patch, truth in _patch_truths(specifier, minor, patches)]
    return False not in truths, True in truths


def python_cuts(specifier: str, minor: str, patches: tuple[int, int | None]) -> tuple[int, ...]:
    """Return the patch releases within *patches* at which the truth of *specifier* changes, ascending."""
    truths = _patch_truths(specifier, minor, patches)
    return tuple(
        patch for (_, before), (patch, truth) in zip(truths, truths[1:], strict=False) if truth != before
    )


def _patch_truths(specifier: str, minor: str, patches: tuple[int, int | None]) -> list[tuple[int, bool]]:
    test = SpecifierTest(specifier)
    release = tuple(int(part) for part in minor.split("."))
    found = []
    for patch in patch_samples(specifier, patches):
        full = (*release, patch) if patch else release
        while not full[-1]:
            full = full[:-1]
        found.append((patch, test.admits((0, full, FINAL, 0, -1, LAST, ()), f"{minor}.{patch}")))
    return found


def patch_samples(specifier: str, patches: tuple[int, int | None]) -> list[int]:
    """Return the patch releases between whose neighbours *specifier* cannot change: the ends and the cuts."""
    low, high = patches
    points = {low}
    for _operator, version in split_specifier(specifier):
        patch = version.removesuffix(".*").split(".")[2:3]
        # "3.12" is 3.12.0, so that "<=3.12" admits no later patch release.
        number = _digits(patch[0])[0] if patch and patch[0][:1].isdigit() else 0
        if number >= 0:
            points.update((number, number + 1))
    return sorted(point for point in points if point >= low and (high is None or point <= high))
