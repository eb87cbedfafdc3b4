"""What the resolves of one run have in common, made once: notebooks, knowledge, views of targets.

Nothing here depends on what one environment asks for, so that sharing it changes no answer.
"""

from __future__ import annotations

from pkm_env.resolver.fit import View
from pkm_env.resolver.knowledge import Knowledge
from pkm_env.resolver.notebook import Notebook
from pkm_env.resolver.packages import kept_of_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pkm_env.model.ports import Memory, Releases
    from pkm_env.model.target import Target
    from pkm_env.resolver.chosen import Chosen
    from pkm_env.resolver.ground import Ground
    from pkm_env.resolver.request import Pin, Request, Rules
    from pkm_env.resolver.solution import Solution


class Common:
    """One for all resolves over the same *releases*.

    ``near`` are the first solutions, by view and members: what other environments have there is most often
    much like it.
    """

    __slots__ = (
        "_chosen",
        "_kept",
        "_knowledge",
        "_memory",
        "_notebooks",
        "_releases",
        "_views",
        "near",
        "parts",
        "pins",
        "read",
        "several",
    )

    def __init__(self, releases: Releases, memory: Memory, *, several: bool = False) -> None:
        """*several*: more than one resolve is to come, so that what one chose is kept for the others."""
        self.several = several
        self._releases = releases
        self._memory = memory
        self._notebooks: dict[tuple[str, ...], Notebook] = {}
        self._knowledge: dict[tuple[int, str], Knowledge] = {}
        self._views: dict[tuple[int, int, tuple[str, ...]], View] = {}
        self._kept: dict[tuple[int, int], tuple[Any, dict[Any, Any]]] = {}
        self._chosen: dict[tuple[int, int], Chosen] = {}
        # The pins that were made, by what they are made of.
        self.pins: dict[Any, Pin] = {}
        # The views of parts of targets, by the view that was split, the classes and the cuts.
        self.parts: dict[tuple[int, tuple[int, ...], tuple[int, ...]], View] = {}
        # What ``Question`` has read.
        self.read: dict[Any, Any] = {}
        self.near: dict[tuple[int, int], Solution] = {}

    def notebook(self, request: Request) -> Notebook:
        """Return the notebook of all requests with the same targets."""
        key = keys_of(request.targets)
        found = self._notebooks.get(key)
        if found is None:
            text = " ".join((request.root_name, *(target.key for target in request.targets)))
            found = self._notebooks[key] = Notebook(self._memory, text)
        return found

    def knowledge(self, notebook: Notebook, rules: Rules) -> Knowledge:
        """Return what is known under rules that are the same but for constraints, which bound no release."""
        plain: tuple[Any, ...] = (rules.resolution, rules.no_build, rules.no_binary, rules.prereleases)
        key = (id(notebook), repr((plain, rules.overrides)))
        found = self._knowledge.get(key)
        if found is None:
            found = self._knowledge[key] = Knowledge(self._releases, notebook, rules)
        return found

    def view(self, targets: Sequence[Target], notebook: Notebook, wider: View | None = None) -> View:
        """Return the view of *targets*, which may be parts of those of the view *wider*."""
        key = (id(notebook), id(wider), keys_of(targets))
        found = self._views.get(key)
        if found is None:
            found = self._views[key] = View(targets, notebook, wider)
        return found

    def kept(self, view: View, ground: Ground) -> dict[Any, Any]:
        """Return what was chosen for targets of *view*: by all who know the same of every release, where that is said.

        Where one resolve is all there is, what is special to its ground may stand there too.
        """
        whose = ground.shared if self.several else ground
        found = self._kept.get((id(view), id(whose)))
        if found is None:
            wider = self.kept(view.wider, ground) if view.wider is not None else {}
            found = self._kept[id(view), id(whose)] = whose, kept_of_parts(wider, view, ground)
        return found[1]

    def chosen(self, view: View, ground: Ground) -> Chosen:
        """Return what was chosen for all targets of *view*, where the same is known of every release."""
        key = (id(view), id(ground.shared))
        found = self._chosen.get(key)
        if found is None:
            from pkm_env.resolver.chosen import Chosen

            found = self._chosen[key] = Chosen(view, self.pins)
        return found


def keys_of(targets: Sequence[Target]) -> tuple[str, ...]:
    """Return what tells lists of targets apart; tags of its own tell a target from its namesake."""
    return tuple([repr(target.to_plain()) if target.has_own_tags else target.key for target in targets])
