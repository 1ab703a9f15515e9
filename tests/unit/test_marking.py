"""region(): what a program's code marks, as its home receives it."""

import asyncio
import copy
import os
import pickle
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pycarbon
from pycarbon import _marks, marking, unmarked

sys.path.append(str(Path(__file__).parents[1] / "csrc"))
import marks_files
from marks_files import ENTER, LEAVE, RESUME, TICK

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    number = _marks.attach(tmp_path)
    yield tmp_path
    _marks.detach(number)
    pycarbon.region("end").mark()  # this thread ends its rings


def said(home: Path) -> list[tuple[int, str]]:
    """What this process's only marking thread said."""
    [marks] = marks_files.marks(home).values()
    return marks


def test_a_name_has_one_region() -> None:
    step = pycarbon.region("step")
    assert pycarbon.region("step") is step and pycarbon.region("other") is not step
    assert isinstance(step, pycarbon.Region) and step.name == "step" and repr(step) == "pycarbon.region('step')"
    assert pickle.loads(pickle.dumps(step)) is step and copy.deepcopy(step) is step


@pytest.mark.parametrize("name", [None, 3, b"step", print])
def test_a_name_is_a_text(name: object) -> None:
    with pytest.raises(TypeError, match="needs a name"):
        pycarbon.region(name)  # type: ignore[arg-type]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=50) | st.just("é" * 10_000))
def test_any_text_names_a_region(name: str) -> None:
    with pycarbon.region(name):
        pass
    assert pycarbon.region(name).name == name


def test_nested_recursive_and_left_by_an_exception(home: Path) -> None:
    outer, inner = pycarbon.region("outer"), pycarbon.region("inner")
    with pytest.raises(KeyError), outer, inner, outer:
        raise KeyError
    assert said(home) == [
        (ENTER, "outer"), (ENTER, "inner"), (ENTER, "outer"), (LEAVE, "outer"), (LEAVE, "inner"), (LEAVE, "outer")
    ]  # fmt: skip


def test_mark_is_one_tick(home: Path) -> None:
    rounds = pycarbon.region("rounds")
    for _ in range(3):
        rounds.mark()
    assert said(home) == [(TICK, "rounds")] * 3


def test_a_function_is_in_the_region_while_it_runs(home: Path) -> None:
    @pycarbon.region("f")
    def f(a: int, *, b: int) -> int:
        """Adds."""
        return a + b

    assert f(1, b=2) == 3 and f.__name__ == "f" and f.__doc__ == "Adds."
    with pytest.raises(TypeError):
        f("1", b=2)  # type: ignore[arg-type]
    assert said(home) == [(ENTER, "f"), (LEAVE, "f")] * 2


def test_a_method_is_one_too(home: Path) -> None:
    class Model:
        @pycarbon.region("fit")
        def fit(self) -> "Model":
            return self

    model = Model()
    assert model.fit() is model and said(home) == [(ENTER, "fit"), (LEAVE, "fit")]


def test_a_generator_is_in_the_region_only_while_it_runs(home: Path) -> None:
    seen = []

    @pycarbon.region("g")
    def g(count: int) -> Iterator[int]:
        for i in range(count):
            seen.append((yield i))
        return "done"

    generator = g(2)
    assert next(generator) == 0
    assert generator.send("x") == 1
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "done" and seen == ["x", None]
    assert said(home) == [
        (ENTER, "g"), (LEAVE, "g"), (RESUME, "g"), (LEAVE, "g"), (RESUME, "g"), (LEAVE, "g")
    ]  # fmt: skip


def test_a_generator_gets_what_is_thrown_and_is_closed(home: Path) -> None:
    fate = []

    @pycarbon.region("g")
    def g() -> Iterator[int]:
        try:
            yield 1
        except KeyError:
            fate.append("caught")
        try:
            yield 2
        finally:
            fate.append("closed")

    generator = g()
    assert next(generator) == 1 and generator.throw(KeyError) == 2
    generator.close()
    assert fate == ["caught", "closed"]
    kinds = [kind for kind, _ in said(home)]
    assert kinds == [ENTER, LEAVE, RESUME, LEAVE, RESUME, LEAVE]


def test_coroutines_of_one_thread_do_not_cross(home: Path) -> None:
    @pycarbon.region("a")
    async def a() -> str:
        await asyncio.sleep(0)
        with pycarbon.region("inside a"):
            pass
        await asyncio.sleep(0)
        return "a"

    @pycarbon.region("b")
    async def b() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        raise KeyError("b")

    async def both() -> list[object]:
        return await asyncio.gather(a(), b(), return_exceptions=True)

    first, second = asyncio.run(both())
    assert first == "a" and isinstance(second, KeyError)
    stack = []
    marks = said(home)
    for kind, name in marks:
        if kind == LEAVE:
            assert stack.pop() == name
        else:
            stack.append(name)
    assert not stack
    assert [name for kind, name in marks if kind == ENTER] == ["a", "b", "inside a"]
    assert [name for kind, name in marks if kind == RESUME].count("b") == 3


def test_an_asynchronous_generator_likewise(home: Path) -> None:
    closed = []

    @pycarbon.region("numbers")
    async def numbers(count: int):
        try:
            for i in range(count):
                await asyncio.sleep(0)
                yield i
        finally:
            closed.append(True)

    async def use() -> list[int]:
        found = [i async for i in numbers(3)]
        cut = numbers(3)
        assert await cut.__anext__() == 0
        await cut.aclose()
        return found

    assert asyncio.run(use()) == [0, 1, 2] and closed == [True, True]
    marks = said(home)
    assert [kind for kind, _ in marks].count(ENTER) == 2
    assert [kind for kind, _ in marks][1::2] == [LEAVE] * (len(marks) // 2)


def test_cancelling_a_coroutine_leaves_its_region(home: Path) -> None:
    @pycarbon.region("waits")
    async def waits() -> None:
        await asyncio.sleep(100)

    async def cancel() -> None:
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert [kind for kind, _ in said(home)] == [ENTER, LEAVE, RESUME, LEAVE]


def test_one_region_from_many_threads(home: Path) -> None:
    shared = pycarbon.region("shared")

    def work() -> None:
        for _ in range(500):
            with shared:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(marks) for marks in marks_files.marks(home).values()] == [1000] * 4


def test_regions_beyond_the_quick_ones_mark_all_the_same(home: Path) -> None:
    many = [pycarbon.region(f"one of many {i}") for i in range(marking.MOST_QUICK + 2)]
    for each in (many[0], many[-1]):
        with each as entered:
            assert entered.name == each.name
    names = [name for _, name in said(home)]
    assert names == [many[0].name] * 2 + [many[-1].name] * 2


def test_a_forked_child_marks_for_itself(home: Path) -> None:
    step = pycarbon.region("fork")
    with step:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    assert [kind for kind, _ in said(home)] == [ENTER, LEAVE]


def test_a_region_keeps_no_descriptor(home: Path) -> None:
    before = len(list(DESCRIPTORS.iterdir()))
    for name in ("first", "second"):
        with pycarbon.region(f"no descriptor {name}"):
            assert len(list(DESCRIPTORS.iterdir())) == before
    assert len(said(home)) == 4 and len(list(DESCRIPTORS.iterdir())) == before


def test_without_descriptors_a_region_says_that_it_is_not_heard(home: Path) -> None:
    # GIVEN a program that has none left
    step = pycarbon.region("not heard")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    # WHEN it marks THEN that is all that is to be seen of it
    try:
        with step:
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [path.name.split("-")[0] for path in home.iterdir()] == ["lost"]


def test_the_header_is_where_get_include_says() -> None:
    assert (Path(pycarbon.get_include()) / "pycarbon.h").is_file()


@pytest.mark.parametrize("mark", [unmarked.Mark("nothing"), unmarked.SynchronisedMark("nothing", pytest.fail)])
def test_without_the_compiled_core_a_region_does_nothing(mark: unmarked.Mark) -> None:
    region = marking.Region(mark)
    with region:
        region.mark()
        region.resume()

    @region
    def f() -> int:
        return 7

    assert f() == 7
