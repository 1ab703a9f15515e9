"""region(): name a piece of code, so that a recording says what it costs."""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar, cast

try:
    from pycarbon._marks import Mark, SynchronisedMark
except ImportError:  # no compiled core here: the code runs, and nobody marks it
    from pycarbon.unmarked import Mark, SynchronisedMark  # type: ignore[assignment]

Function = TypeVar("Function", bound=Callable[..., Any])

MOST_QUICK = 1024
"""So many regions have a type of their own, of about a kilobyte."""

_regions: dict[str | tuple[str, str], Region] = {}
_making = threading.Lock()


def region(name: str, *, sync: Literal["cuda"] | None = None) -> Region:
    """Give the region of this name: made once, then entered from any thread, any number of times.

        step = pycarbon.region("step")
        for batch in batches:
            with step:
                train(batch)

    Also a decorator of functions, generators and coroutines, each call of which is then one of the region. Outside
    a recording it does nothing and costs next to nothing. Regions nest; a region that is entered again within itself
    goes on, and counts one more call.

    `sync="cuda"` waits, before each of its marks, for what the current device was given to do: what was queued before
    is not in the region, and what is queued in it is. Without a recording, or where the program does not use CUDA,
    nothing is waited for. With and without it are two objects that mark one label; where they are mixed the label's
    time holds the device's work only of those that wait. Not for code of which a CUDA graph is being captured, other
    than by torch.
    """
    if not isinstance(name, str):
        raise TypeError(
            f'region() needs a name, also as a decorator: write @pycarbon.region("step"), not {name!r:.80}'
        )
    key = name if sync is None else (name, sync)
    found = _regions.get(key)
    if found is None:
        with _making:
            found = _regions.get(key)
            if found is None:
                mark = Mark(name) if sync is None else _synchronised(name, sync)
                kind = _quick_type(mark) if len(_regions) < MOST_QUICK else Region
                found = _regions[key] = kind(mark, sync)
    return found


def _synchronised(name: str, sync: str) -> Mark:
    if sync != "cuda":
        raise ValueError(f'region() can wait for sync="cuda" only, not {sync!r:.80}')
    from pycarbon import cuda

    return SynchronisedMark(name, cuda.synchronise)


def _quick_type(mark: Mark) -> type[Region]:
    """Make a region's own type: `with` finds its functions there already bound, and saves half of its time."""
    return type("Region", (Region,), {"__slots__": (), "__enter__": mark.__enter__, "__exit__": mark.__exit__})


def get_include() -> str:
    """Give the folder of pycarbon.h, with which native code names its regions."""
    return str(Path(__file__).with_name("include"))


class Region:
    """A named piece of code, made by region(): a context manager, a decorator, and mark() for the rounds of a loop.

    `mark()` ends the call that the latest mark() began, if that is the innermost region, and begins the next; the
    last one ends with the region around it. `resume()` enters again what was left for a while: the same call goes on.
    """

    __slots__ = ("_mark", "mark", "name", "resume", "sync")

    def __init__(self, mark: Mark, sync: Literal["cuda"] | None = None) -> None:
        """Wrap the marks of this name; `sync` is what they wait for."""
        self._mark = mark
        self.sync = sync
        self.name = mark.name
        self.mark = mark.mark
        self.resume = mark.resume

    def __enter__(self) -> Region:
        """Enter the region."""
        self._mark.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it; an exception passes through."""
        self._mark.__exit__(kind, error, trace)

    def __call__(self, function: Function) -> Function:
        """Make each call of a function one call of the region.

        A generator or coroutine is in the region only while it runs, not while it waits to be resumed.
        """
        import inspect

        wrapped: Any
        if inspect.iscoroutinefunction(function):

            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                return await _Steps(self, function(*args, **kwargs))

        elif inspect.isasyncgenfunction(function):

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                return _asynchronous_steps(self, function(*args, **kwargs))

        elif inspect.isgeneratorfunction(function):

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                return (yield from _steps(self, function(*args, **kwargs), self.__enter__))

        else:

            def wrapped(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return function(*args, **kwargs)

        return cast(Function, functools.wraps(function)(wrapped))

    def __reduce__(self) -> tuple[Any, ...]:
        """Be the region of the same name in another process."""
        return functools.partial(region, sync=self.sync), (self.name,)

    def __repr__(self) -> str:
        """Show how it was made."""
        return f"pycarbon.region({self.name!r}{'' if self.sync is None else f', sync={self.sync!r}'})"


def _steps(mark: Region, inner: Generator[Any, Any, Any], enter: Callable[[], Any]) -> Generator[Any, Any, Any]:
    """Drive a generator, in the region for each of its steps: the first is a call, the others go on with it."""
    step: Callable[[], Any] = functools.partial(inner.send, None)
    while True:
        enter()
        try:
            value = step()
        except StopIteration as end:
            return end.value
        finally:
            mark.__exit__(None, None, None)
        enter = mark.resume
        try:
            step = functools.partial(inner.send, (yield value))
        except GeneratorExit:
            mark.resume()
            try:
                inner.close()
            finally:
                mark.__exit__(None, None, None)
            raise
        except BaseException as error:
            step = functools.partial(inner.throw, error)


class _Steps:
    """An awaitable, in the region whenever it runs."""

    def __init__(self, mark: Region, inner: Awaitable[Any], goes_on: bool = False) -> None:
        self._mark, self._inner, self._goes_on = mark, inner, goes_on

    def __await__(self) -> Generator[Any, Any, Any]:
        inner: Any = self._inner.__await__()
        return _steps(self._mark, inner, self._mark.resume if self._goes_on else self._mark.__enter__)


async def _asynchronous_steps(mark: Region, inner: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    """Drive an asynchronous generator likewise."""
    goes_on = False
    step = inner.__anext__()
    while True:
        try:
            value = await _Steps(mark, step, goes_on)
        except StopAsyncIteration:
            return
        goes_on = True
        try:
            step = inner.asend((yield value))
        except GeneratorExit:
            await _Steps(mark, inner.aclose(), goes_on)
            raise
        except BaseException as error:
            step = inner.athrow(error)
