"""What the user set, and where: arguments, PYCARBON_*, [tool.pycarbon] in pyproject.toml, the user's config file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pycarbon.errors import PyCarbonError

MIN_RATE_HZ, MAX_RATE_HZ = 0.1, 20_000.0
PRIORITIES = ("normal", "nice", "realtime")
SCOPES = ("lifecycle", "direct")
PUSH = ("auto", "wait", "off")
LOCATE = ("off", "firmware", "cloud", "address")
DATA_CENTRE = "data-centre"
DEFAULT = "default"
"""The organisation and the project of whoever named none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to record. `layers` says for each name which layer set it ("default" where none did).

    A run belongs to an experiment, if to any, that of a project, that of an organisation.

    Without `rate_hz` counters are read at their edges, as closely as `cpu_budget_percent` of one core allows (0: no
    bound); `priority` is how the sampler competes for its CPU. The first `keep_marks` marks of regions are kept.
    What was recorded is on the disk at most `sync_s` seconds later (0: when the system pleases).

    Of carbon: `scope` is what a factor counts; `factors` a file of the user's own; `service` asks a grid service for
    the run's hours; `locate` is how far to go to find out where this is, where no `zone` is set. `pue` is a number,
    "data-centre" for an unknown one, or None: as it is where the machine stands.
    Making the computer emitted `embodied` kg of CO2e (or as much as the server of a cloud's instance type, such as
    "aws:m5.large"), spread over `lifetime_years`, of which the work has the share `embodied_share`; the data centre
    evaporates `wue_l_per_kwh` litres for a kWh of its computers. None: nobody said.

    A run that has ended is sent to the team's `server`, if there is one, as `push` says: "auto", by a process that
    nobody waits for; "wait", before the recording is over; or "off", not by itself.
    """

    organisation: str
    project: str
    experiment: str | None
    zone: str | None
    rate_hz: float | None
    cpu_budget_percent: float
    priority: str
    keep_marks: int
    sync_s: float
    scope: str
    factors: Path | None
    service: str | None
    locate: str
    pue: float | str | None
    embodied: float | str | None
    lifetime_years: float
    embodied_share: float
    wue_l_per_kwh: float | None
    server: str | None
    push: str
    data_dir: Path
    layers: Mapping[str, str]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be a text that is not empty")
    if "\0" in value:
        raise ValueError("it must not hold a null character")
    return value.strip()


def _number(low: float, high: float) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        if isinstance(value, bool):
            raise ValueError("it must be a number")
        number = float(value)
        if not low <= number <= high:  # NaN neither
            raise ValueError(f"it must lie between {low:.15g} and {high:.15g}")
        return number

    return convert


def _share(value: Any) -> float:
    number = _number(0.0, 1.0)(value)
    if number == 0:
        raise ValueError("it must be more than 0")
    return number


def _count(most: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = _number(0, most)(value)
        if number != int(number):
            raise ValueError("it must be a whole number")
        return int(number)

    return convert


def _one_of(*words: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")
        return str(value)

    return convert


def _service(value: Any) -> str:
    from pycarbon.services import NAMES

    name, _, _ = _text(value).partition(":")
    _one_of(*NAMES)(name)
    return _text(value)


def _server(value: Any) -> str:
    from pycarbon.pushing.address import checked

    return checked(_text(value))


def pue(value: Any) -> float | str:
    """Read a PUE; ValueError where it is none."""
    if isinstance(value, str) and value.strip().lower() in (DATA_CENTRE, "data-center"):
        return DATA_CENTRE
    try:
        return _number(1.0, 10.0)(value)
    except (ValueError, TypeError):
        raise ValueError(f"it must be a number from 1 to 10, or {DATA_CENTRE}") from None


def embodied(value: Any) -> float | str:
    """Read kg of CO2e, or a cloud's instance type; ValueError where it is neither."""
    if isinstance(value, str) and ":" in value:
        return _text(value)
    try:
        return _number(0.0, 1e6)(value)
    except (ValueError, TypeError):
        raise ValueError("it must be a number of kg from 0 to 1000000, or a type such as aws:m5.large") from None


def _path(value: Any) -> Path:
    return Path(_text(str(value) if isinstance(value, Path) else value)).expanduser()


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "organisation": _text,
    "project": _text,
    "experiment": _text,
    "zone": _text,
    "rate_hz": _number(MIN_RATE_HZ, MAX_RATE_HZ),
    "cpu_budget_percent": _number(0.0, 100.0),
    "priority": _one_of(*PRIORITIES),
    "keep_marks": _count(10**9),
    "sync_s": _number(0.0, 3600.0),
    "scope": _one_of(*SCOPES),
    "factors": _path,
    "service": _service,
    "locate": _one_of(*LOCATE),
    "pue": pue,
    "embodied": embodied,
    "lifetime_years": _number(0.1, 50.0),
    "embodied_share": _share,
    "wue_l_per_kwh": _number(0.0, 100.0),
    "server": _server,
    "push": _one_of(*PUSH),
    "data_dir": _path,
}


_NO_GOOD = (ValueError, TypeError, OverflowError, RuntimeError)  # the last: ~nobody as a folder


def user_config_path(environ: Mapping[str, str]) -> Path:
    """Say where the user's config file lies, whether or not it is there."""
    base = environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config"
    return Path(base) / "pycarbon" / "config.toml"


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Say where runs go when nobody says where."""
    base = environ.get("XDG_DATA_HOME") or _home(environ) / ".local" / "share"
    return Path(base) / "pycarbon"


def _home(environ: Mapping[str, str]) -> Path:
    """Say where the user is at home; a container's user may be nowhere, and then / has to do."""
    try:
        return Path(environ.get("HOME") or Path.home())
    except RuntimeError:
        return Path("/")


def resolve(
    arguments: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> tuple[Settings, list[str]]:
    """Put the layers together; the first that sets a name wins.

    Returns the settings and one line for each value that was no good and is not used. `arguments` are the
    exception: a value given there that is no good raises PyCarbonError, since somebody just typed it.
    """
    environ = os.environ if environ is None else environ
    complaints: list[str] = []
    given = {name: value for name, value in (arguments or {}).items() if value is not None}
    for name, value in given.items():
        try:
            _CONVERT[name](value)
        except _NO_GOOD as error:
            raise PyCarbonError(f"{name} {_shown(name, value)} is no good: {_why(error)}") from None
    layers = [
        ("argument", given),
        ("environment", _from_environment(environ)),
        *_from_files(environ, folder or _here(), complaints),
    ]
    values: dict[str, Any] = {
        "organisation": DEFAULT,
        "project": DEFAULT,
        "experiment": None,
        "zone": None,
        "rate_hz": None,
        "cpu_budget_percent": 3.0,
        "priority": "normal",
        "keep_marks": 1_000_000,
        "sync_s": 1.0,
        "scope": SCOPES[0],
        "factors": None,
        "service": None,
        "locate": "firmware",
        "pue": None,
        "embodied": None,
        "lifetime_years": 4.0,
        "embodied_share": 1.0,
        "wue_l_per_kwh": None,
        "server": None,
        "push": PUSH[0],
        "data_dir": default_data_dir(environ),
    }
    origins = dict.fromkeys(values, "default")
    for layer, found in reversed(layers):
        for name in sorted(found.keys() & values.keys()):
            try:
                values[name] = _CONVERT[name](found[name])
                origins[name] = layer
            except _NO_GOOD as error:
                complaints.append(f"{name} {_shown(name, found[name])} from {layer} is not used: {_why(error)}")
    return Settings(**values, layers=origins), complaints


def read(name: str, value: Any) -> Any:
    """Read a value of one setting; ValueError, in words, where it is no good."""
    try:
        return _CONVERT[name](value)
    except _NO_GOOD as error:
        raise ValueError(_why(error)) from None


def _here() -> Path | None:
    """Give the working directory; None where it was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _why(error: Exception) -> str:
    text = str(error)
    return "it must be a number" if text.startswith(("could not convert", "float()", "int too large")) else text


def _shown(name: str, value: Any) -> str:
    """Show a value that is no good; of a server's address it may be the part that is nobody's business."""
    return "(hidden, it may hold a password)" if name == "server" and set(str(value)) & set("@?#") else repr(value)


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = (field.name for field in fields(Settings) if field.name != "layers")
    found = {name: environ.get(f"PYCARBON_{name.upper()}") for name in names}
    return {name: value for name, value in found.items() if value}


def _from_files(
    environ: Mapping[str, str], folder: Path | None, complaints: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    found = []
    folders = () if folder is None else (folder, *folder.parents)
    project_file = next((file for f in folders if _is_file(file := f / "pyproject.toml")), None)
    if project_file is not None:
        tool = _read_toml(project_file, complaints).get("tool", {})
        table = tool.get("pycarbon", {}) if isinstance(tool, dict) else {}
        if isinstance(table, dict):
            found.append((str(project_file), table))
        else:
            complaints.append(f"tool.pycarbon in {project_file} is not used: it must be a table")
    user_file = user_config_path(environ)
    if _is_file(user_file):
        found.append((str(user_file), _read_toml(user_file, complaints)))
    for where, table in found:
        factors = table.get("factors")
        if isinstance(factors, str) and factors.strip() and not factors.strip().startswith("~"):
            # a file beside the one that names it, wherever somebody works below that
            table["factors"] = str(Path(where).parent / factors.strip())
        complaints += [
            f"{name!r} in {where} is not a setting; there are {', '.join(_CONVERT)}"
            for name in table
            if name not in _CONVERT
        ]
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that lets nobody in
        return False


def _read_toml(path: Path, complaints: list[str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.name == "pyproject.toml" and "pycarbon" not in text:
            return {}  # spares every run the parser
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        return tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        complaints.append(f"{path} cannot be read and is not used: {why}")
        return {}
