"""Index pages in HTML that are not written as usual: read by ``html.parser``.

It needs twelve times as long as the pattern in ``simple``, so it is loaded only for such pages.
"""

from __future__ import annotations

from html.parser import HTMLParser


class LinkParser(HTMLParser):
    """Collects the links of a page, its base and the version of the interface."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, dict[str, str], str]] = []
        self.base = ""
        self.version = ""
        self._open: tuple[str, dict[str, str]] | None = None
        self._shown: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, the base, or the version."""
        told = {name: value or "" for name, value in reversed(attrs)}
        if tag == "a":
            self._finish()
            if "href" in told:
                self._open = (told["href"], told)
        elif tag == "base" and not self.base:
            self.base = told.get("href", "")
        elif tag == "meta" and told.get("name", "").lower() == "pypi:repository-version":
            self.version = told.get("content", "")

    def handle_endtag(self, tag: str) -> None:
        """End the link that is open."""
        if tag == "a":
            self._finish()

    def handle_data(self, data: str) -> None:
        """Collect the text of the link that is open."""
        if self._open is not None:
            self._shown.append(data)

    def close(self) -> None:
        """End the page."""
        super().close()
        self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            self.links.append((*self._open, "".join(self._shown).strip()))
        self._open = None
        self._shown = []


def parse_links(text: str) -> tuple[str, str, list[tuple[str, dict[str, str], str]]]:
    """Return the interface's version, the base URL ("" where not given), and the links of a page.

    A link is its ``href``, its attributes and its text, character references replaced.
    """
    parser = LinkParser()
    parser.feed(text)
    parser.close()
    return parser.version, parser.base, parser.links
