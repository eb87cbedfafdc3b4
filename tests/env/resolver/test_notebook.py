"""What a resolve keeps for the next one, and that it changes no answer."""

from __future__ import annotations

from pkm_env.model.interpreter import Interpreter
from pkm_env.model.ports import Listing
from pkm_env.model.target import make_target, target_of_interpreter
from pkm_env.resolver.notebook import KIND, Notebook
from pkm_env.resolver.resolve import Request, Root, resolve
from tests.support.resolving import origin
from tests.support.universe import Universe

TARGETS = (make_target("3.11", "linux-x86_64"), make_target("3.12", "windows-x86_64"))
WORLD = {
    "a": {"1": ["b>=1; sys_platform == 'win32'", "c; extra == 'x'", "d; os_name == 'nt' or extra == 'y'"]},
    "b": {"1": {"tags": ("cp312-cp312-win_amd64", "cp311-cp311-manylinux_2_17_x86_64")}, "2": []},
    "c": {"1": {"requires_python": ">=3.9.2"}},
    "d": {"1": []},
}


class Shelf:
    """A memory in a dict; ``written`` counts what was kept."""

    def __init__(self) -> None:
        self.kept = {}
        self.written = 0

    def recall(self, kind, key):
        return self.kept.get((kind, key))

    def remember(self, kind, key, value):
        self.kept[kind, key] = value
        self.written += 1


def solve(memory, world=WORLD, targets=TARGETS):
    request = Request([Root("a[x]", origin(0))], targets, root_name="shop")
    return [
        {name: pin.identity for name, pin in outcome.pins.items()}
        for outcome in resolve(request, Universe(world), memory)
    ]


def test_a_second_run_has_the_same_answer_and_writes_nothing():
    shelf = Shelf()
    first = solve(shelf)
    assert solve(shelf) == first
    assert shelf.written == 1


def test_what_is_kept_is_used():
    shelf = Shelf()
    solve(shelf)
    ((_key, (_format, pages)),) = shelf.kept.items()
    assert "b>=1; sys_platform == 'win32'" in pages["requirements"]
    assert pages["masks"]["b"] == {">=1": 0b11}
    assert pages["extras"] == {"extra == 'x'": "x", "os_name == 'nt' or extra == 'y'": "*"}


def test_what_a_run_adds_stands_beside_what_others_use():
    shelf = Shelf()
    first = solve(shelf)
    solve(shelf, {"a": {"1": ["e<2"]}, "e": {"1": []}})
    ((_key, (_format, pages)),) = shelf.kept.items()
    assert {"e<2", "c; extra == 'x'"} <= set(pages["requirements"])
    assert shelf.written == 2
    assert solve(shelf) == first
    assert shelf.written == 2


def test_what_was_not_used_is_left_out_when_it_is_much():
    shelf = Shelf()
    solve(shelf, {"a": {"1": [f"b!={number}" for number in range(200)]}, "b": {"999": []}})
    solve(shelf, {"a": {"1": ["e<2"]}, "e": {"1": []}})
    ((_key, (_format, pages)),) = shelf.kept.items()
    assert list(pages["requirements"]) == ["e<2"]


def test_a_notebook_of_another_form_is_not_read():
    shelf = Shelf()
    shelf.remember(KIND, "x", ("another", {}))
    notebook = Notebook(shelf, "x")
    assert notebook.page("requirements").find("a") is None
    notebook.page("requirements").keep("a", 1)
    assert notebook.page("requirements").find("a") == 1


def test_a_listing_without_a_digest_is_not_kept():
    class Undigested(Universe):
        def listing(self, name):
            found = super().listing(name)
            return Listing(name, found.versions, found.signatures)

    shelf = Shelf()
    resolve(Request([Root("b>=1", origin(0))], TARGETS), Undigested(WORLD), shelf)
    assert shelf.kept == {}


def test_the_tags_of_an_interpreter_are_part_of_the_question():
    plain = make_target("3.11", "linux-x86_64")
    probed = Interpreter(
        "/python",
        "3.11.9",
        "cpython",
        platform="linux-x86_64-glibc2.36",
        base="/",
        base_executable="/python",
        markers=dict(plain.markers, python_full_version="3.11.9"),
        tags=("py3-none-any",),
        paths={},
    )
    shelf = Shelf()
    world = dict(WORLD, a={"1": ["b"]}, b={"1": [], "2": {"tags": "cp311-cp311-manylinux_2_17_x86_64"}})
    ((_name, pure),) = [
        (name, pin)
        for name, pin in solve(shelf, world, (target_of_interpreter(probed),))[0].items()
        if name == "b"
    ]
    assert pure[1] == "1"
    assert solve(shelf, world, (plain,))[0]["b"][1] == "2"
