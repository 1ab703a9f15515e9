"""The tables of the index, and the triggers that keep its sums: one transaction changes a run and every sum it is in.

    runs --triggers--> one table of sums for each of KEYS, in whole µJ, ng and ms: exact in any order
    tags --triggers--> tag_runs                      how many runs of a project have a tag
    refused, folders, sources, state

The index holds nothing that is not in the files (but the names of sources): it may be deleted at any time.
"""

from __future__ import annotations

from pycarbon.store.summary import RunSummary

VERSION = 1
"""Raise it whenever a table changes: an older index is then made anew from the files."""

APPLICATION_ID = 0x50435249  # "PCRI"

OF_RUN = tuple(name for name in RunSummary.__slots__ if name != "tags")
OF_FILE = ("source", "path", "size_bytes", "mtime_ns")

KEYS = {
    "months_of_machines": ("month", "kind", "zone", "machine", "device"),
    "months_of_projects": ("project", "organisation", "month", "kind"),
    "months_of_both": ("project", "organisation", "month", "kind", "zone", "machine", "device"),
    "months_of_experiments": ("project", "experiment", "organisation", "month", "kind", "zone", "machine", "device"),
    "days_of_machines": ("day", "kind", "zone", "machine", "device"),
    "days_of_projects": ("day", "project", "organisation", "kind"),
}
"""What sums are kept by, small tables first: a question is answered from the first one that knows all it is about."""

_MS, _MICRO, _NANO = 1e3, 1e6, 1e9


def _whole(value: str, scale: float) -> str:
    return f"CAST(round(ifnull({value}, 0) * {scale:.0f}) AS INTEGER)"


_IS_MEASURED = "{r}kind = 'measured'"
_UNSURE = "{r}energy_j IS NOT NULL AND ({r}low_j IS NULL OR {r}high_j IS NULL)"
ADDED = {
    "runs": ("1", 1),
    "duration_s": (_whole("{r}duration_s", _MS), _MS),
    "energy_j": (_whole("{r}energy_j", _MICRO), _MICRO),
    "low_j": (_whole("ifnull({r}low_j, {r}energy_j)", _MICRO), _MICRO),
    "high_j": (_whole("ifnull({r}high_j, {r}energy_j)", _MICRO), _MICRO),
    "measured_j": (_whole(f"CASE WHEN {_IS_MEASURED} THEN {{r}}energy_j END", _MICRO), _MICRO),
    "process_j": (_whole("{r}process_j", _MICRO), _MICRO),
    "co2e_g": (_whole("{r}co2e_g", _NANO), _NANO),
    "low_g": (_whole("ifnull({r}low_g, {r}co2e_g)", _NANO), _NANO),
    "high_g": (_whole("ifnull({r}high_g, {r}co2e_g)", _NANO), _NANO),
    "measured_g": (_whole(f"CASE WHEN {_IS_MEASURED} THEN {{r}}co2e_g END", _NANO), _NANO),
    "unknown": ("({r}energy_j IS NULL)", 1),
    "without_interval": (f"({_UNSURE})", 1),
    "beside": ("({r}beside > 0)", 1),
    "beside_j": (_whole("CASE WHEN {r}beside > 0 THEN {r}energy_j END", _MICRO), _MICRO),
}
"""The members of RollUp: what one row of `runs` (called with the prefix {r}) adds, and what the sum is divided by."""


def added(prefix: str) -> list[str]:
    """Give what a row of `runs` adds to each sum."""
    return [expression.format(r=prefix) for expression, _ in ADDED.values()]


def _adds(table: str, row: str, sign: str) -> str:
    keys = KEYS[table]
    names = ", ".join((*keys, *ADDED))
    values = ", ".join([*(f"{row}.{key}" for key in keys), *(f"{sign}{value}" for value in added(f"{row}."))])
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in ADDED)
    return f"INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT DO UPDATE SET {sums};"


def _takes(table: str) -> str:
    same = " AND ".join(f"{key} = OLD.{key}" for key in KEYS[table])
    return f"{_adds(table, 'OLD', '-')} DELETE FROM {table} WHERE {same} AND runs = 0;"


def statements() -> list[str]:
    """Give what makes the tables, indices and triggers of an empty index."""
    texts = ("started_at", "zone", "kind", "machine", "boot", "device", "name", "origin")
    columns = ", ".join(f"{name} {'TEXT NOT NULL' if name in texts else ''}" for name in OF_RUN if name != "id")
    made = [
        f"CREATE TABLE runs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {columns}, day TEXT NOT NULL,"
        " month TEXT NOT NULL, beside INTEGER NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL,"
        " size_bytes INTEGER, mtime_ns INTEGER)",
        "CREATE UNIQUE INDEX runs_file ON runs (source, path)",
        "CREATE INDEX runs_started ON runs (started_s)",
        "CREATE INDEX runs_project ON runs (project, started_s)",
        "CREATE INDEX runs_energy ON runs (energy_j)",
        "CREATE INDEX runs_co2e ON runs (co2e_g)",
        "CREATE INDEX runs_boot ON runs (boot, started_s)",
        "CREATE INDEX runs_longest ON runs (boot, ended_s - started_s)",
        "CREATE TABLE tags (key TEXT NOT NULL, value TEXT NOT NULL, run INTEGER NOT NULL,"
        " PRIMARY KEY (key, value, run)) WITHOUT ROWID",
        "CREATE INDEX tags_run ON tags (run)",
        "CREATE TABLE refused (source TEXT NOT NULL, path TEXT NOT NULL, size_bytes INTEGER, mtime_ns INTEGER,"
        " why TEXT NOT NULL, id TEXT, PRIMARY KEY (source, path)) WITHOUT ROWID",
        "CREATE TABLE folders (source TEXT NOT NULL, path TEXT NOT NULL, mtime_ns INTEGER NOT NULL,"
        " PRIMARY KEY (source, path)) WITHOUT ROWID",
        "CREATE TABLE sources (name TEXT PRIMARY KEY, url TEXT NOT NULL, read_at TEXT NOT NULL)",
        "CREATE TABLE state (made TEXT NOT NULL, is_whole INTEGER NOT NULL)",
        "CREATE TABLE tag_runs (key TEXT NOT NULL, value TEXT NOT NULL, project TEXT NOT NULL,"
        " organisation TEXT NOT NULL, runs INTEGER NOT NULL,"
        " PRIMARY KEY (key, value, project, organisation)) WITHOUT ROWID",
        "CREATE TRIGGER tags_more AFTER INSERT ON tags BEGIN INSERT INTO tag_runs"
        " SELECT NEW.key, NEW.value, project, organisation, 1 FROM runs WHERE number = NEW.run"
        " ON CONFLICT DO UPDATE SET runs = runs + 1; END",
        "CREATE TRIGGER tags_less AFTER DELETE ON tags BEGIN UPDATE tag_runs SET runs = runs - 1"
        " WHERE key = OLD.key AND value = OLD.value"
        " AND (project, organisation) = (SELECT project, organisation FROM runs WHERE number = OLD.run);"
        " DELETE FROM tag_runs WHERE key = OLD.key AND value = OLD.value AND runs = 0; END",
        "CREATE TRIGGER runs_tags BEFORE DELETE ON runs BEGIN DELETE FROM tags WHERE run = OLD.number; END",
    ]
    for table, keys in KEYS.items():
        key_columns = ", ".join(f"{key} TEXT NOT NULL" for key in keys)
        sums = ", ".join(f"{name} INTEGER NOT NULL" for name in ADDED)
        made += [
            f"CREATE TABLE {table} ({key_columns}, {sums}, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID",
            f"CREATE TRIGGER {table}_more AFTER INSERT ON runs BEGIN {_adds(table, 'NEW', '')} END",
            f"CREATE TRIGGER {table}_less AFTER DELETE ON runs BEGIN {_takes(table)} END",
            f"CREATE TRIGGER {table}_beside AFTER UPDATE OF beside ON runs WHEN (OLD.beside > 0) <> (NEW.beside > 0)"
            f" BEGIN {_takes(table)} {_adds(table, 'NEW', '')} END",
        ]
    return made
