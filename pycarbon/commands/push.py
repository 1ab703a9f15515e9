"""pycarbon push [RUN ...]: send run files to the team's server, or all that wait to be sent there."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pycarbon.errors import PyCarbonError

if TYPE_CHECKING:
    from pycarbon.pushing.outbox import Entry, Outbox
    from pycarbon.pushing.pusher import Done

_FEW = 3
"""So many runs are sent without a bar."""

_SAID = 10
"""So many runs that could not be sent are named one by one."""


def prepare_parser(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.epilog = (
        "examples:\n"
        "  pycarbon push                        # what waits\n"
        "  pycarbon push train.pcr 3f9a         # a file, and a run of the store by its id\n"
        "  pycarbon push --status               # what waits, and what the server did not take\n\n"
        "The server is a setting (PYCARBON_SERVER); its token is in PYCARBON_SERVER_TOKEN, or in the keyring."
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a run file, or the id of a run of the store")
    parser.add_argument("--all", action="store_true", help="all runs of the store that were not sent yet")
    parser.add_argument("--server", metavar="URL", help="the server, such as https://carbon.example.org")
    parser.add_argument("--status", action="store_true", help="send nothing, say what waits")
    parser.add_argument("--forget", action="store_true", help="no longer list runs that the server did not take")
    parser.add_argument("--json", action="store_true", help="print what became of it as JSON")
    parser.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--nice", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--for", dest="for_s", type=float, default=600.0, help=argparse.SUPPRESS)
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> int:
    """Send, and say what became of it; 1 where something was not sent."""
    from pycarbon import settings
    from pycarbon.pushing.outbox import Outbox

    try:
        chosen, complaints = settings.resolve({"server": options.server})
    except (OSError, RuntimeError) as error:
        raise PyCarbonError(f"the settings cannot be read: {error}") from None
    outbox = Outbox(chosen.data_dir.absolute())
    if options.quiet:
        return _quietly(outbox, options.nice, options.for_s)
    _say(complaints)
    if options.status or options.forget:
        if options.runs or options.all:
            options.parser.error("--status and --forget take no runs")
        return _status(outbox, forget=options.forget, as_json=options.json)
    if options.runs and options.all:
        options.parser.error("name runs, or say --all")
    try:
        return _by_hand(outbox, chosen.server, options)
    except OSError as error:
        raise PyCarbonError(f"{outbox.folder} cannot be written: {error.strerror or error}") from None


def _quietly(outbox: Outbox, nice: int, for_s: float) -> int:
    """Try what waits, where nobody looks."""
    from pycarbon.pushing import known
    from pycarbon.pushing.pusher import Pusher
    from pycarbon.pushing.upload import Limits, Uploader

    with contextlib.suppress(OSError, AttributeError):
        os.nice(nice)
    end_s = time.time() + for_s
    with Uploader(os.environ, known.servers(os.environ), Limits(end_s=end_s)) as uploader:
        Pusher(outbox, uploader.send, _finder(outbox), end_s=end_s).push()
    return 0


def _by_hand(outbox: Outbox, server: str | None, options: argparse.Namespace) -> int:
    from pycarbon.pushing import known
    from pycarbon.pushing.pusher import Pusher
    from pycarbon.pushing.upload import Uploader

    servers = known.servers(os.environ)
    if options.server is not None and server is not None:
        servers.add(server)
    with Uploader(os.environ, servers) as uploader:
        only = None
        if options.runs or options.all:
            if server is None:
                raise PyCarbonError("no server is named: set PYCARBON_SERVER, or say --server https://...")
            why_not = uploader.why_not(server)
            if why_not is not None:
                raise PyCarbonError(why_not)
            only = _queue(outbox, server, options.runs, options.all)
        if options.server is not None and server is not None:
            _remember(server)
        if outbox.is_claimed():
            _say(["another push is at work: waiting for it to end"])
        with _progress() as report:
            pusher = Pusher(outbox, uploader.send, _finder(outbox), by_hand=True, report=report)
            done = pusher.push(only, server if options.server is not None else None)
    return _told(done, options.json, 0 if only is None else len(only))


def _queue(outbox: Outbox, server: str, names: Sequence[str], everything: bool) -> set[str]:
    """Have runs wait, so that a push that fails is made up for later; give their entries' names."""
    from pycarbon.pushing.outbox import Entry

    now_s = time.time()
    runs = _all(outbox, server) if everything else (_found(name, outbox.folder.parent) for name in names)
    queued = set()
    for run_id, path in runs:
        entry = Entry(run_id, str(path), server, now_s)
        outbox.put(entry)
        queued.add(entry.name)
    return queued


def _found(name: str, data_dir: Path) -> tuple[str, Path]:
    """Give the id and the file of a run that somebody named."""
    from pycarbon.pushing import whole

    path = Path(name).absolute()
    if not path.exists():
        from pycarbon.home import home_of
        from pycarbon.store.index import Store

        if home_of(path).is_dir():
            raise PyCarbonError(f"{name} is still being recorded, or was cut off: `pycarbon repair {name}` if so")
        if os.sep in name or not data_dir.is_dir():
            raise PyCarbonError(f"there is no file {name}")
        with contextlib.closing(Store(data_dir)) as store:
            store.refresh()
            path = store.path_of(store.run(name)).absolute()
    try:
        return whole.run_id(path), path
    except OSError as error:
        raise PyCarbonError(f"{path} cannot be read: {error.strerror}") from None


def _all(outbox: Outbox, server: str) -> Iterator[tuple[str, Path]]:
    """Give the runs of the store that a server was not sent yet, in the order of time."""
    from pycarbon.pushing.outbox import is_id
    from pycarbon.store.index import Store

    if not outbox.folder.parent.is_dir():
        return
    sent = outbox.sent(server)
    with contextlib.closing(Store(outbox.folder.parent)) as store:
        store.refresh()
        offset, step = 0, 1000
        while listed := store.runs(descending=False, limit=step, offset=offset):
            offset += step
            for one in listed:
                if not one.source and is_id(one.summary.id) and one.summary.id not in sent:
                    yield one.summary.id, store.path_of(one).absolute()


def _finder(outbox: Outbox) -> Callable[[str], Path | None]:
    """Look into the store's index for a run whose file was moved."""

    def find(run_id: str) -> Path | None:
        from pycarbon.store.index import Store

        try:
            with contextlib.closing(Store(outbox.folder.parent)) as store:
                path = store.path_of(store.run(run_id))
        except (PyCarbonError, OSError):
            return None
        return path if path.is_file() else None

    return find


def _remember(server: str) -> None:
    from pycarbon.pushing import known

    try:
        known.remember(server, os.environ)
    except OSError as error:
        _say([f"that {server} may have your runs cannot be noted, say it again next time: {error.strerror}"])


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Done, int], None]]:
    """Show a bar on a terminal where there is much to send."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, left: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        tasks: list[Any] = []

        def report(done: Done, left: int) -> None:
            if not tasks and left >= _FEW:
                tasks.append(shown.add_task("sending", total=left + 1))
            if tasks:
                shown.advance(tasks[0])

        yield report


def _told(done: list[Done], as_json: bool, asked: int) -> int:
    """Say what became of it: sent and not, with reasons."""
    failed = [one for one in done if one.fate != "sent"]
    if as_json:
        print(json.dumps({"runs": [{"fate": one.fate, **_shown(one.entry)} for one in done]}, indent=2))
    else:
        sent = len(done) - len(failed)
        if sent:
            servers = ", ".join(sorted({one.entry.server for one in done if one.fate == "sent"}))
            print(f"sent {_runs(sent)} to {servers}")
        elif not done:
            print("nothing waits to be sent" if not asked else "already sent by another push")
        _say(sorted({f"{one.entry.path} is there: {one.entry.answer}" for one in done if _is_odd(one)})[:_SAID])
        by_reason: dict[tuple[str, str], list[Entry]] = {}
        for one in failed:
            by_reason.setdefault((one.fate, one.entry.answer), []).append(one.entry)
        for (fate, answer), entries in list(by_reason.items())[:_SAID]:
            what = {"waiting": "waits" if len(entries) == 1 else "wait", "gone": "dropped"}.get(fate, fate)
            named = entries[0].path if len(entries) == 1 else _runs(len(entries))
            _say([f"{named} {what}: {answer}"])
        if len(by_reason) > _SAID:
            _say([f"and {len(by_reason) - _SAID} more: pycarbon push --status"])
    return 1 if failed else 0


def _is_odd(one: Done) -> bool:
    """Whether the server took a run and has something to say about it."""
    return one.fate == "sent" and one.entry.answer not in ("stored", "already here")


def _status(outbox: Outbox, *, forget: bool, as_json: bool) -> int:
    """Say what waits, and what was not taken; with `forget` the latter is not listed again."""
    entries, odd = outbox.look()
    pauses = outbox.pauses()
    if as_json:
        shown = {
            "runs": [{"fate": "refused" if entry.refused else "waiting", **_shown(entry)} for entry in entries],
            "servers": {server: asdict(pause) for server, pause in pauses.items()},
            "unreadable": odd,
        }
        print(json.dumps(shown, indent=2))
    else:
        waiting = [entry for entry in entries if not entry.refused]
        servers = sorted({entry.server for entry in waiting})
        for server in servers:
            count = sum(entry.server == server for entry in waiting)
            print(f"{_runs(count)} to be sent to {server}{_why(pauses.get(server))}")
        for entry in waiting:
            if entry.answer and entry.server not in pauses:
                print(f"  {entry.path}: {entry.answer}; tried {entry.tries} times{_until(entry.next_s)}")
        for entry in entries:
            if entry.refused:
                print(f"not taken: {entry.path}: {entry.answer}")
        _say([f"{outbox.folder / name} is no entry that this version can read" for name in odd])
        if not entries:
            print("nothing waits to be sent")
    if forget:
        for entry in entries:
            if entry.refused:
                outbox.drop(entry)
    return 0


def _why(pause: Any) -> str:
    return "" if pause is None else f": {pause.answer}{_until(pause.until_s)}"


def _until(moment_s: float) -> str:
    minutes = (moment_s - time.time()) / 60
    return f"; again in {minutes:.0f} min at the earliest" if 0.5 <= minutes < 1e6 else ""


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _shown(entry: Entry) -> dict[str, Any]:
    members = asdict(entry)
    del members["refused"]
    return members


def _say(lines: Sequence[str]) -> None:
    from pycarbon.reports.figures import printable

    if sys.stderr is not None:
        for line in lines:
            print(f"pycarbon: {printable(line)}", file=sys.stderr)
