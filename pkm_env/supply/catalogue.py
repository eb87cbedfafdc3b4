"""Catalogue: the page of a name on each index, from folders, the cache, or servers.

Owns when a page that was kept may be used, and asks for it anew where it may not; which of several indexes
counts is ``supply``'s to decide. All state is touched by the caller's thread alone.
"""

from __future__ import annotations

import os
import sys

from pkm_build.errors import PkmError
from pkm_env.cache.pages import Brief, CachedPage, index_key
from pkm_env.index.errors import Offline
from pkm_env.index.urls import local_path
from pkm_env.model.distribution import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from pkm_env.cache.pages import PageCache
    from pkm_env.index.client import Answer, IndexClient
    from pkm_env.index.crew import Crew
    from pkm_env.index.spec import IndexSpec
    from pkm_env.model.ports import Reporter
    from pkm_env.supply.second import Read, SecondReader

    Network = tuple[IndexClient, Crew]
    BeginSecond = Callable[[Read], SecondReader | None]


class Waiting:
    """The answer is under way."""


WAIT = Waiting()
OFFLINE = Unavailable("offline", "its index page is not in the cache, and pkm is offline")
NOTHING = ((), (), 0, 0, "", b"")  # the digest of a page without a file
# Bytes of a packed page that is read whole as quickly as in brief.
SHORT = 4 << 10
LARGE = 24 << 20  # bytes; of a block of more than 32 MiB the C library learns nothing


class Catalogue:
    """The pages of *indexes*, by position and name.

    *network* gives the client and its crew when a request is due. *arrived* is told of each name whose page
    came from a server. *refresh* is True, or the names that must be asked for anew; ``keys`` stand for the
    indexes in the cache. *begin_second* makes a process that reads pages too; None: all are read in this one.
    *in_brief*: of a page that is new here the files of old releases may be left unread until they are asked for; what
    such a page lacks besides are the times of upload.
    """

    def __init__(  # noqa: PLR0913 - what supply hands on
        self,
        indexes: Sequence[IndexSpec],
        cache: PageCache,
        network: Callable[[], Network],
        reporter: Reporter,
        arrived: Callable[[str], None],
        *,
        now_s: float,
        offline: bool = False,
        refresh: bool | frozenset[str] = False,
        platform: str = sys.platform,
        begin_second: BeginSecond | None = None,
        in_brief: bool = False,
    ) -> None:
        self._indexes = tuple(indexes)
        self._page_cache = cache
        self._in_brief = in_brief
        self._network = network
        self._reporter = reporter
        self._arrived_name = arrived
        self._now_s = now_s
        self._offline = offline
        self._refresh = refresh
        self._platform = platform
        self.keys = [index_key(index.url, index.format) for index in self._indexes]
        self._roots = [local_path(index.url, platform) for index in self._indexes]
        self._pages: dict[tuple[int, str], Any] = {}
        self._flat: dict[int, Any] = {}
        self._begin_second = begin_second
        self._second: SecondReader | None = None

    def page(self, position: int, name: str) -> Any:
        """Return the page of *name* of one index, an error, an Unavailable, or WAIT after asking for it."""
        found = self._pages.get((position, name))
        if found is None:
            found = self._local_page(position, name) if self._roots[position] else self._ask(position, name)
            if not (found is WAIT and position in self._flat):
                self._pages[position, name] = found
        return found

    def names(self) -> set[str]:
        """Return names that the indexes have: all of folders and flat pages, of other servers those that were met."""
        from pkm_env.index.local import names_in_folder

        found: set[str] = set()
        for index, root, key in zip(self._indexes, self._roots, self.keys, strict=True):
            if root:
                found.update(names_in_folder(root, flat=index.flat))
            else:
                found.update(self._page_cache.names(key))
        for answer in self._flat.values():
            if answer is not WAIT and not isinstance(answer, BaseException):
                found.update(self._network()[0].names(answer))
        return found

    def may_have(self, name: str) -> bool:
        """Whether a server may have *name*, as far as that is known without asking it."""
        for position, root in enumerate(self._roots):
            if not root:
                page = self._pages.get((position, name)) or self._page_cache.load(self.keys[position], name)
                if not (isinstance(page, CachedPage) and page.missing):
                    return True
        return False

    def local_page(self, position: int, name: str) -> Any:
        """Return the page of *name* of an index that is a folder, or an error; None for one on a server."""
        return self.page(position, name) if self._roots[position] else None

    def elsewhere(
        self, name: str, chosen: int | None, bound: str
    ) -> list[tuple[str, tuple[str, ...] | None, str]]:
        """Return the indexes that do not count for *name*, though it is there or might be, in their order.

        *chosen* is the position of the index that does count, None where none has it, *bound* the one that the name is
        bound to. Each comes with the versions that it has, or None for one on a server (it is not asked, so that it
        does not learn of a name that another one serves; what the cache knows of it is no part of an answer), and with
        the reason.
        """
        found: list[tuple[str, tuple[str, ...] | None, str]] = []
        for position, index in enumerate(self._indexes):
            if bound:
                why = "" if bound in index.names else f'{name} is bound to "{bound}"'
            elif index.explicit:
                why = "it is explicit"
            elif chosen is not None and position > chosen:
                why = f'"{self._indexes[chosen].name}" comes first and has {name}'
            else:
                why = ""
            page = self.local_page(position, name) if why else WAIT
            if page is None and not (index.explicit and chosen is not None):
                found.append((index.name, None, why))
            elif isinstance(page, CachedPage) and not page.missing:
                found.append((index.name, tuple(page.digest[0]), why))
        return found

    def _local_page(self, position: int, name: str) -> Any:
        """Return the page of *name* of an index that is a folder, from the cache when nothing changed."""
        index = self._indexes[position]
        try:
            state = self._state(position, name)
            if not state:
                return CachedPage((), missing=True)
            cached = self._page_cache.load(self.keys[position], name)
            if cached is not None and cached.etag == state:
                return cached
            page = self._network()[0].read_local(index, name)
        except (PkmError, OSError) as error:
            return error
        if page is None or not page.texts:
            made = CachedPage(() if page is None else page.digest, missing=True, etag=state)
        else:
            self._warn(page.warnings)
            made = CachedPage(page.digest, etag=state, texts=page.texts)
        self._page_cache.save(self.keys[position], name, made)
        return made

    def _state(self, position: int, name: str) -> str:
        """Return what changes when the page of *name* in a folder does, "" when the folder has none."""
        from pkm_env.index.local import find_page, list_folder

        root = self._roots[position]
        if self._indexes[position].flat:
            files = list_folder(root, name, self._platform)
            return "".join(f"{plain[0]}|{os.stat(plain[4]).st_mtime_ns}|{plain[6]}\n" for plain in files)
        place = find_page(root, name)
        return place[2] if place else ""

    def _ask(self, position: int, name: str) -> Any:
        """Return the page of *name* of an index on a server, from the cache while it is fresh."""
        index = self._indexes[position]
        key = self.keys[position]
        cached = self._page_cache.load(key, name)
        fresh = cached is not None and not self._is_refreshed(name) and cached.is_fresh(self._now_s)
        if cached is not None and cached.brief is not None:
            cached.unfold = self._unfolder(position, name)
        if fresh or (cached is not None and self._offline):
            return cached
        if self._offline:
            return OFFLINE
        if index.flat:
            return self._ask_flat(position, name)
        etag, modified = ("", "") if cached is None else (cached.etag, cached.modified)
        client, crew = self._network()
        self._expect_many(key)
        # Where older releases were asked for, they will be again.
        in_brief = self._in_brief and (cached is None or cached.brief is not None)
        crew.submit(
            lambda: self._read_aside(
                position, name, client.ask(index, name, etag, modified), in_brief=in_brief
            ),
            lambda answer, error: self._arrived(position, name, cached, answer, error),
        )
        return WAIT

    def _expect_many(self, key: str) -> None:
        """Let a second process read pages where none of an index is kept yet: there will be many, and large ones."""
        if self._begin_second is not None:
            if self._page_cache.is_new(key):
                # glibc hands what a page took back to the system at once, which clears it anew for the next one, until
                # it has seen a large block come and go. This one is never touched, so it takes no memory.
                # Source: mallopt(3), M_MMAP_THRESHOLD, "dynamic".
                bytes(LARGE)
                self._second = self._begin_second(self._read_and_keep)
            # Once there are threads it is too late.
            self._begin_second = None

    def _read_and_keep(self, position: int, name: str, answer: Answer) -> list[str] | None:
        """Read and keep a page, in the second process; return its warnings, None when it was not kept."""
        made, warnings = self._made(position, name, answer)
        return warnings if isinstance(made, CachedPage) and made.is_kept else None

    def _read_aside(self, position: int, name: str, answer: Answer, *, in_brief: bool) -> Answer:
        """Let the second process read what was answered, if there is one and it has time; called in a thread."""
        answer.in_brief = in_brief and answer.max_age_s >= 0 and len(answer.body) >= SHORT
        if self._second is not None and answer.state == "page" and answer.max_age_s >= 0:
            answer.warnings = self._second.read(position, name, answer)
        return answer

    def _ask_flat(self, position: int, name: str) -> Any:
        """Return the page of *name* from the one page of a flat index, which is asked for once in a run."""
        client, crew = self._network()
        found = self._flat.get(position)
        if found is None:
            index = self._indexes[position]
            self._flat[position] = WAIT
            crew.submit(
                lambda: client.ask(index, ""),
                lambda answer, error: self._flat.__setitem__(position, error or answer),
            )
            return WAIT
        if found is WAIT or isinstance(found, BaseException):
            return found
        made = self._read(position, name, found)
        return CachedPage((), missing=True) if isinstance(made, CachedPage) and not made.digest[0] else made

    def _arrived(
        self,
        position: int,
        name: str,
        cached: CachedPage | None,
        answer: Answer | None,
        error: BaseException | None,
    ) -> None:
        """Take what an index answered, and go on asking ahead from it."""
        if answer is None:
            self._pages[position, name] = error
        elif answer.state == "same" and cached is not None:
            self._page_cache.confirm(self.keys[position], name)
            self._pages[position, name] = cached
        else:
            self._pages[position, name] = self._kept(position, name, answer) or self._read(
                position, name, answer
            )
        self._arrived_name(name)

    def _kept(self, position: int, name: str, answer: Answer) -> CachedPage | None:
        """Return the page that the second process has read and kept, None when it is to be read here."""
        if answer.warnings is None:
            return None
        page = self._page_cache.load(self.keys[position], name)
        if page is not None:
            if page.brief is not None:
                page.unfold = self._unfolder(position, name)
            self._warn(answer.warnings)
        return page

    def _read(self, position: int, name: str, answer: Answer) -> Any:
        """Return the page in an answer, or the error that it is none; what may be kept is kept."""
        made, warnings = self._made(position, name, answer)
        self._warn(warnings)
        return made

    def _made(self, position: int, name: str, answer: Answer) -> tuple[Any, list[str]]:
        """Return as ``_read``, and what is to be told of the page."""
        warnings: list[str] = []
        if answer.state == "missing":
            made = CachedPage((), missing=True, max_age_s=answer.max_age_s)
        else:
            try:
                page = self._network()[0].read(self._indexes[position], name, answer)
            except PkmError as error:
                return error, []
            warnings = page.warnings
            # A page without files may be that of a gateway between here and the index: it is asked for again.
            flat = self._indexes[position].flat
            made = CachedPage(
                page.digest,
                etag=answer.etag,
                modified=answer.modified,
                max_age_s=answer.max_age_s if page.digest[0] or flat else min(answer.max_age_s, 0),
                texts=page.texts,
            )
            if page.numbers is not None:
                size = len(page.packed)
                made.brief = Brief(page.numbers, answer.content_type, answer.url, size, page.packed)
                made.unfold = self._unfolder(position, name)
        if answer.max_age_s >= 0:
            self._page_cache.save(self.keys[position], name, made)
        return made, warnings

    def _unfolder(self, position: int, name: str) -> Callable[[CachedPage], bool]:
        """Return what makes a page that was read in brief a whole one, and says whether it could."""

        def unfold(page: CachedPage) -> bool:
            kept = self._kept_now(position, name, page)
            if kept.brief is None:
                # Another command asked for the same.
                page.become(kept)
                return True
            from pkm_env.index.client import Answer

            body = kept.unpacked() or page.unpacked()
            if body is None:
                return False
            told = Answer("page", body, content_type=kept.brief.content_type, url=kept.brief.url)
            try:
                whole = self._network()[0].read(self._indexes[position], name, told)
            except PkmError:
                return False
            if whole.digest[4] != page.digest[4]:
                return False
            page.become_whole(whole.digest, whole.texts)
            self._page_cache.save_again(self.keys[position], name, page)
            return True

        return unfold

    def _kept_now(self, position: int, name: str, page: CachedPage) -> CachedPage:
        """Return *page* as the cache has it by now, *page* itself where it has another, or none."""
        kept = self._page_cache.load(self.keys[position], name)
        return kept if kept is not None and kept.digest[4:5] == page.digest[4:5] else page

    def close(self) -> None:
        """End the second process."""
        if self._second is not None:
            self._second.close()
            self._second = None

    def _warn(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            self._reporter.warn(warning)

    def _is_refreshed(self, name: str) -> bool:
        return self._refresh is True or (self._refresh is not False and name in self._refresh)

    def whole(self, position: int, name: str, page: CachedPage) -> CachedPage:
        """Return a page with all that it says, the times of upload too."""
        if page.brief is None or (page.unfold is not None and page.unfold(page)):
            return page
        found = self._again(position, name, "the times of upload")
        return found if len(found.digest) > 1 else CachedPage(NOTHING)

    def files_again(
        self, position: int, name: str, page: CachedPage, number: int
    ) -> tuple[tuple[Any, ...], ...]:
        """Return the files of a version whose part of the cache is gone or damaged: fetched anew."""
        version = page.digest[0][number]
        found = self._kept_now(position, name, page).files_of(number)
        if found is not None:
            return found
        page = self._again(position, name, f"the list of files of {name} {version}")
        versions = page.digest[0] if page.digest else ()
        return page.files_of(versions.index(version)) or () if version in versions else ()

    def _again(self, position: int, name: str, missed: str) -> CachedPage:
        """Return a page of which a part is gone or damaged, what is *missed*: fetched anew, and read whole."""
        index = self._indexes[position]
        if self._roots[position]:
            fresh = self._network()[0].read_local(index, name)
            return CachedPage(fresh.digest, texts=fresh.texts) if fresh else CachedPage(((),))
        if self._offline:
            raise Offline(f"{index.base}{name}/", index=index.name, reason=missed)
        client = self._network()[0]
        made = self._read(position, name, client.ask(index, "" if index.flat else name))
        if isinstance(made, BaseException):
            raise made
        found: CachedPage = made
        return found
