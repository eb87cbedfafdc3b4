"""IndexSpec: an index as it is configured."""

from __future__ import annotations

from pkm_env.index.urls import split_credentials


class IndexSpec:
    """One configured index.

    ``url`` is an address (credentials in it are kept in ``userinfo``, and ``url`` is without them) or
    a folder: an absolute path or a ``file:`` URL. ``flat``: one page or folder has
    all names, not a page for each. ``explicit``: only for the names that are bound to it.
    ``default``: the one that stands last; ``alias`` is then what the project calls its default index, where
    that is replaced by another address: what the project binds to that name is asked here.
    ``from_pip``: it comes from pip's configuration.
    ``origin`` says where it is configured ("pyproject.toml:30:1", "PKM_INDEX_URL").
    """

    __slots__ = ("alias", "default", "explicit", "flat", "from_pip", "name", "origin", "url", "userinfo")

    def __init__(
        self,
        name: str,
        url: str,
        *,
        flat: bool = False,
        explicit: bool = False,
        origin: str = "",
        default: bool = False,
        from_pip: bool = False,
        alias: str = "",
    ) -> None:
        self.name = name
        self.url, self.userinfo = split_credentials(url)
        self.flat = flat
        self.explicit = explicit
        self.origin = origin
        self.default = default
        self.from_pip = from_pip
        self.alias = alias

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called."""
        return (self.name, self.alias) if self.alias else (self.name,)

    @property
    def format(self) -> str:
        """What the configuration calls it."""
        return "flat" if self.flat else "simple"

    @property
    def base(self) -> str:
        """The address with a slash at its end: what the names of packages are put after."""
        return self.url if self.url.endswith("/") else f"{self.url}/"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexSpec) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.name, self.url))

    def __repr__(self) -> str:
        return f"IndexSpec({self.name!r}, {self.url!r})"
