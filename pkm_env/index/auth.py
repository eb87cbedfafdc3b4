"""Credentials of indexes: who may see them, and where they come from.

A secret is bound to the server it was given for (scheme, host and port) and is sent to no other. They
are asked for in this order: the URL of the index, ``PKM_INDEX_<NAME>_USERNAME`` and ``_PASSWORD``,
netrc; and only when the server answers 401, the user's credential helper and the keyring.
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from base64 import b64encode

from pkm_env.index.errors import variable_name
from pkm_env.index.urls import origin, split_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pkm_env.index.spec import IndexSpec

    # Takes a URL and a user name ("" for any), returns (user, password) or None.
    Ask = Callable[[str, str], "tuple[str, str] | None"]


class Credentials:
    """The secrets of this run; ``repr`` shows none of them.

    *netrc* is the path of the file ("" for none). *further* are asked, in their order, when a server
    refused what was known. *urls* are addresses that may hold user and password; those of an index count before.
    """

    def __init__(
        self,
        indexes: Sequence[IndexSpec] = (),
        environ: Mapping[str, str] | None = None,
        *,
        netrc: str = "",
        further: Sequence[Ask] = (),
        urls: Iterable[str] = (),
    ) -> None:
        self._netrc_path = netrc
        self._netrc: object = None
        self._further = further
        self._known: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._asked: set[tuple[str, str, str]] = set()
        self._asking = allocate_lock()
        self._urls: dict[tuple[str, str, str], str] = {}
        for index in reversed(indexes):
            place = origin(index.url)
            found = given(index, environ or {})
            self._urls[place] = index.url
            if found and place[0] in {"http", "https"}:
                self._known[place] = found
        for url in urls:
            plain, userinfo = split_credentials(url)
            user, _, password = userinfo.partition(":")
            # The user of https://git@host is no secret, but a habit from ssh.
            if password or user not in {"", "git"}:
                self._known.setdefault(origin(plain), (unquoted(user), unquoted(password)))

    def __repr__(self) -> str:
        return f"Credentials({len(self._known)} known)"

    def header(self, url: str) -> str:
        """Return the value of Authorization for *url*, "" when nothing is known."""
        place = origin(url)
        if place not in self._known and self._netrc_path:
            self._read_netrc(place)
        found = self._known.get(place)
        if not found or not any(found):
            return ""
        return "Basic " + b64encode(f"{found[0]}:{found[1]}".encode()).decode()

    def pair(self, url: str) -> tuple[str, str] | None:
        """Return user and password for *url*, None when nothing is known; nobody is asked."""
        self.header(url)
        found = self._known.get(origin(url))
        return found if found and any(found) else None

    def look_further(self, url: str, refused: str) -> bool:
        """Ask what is asked only after a refusal, once for each server; say whether there is more to try.

        *refused* is the header that the server refused. Of many requests that are refused at once one
        asks, and the others wait for what it finds.
        """
        place = origin(url)
        with self._asking:
            if place not in self._asked:
                self._asked.add(place)
                self._ask_further(place, url)
            return self.header(url) != refused

    def _ask_further(self, place: tuple[str, str, str], url: str) -> None:
        known = self._known.get(place, ("", ""))
        for ask in self._further:
            found = ask(self._urls.get(place, url), known[0])
            if found is not None and found != known:
                self._known[place] = found
                return

    def _read_netrc(self, place: tuple[str, str, str]) -> None:
        """Note what netrc says of a server; ("", "") when it says nothing."""
        if not os.path.isfile(self._netrc_path):
            self._netrc_path = ""
            return
        from netrc import NetrcParseError, netrc

        if self._netrc is None:
            try:
                self._netrc = netrc(self._netrc_path)
            except (OSError, NetrcParseError, UnicodeDecodeError):
                self._netrc_path = ""
                return
        assert isinstance(self._netrc, netrc)
        found = self._netrc.authenticators(place[1])
        self._known[place] = (found[0], found[2] or "") if found else ("", "")


def given(index: IndexSpec, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return user and password that the URL or the variables of an index give, None for neither."""
    name = variable_name(index.name)
    user, password = environ.get(f"PKM_INDEX_{name}_USERNAME"), environ.get(f"PKM_INDEX_{name}_PASSWORD")
    if index.userinfo:
        in_url, colon, secret = index.userinfo.partition(":")
        user = unquoted(in_url)
        password = unquoted(secret) if colon else password
    if user is None and password is None:
        return None
    return user or "", password or ""


def unquoted(text: str) -> str:
    """Return a part of a URL with its percent signs resolved."""
    from urllib.parse import unquote

    return unquote(text)


def ask_keyring(
    url: str, user: str, run: Callable[[list[str]], str | None] | None = None
) -> tuple[str, str] | None:
    """Return what the program ``keyring`` holds for a server, None when it holds nothing or is not there.

    The program is asked, not the library: it need not be installed beside pkm.
    """
    place = origin(url)
    name = user or "__token__"
    for service in (url, f"{place[1]}:{place[2]}" if place[2] not in {"80", "443"} else place[1]):
        found = (run or run_keyring)(["keyring", "get", service, name])
        if found:
            return name, found
    return None


def run_keyring(command: list[str]) -> str | None:
    """Return what a program prints, without its last line end; None when it fails or is not there."""
    import subprocess

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.rstrip("\r\n") if done.returncode == 0 else None


def asked_after_refusal(credential_helper: str) -> tuple[Ask, ...]:
    """Return what is asked when a server refused: the user's helper ("" for none), then the keyring."""
    if not credential_helper:
        return (ask_keyring,)
    from shlex import split

    return helper(split(credential_helper)), ask_keyring


def helper(command: Sequence[str]) -> Ask:
    """Return what asks the user's credential helper: the URL on standard input, JSON on standard output.

    The JSON is ``{"username": …, "password": …}``; an empty output means that it knows nothing.
    """

    def ask(url: str, user: str) -> tuple[str, str] | None:
        import json
        import subprocess

        try:
            done = subprocess.run(
                list(command), input=f"{url}\n", capture_output=True, text=True, timeout=60, check=False
            )
            told = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        if not isinstance(told, dict) or not isinstance(told.get("password"), str):
            return None
        return str(told.get("username") or user or "__token__"), told["password"]

    return ask
