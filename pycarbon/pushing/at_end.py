"""What becomes of a run that has ended where there is a server: it is queued, and a process of its own sends it.

    recording --entry--> outbox --> `pycarbon push --quiet`, which nobody waits for

That process has its own session and none of our descriptors, and what happens to it stays its own business. A
program that makes many recordings starts one a minute at most, and one at its end; within another recording none is
started, for it would count as that one's: the outer recording does it when it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycarbon.notices import notice
from pycarbon.pushing import known
from pycarbon.pushing.outbox import Entry, Outbox
from pycarbon.settings import Settings, user_config_path

APART_S = 60.0
"""So far apart are the starts of two senders by one program that goes on."""

LONGEST_WAIT_S = 60.0
"""So long is a run waited for that is sent before its recording is over."""

_SENDER = ["-m", "pycarbon", "push", "--quiet"]
_OURS = ("PYCARBON_RUN", "PYCARBON_LIVE")


@dataclass(frozen=True, slots=True)
class Sending:
    """Where a recording's run shall go. `named`: by its user, and not only by a file that may be anybody's.

    `inside`: it is part of another recording.
    """

    server: str
    wait: bool
    data_dir: Path
    named: bool
    inside: bool


def planned(chosen: Settings, inside: bool) -> Sending | None:
    """Say where a run shall be sent when it has ended; None where nowhere."""
    if chosen.server is None or chosen.push == "off":
        return None
    theirs = ("argument", "environment", str(user_config_path(os.environ)))
    named = chosen.layers["server"] in theirs or chosen.server in known.servers(os.environ)
    return Sending(chosen.server, chosen.push == "wait", chosen.data_dir.absolute(), named, inside)


def ended(sending: Sending, run_id: str, path: Path | None) -> list[str]:
    """Queue a run that has ended, send it if that is waited for, and say what its user should know. Never raises."""
    wait = sending.wait and not sending.inside
    return [*queue(sending, run_id, path), *(send(sending, at_once=True) if wait else [])]


def leave(sending: Sending, *, at_once: bool) -> list[str]:
    """Have what was queued sent by a process that nobody waits for; as `ended`.

    Without `at_once` the program goes on, and may make many more recordings: see APART_S.
    """
    return [] if sending.wait or sending.inside else send(sending, at_once=at_once)


def queue(sending: Sending, run_id: str, path: Path | None) -> list[str]:
    """Have a run wait for the sender, and say what its user should know of it; never raises."""
    if path is None:  # in memory only, and a note says so
        return []
    outbox = Outbox(sending.data_dir)
    try:
        outbox.put(Entry(run_id, str(path.absolute()), sending.server, time.time()))
    except Exception as error:
        why = getattr(error, "strerror", None) or error
        return [
            f"the run does not wait to be sent to {sending.server}, for {outbox.folder} cannot be written ({why}); "
            f"`pycarbon push {path}` sends it"
        ]
    if not sending.named:
        return [
            f"the run waits: {sending.server} is named only by a file that anybody may have written; "
            f"type `pycarbon push --server {sending.server}` once if your runs and your token shall go there"
        ]
    stopped = outbox.pauses().get(sending.server)
    return [f"runs wait to be sent: {stopped.answer}"] if stopped is not None and stopped.stopped else []


def send(sending: Sending, *, at_once: bool) -> list[str]:
    """Start a sender unless one is at work; never raises."""
    global _started
    try:
        pid, before_s = _started
        now_s = time.monotonic()
        if not at_once and pid == os.getpid() and now_s - before_s < APART_S:
            _waiting[sending.data_dir] = sending
            return []
        _started = os.getpid(), now_s
        _waiting.pop(sending.data_dir, None)
        if not sending.named or Outbox(sending.data_dir).is_claimed():
            return []
        return _start(sending)
    except Exception as error:
        return [f"the run waits to be sent, no sender could be started: {error}"]


_started = (0, 0.0)
"""The process that started a sender last, and when."""

_waiting: dict[Path, Sending] = {}
"""What the program's end shall start a sender for."""


@atexit.register
def _at_exit() -> None:
    for sending in list(_waiting.values()):
        for line in send(sending, at_once=True):
            notice(line)


def _forget() -> None:
    _waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _start(sending: Sending) -> list[str]:
    python = _interpreter()
    if python is None or not hasattr(os, "posix_spawn"):
        return ["the run waits to be sent: this program cannot start a sender, `pycarbon push` is one"]
    # What is process 1 takes all others with it when it ends, and so does a container.
    wait = sending.wait or os.getpid() == 1
    manner = ["--for", f"{LONGEST_WAIT_S:.0f}"] if wait else ["--nice", "19"]
    # The shell leaves the folder, so that it can be unmounted, and leaves its child to process 1: the program that
    # records may wait for any child, and shall find none but its own.
    script = 'cd / && exec "$0" "$@"' if wait else 'cd / && { "$0" "$@" & }'
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    actions += [(os.POSIX_SPAWN_CLOSE, number) for number in _descriptors() if number > 2]
    process = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", script, python, *_SENDER, *manner],
        _environment(sending),
        file_actions=actions,
        setsid=not wait,  # whoever waits ends it by Ctrl-C, with all else that the terminal runs
        setsigmask=[],
        setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
    )
    with contextlib.suppress(ChildProcessError):  # the program ignores its children, or was quicker
        os.waitpid(process, 0)
    left = [entry for entry in Outbox(sending.data_dir).entries() if entry.server == sending.server] if wait else []
    if not left:
        return []
    runs = "a run waits" if len(left) == 1 else f"{len(left)} runs wait"
    return [f"{runs} to be sent: {left[-1].answer or 'another push is at work'}"]


def _interpreter() -> str | None:
    """Say what runs Python here; not always the program that we are in, which may have Python built in."""
    for name in (sys.executable or "", f"{sys.exec_prefix}/bin/python3"):
        if Path(name).name.startswith(("python", "pypy")) and os.access(name, os.X_OK):
            return name
    return None


def _descriptors() -> list[int]:
    try:
        return [int(path.name) for path in Path("/dev/fd").iterdir()]
    except OSError:
        return list(range(256))


def _environment(sending: Sending) -> Mapping[str, str]:
    """The program's environment, as one finds it who stands in another folder and is no part of a recording."""
    environ = {name: value for name, value in os.environ.items() if name not in _OURS}
    environ["PYCARBON_DATA_DIR"] = str(sending.data_dir)
    if environ.get("PYTHONPATH"):
        environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, environ["PYTHONPATH"].split(os.pathsep)))
    return environ
