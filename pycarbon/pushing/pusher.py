"""Sending what waits: each run once in a push, a server that fails left alone for a while, nothing lost on the way.

Roles: one Pusher works at a time on an outbox, since it holds the lock; others may add entries at any moment.
Invariant: an entry is changed before its run is sent and after the server has answered, and removed only when the
server has the run; so whatever kills a pusher, the next one finds what it did not finish, and asks the server again.
Hazard: who adds an entry and finds the lock taken starts no pusher: so the holder looks once more when it let go.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pycarbon.errors import RunFileError
from pycarbon.pushing import whole
from pycarbon.pushing.outbox import Entry, Outbox, Pause
from pycarbon.pushing.upload import Told

FIRST_S, LONGEST_S = 60.0, 6 * 3600.0
"""How long a run or a server is left alone after its first failed try, doubled with each; and how long at most."""

MOST_ASKED_S = 24 * 3600.0
"""A server that wants to be left alone for longer is tried again then."""

IN_A_ROW = 3
"""After so many failures that seemed to be of one run only they seem to be of the server."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a push came to for one entry, as it is now. `gone`: its file is no more, and the entry neither."""

    entry: Entry
    fate: Literal["sent", "refused", "waiting", "gone"]


@dataclass(frozen=True, slots=True)
class Clocks:
    """The time since 1970 and the chance that a pusher uses; `uniform` is from 0 to 1."""

    now_s: Callable[[], float] = time.time
    uniform: Callable[[], float] = random.random


class Pusher:
    """One push."""

    def __init__(
        self,
        outbox: Outbox,
        send: Callable[[str, str, Path], Told],
        find: Callable[[str], Path | None],
        *,
        by_hand: bool = False,
        end_s: float = float("inf"),
        report: Callable[[Done, int], None] = lambda done, left: None,
        clocks: Clocks = Clocks(),
    ) -> None:
        """`send` takes a server, a run's id and its file; `find` looks for a run whose file is not where it was.

        `by_hand`: somebody is waiting for it, so no run and no server is left alone because it failed before. No run
        is begun after `end_s`. `report` is told what each came to, and how many are left.
        """
        self._outbox = outbox
        self._send = send
        self._find = find
        self._by_hand = by_hand
        self._end_s = end_s
        self._report = report
        self._clocks = clocks
        self._tried: set[str] = set()
        self._silent: dict[str, str] = {}
        self._in_a_row: Counter[str] = Counter()

    def push(self, only: Collection[str] | None = None, server: str | None = None) -> list[Done]:
        """Try what waits, or of that `only` entries of such names, or those for one server.

        By hand it waits for another push to end; else that one is left to do it all.
        """
        done: list[Done] = []
        while self._due(only, server):
            with self._outbox.claimed(wait=self._by_hand) as claimed:
                if not claimed:
                    return done
                while due := self._due(only, server):
                    for number, entry in enumerate(due):
                        if (found := self._try(entry)) is not None:
                            done.append(found)
                            self._report(found, len(due) - number - 1)
        return done

    def _due(self, only: Collection[str] | None, server: str | None) -> list[Entry]:
        """Give what is to be tried now: what was tried least first, and of that what has waited longest."""
        now_s = self._clocks.now_s()
        if now_s >= self._end_s:
            return []
        pauses = {} if self._by_hand else self._outbox.pauses()
        due = [
            entry
            for entry in self._outbox.entries()
            if entry.name not in self._tried
            and (only is None or entry.name in only)
            and (server is None or entry.server == server)
            and (not entry.refused or (self._by_hand and not Path(entry.path).exists()))
            and (self._by_hand or _past(entry.next_s, now_s))
            and not (entry.server in pauses and not _past(pauses[entry.server].until_s, now_s))
        ]
        # A run at which its server breaks comes last, next time.
        return sorted(due, key=lambda entry: entry.tries)

    def _try(self, entry: Entry) -> Done | None:
        """Try one; None where another push has seen to it, or there is no time left."""
        if self._clocks.now_s() >= self._end_s:
            return None
        self._tried.add(entry.name)
        if self._outbox.get(entry) is None:
            return None
        if entry.server in self._silent:
            return Done(replace(entry, answer=self._silent[entry.server]), "waiting")
        # Noted before it is done, so that a try that kills the pusher counts, too.
        entry = replace(entry, tries=entry.tries + 1, next_s=self._next_s(entry.tries + 1))
        self._outbox.put(entry)
        try:
            path = self._path_of(entry)
            if path is None:
                return self._gone(entry)
            told = self._send(entry.server, entry.id, path)
        except RunFileError as error:
            told = Told("refused", str(error))
        except OSError as error:
            told = Told("again", f"{entry.path} cannot be read: {error.strerror or error}")
        return self._settle(entry, told)

    def _path_of(self, entry: Entry) -> Path | None:
        """Give the file that holds the run now: where it was, set aside by a later run of that name, or moved."""
        path = Path(entry.path)
        damaged: RunFileError | None = None
        for candidate in (path, path.with_name(f"{path.name}.old")):
            try:
                if whole.run_id(candidate) == entry.id:
                    return candidate
            except (FileNotFoundError, NotADirectoryError):
                continue
            except RunFileError as error:
                damaged = damaged or error
        found = self._find(entry.id)
        if found is not None and whole.run_id(found) == entry.id:
            return found
        if damaged is not None:
            raise damaged
        return None

    def _gone(self, entry: Entry) -> Done:
        """A run without a file: who waits is told, and the entry goes; else it stays until somebody is told."""
        entry = replace(entry, refused=True, answer=f"{entry.path} is no more, or holds another run")
        if self._by_hand:
            self._outbox.drop(entry)
        else:
            self._outbox.put(entry)
        return Done(entry, "gone")

    def _settle(self, entry: Entry, told: Told) -> Done:
        now_s = self._clocks.now_s()
        after_s = min(told.after_s, MOST_ASKED_S)
        entry = replace(entry, answer=told.line, next_s=max(entry.next_s, now_s + after_s))
        if told.fate != "again":
            self._in_a_row[entry.server] = 0
        if told.fate == "sent":
            with suppress(OSError):  # a full disk; the server answers a second time that the run is there
                self._outbox.note_sent(entry)
            self._outbox.drop(entry)
            self._outbox.pause(entry.server, None)
            return Done(entry, "sent")
        if told.fate == "refused":
            self._outbox.put(replace(entry, refused=True))
            return Done(entry, "refused")
        self._outbox.put(entry)
        if told.fate == "again":
            self._in_a_row[entry.server] += 1
            if self._in_a_row[entry.server] >= IN_A_ROW:
                self._silent[entry.server] = told.line
        else:
            self._silent[entry.server] = told.line
            before = self._outbox.pauses().get(entry.server)
            # Whoever does what is asked of them shall not wait for long.
            tries = 1 if before is None or told.fate == "stopped" else before.tries + 1
            until_s = max(self._next_s(tries), now_s + after_s)
            self._outbox.pause(entry.server, Pause(until_s, tries, told.line, told.fate == "stopped"))
        return Done(entry, "waiting")

    def _next_s(self, tries: int) -> float:
        """Say when to try again after so many failures: twice as late each time, give or take half by chance."""
        wait_s = min(FIRST_S * 2.0 ** min(tries - 1, 30), LONGEST_S)
        return self._clocks.now_s() + wait_s * (0.5 + self._clocks.uniform())


def _past(moment_s: float, now_s: float) -> bool:
    """Whether a moment has come; one further ahead than any was noted by a clock that has since been set back."""
    return moment_s <= now_s or moment_s > now_s + max(MOST_ASKED_S, 1.5 * LONGEST_S)
