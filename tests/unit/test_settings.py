"""What the user set, which layer set it, and what becomes of values that are no good."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycarbon.errors import PyCarbonError
from pycarbon.settings import MAX_RATE_HZ, MIN_RATE_HZ, default_data_dir, resolve, user_config_path

OF_ORDER = ("organisation", "project", "experiment")
NAMES = (*OF_ORDER, "zone", "rate_hz", "cpu_budget_percent", "priority", "keep_marks", "sync_s", "pue", "data_dir")
OF_SENDING = ("server", "push")
OF_CARBON = ("scope", "factors", "service", "locate")
OF_FOOTPRINT = ("embodied", "lifetime_years", "embodied_share", "wue_l_per_kwh")


class Place:
    """A project folder and a user's folder, and what is set in each layer."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project" / "deep" / "down"
        self.project.mkdir(parents=True)
        self.pyproject = folder / "project" / "pyproject.toml"
        self.config = folder / "config" / "pycarbon" / "config.toml"
        self.config.parent.mkdir(parents=True)
        self.environ = {"XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}

    def resolve(self, **arguments):
        return resolve(arguments, environ=self.environ, folder=self.project)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_without_any_layer_the_defaults_hold(place):
    found, complaints = place.resolve()
    assert (found.project, found.zone, found.rate_hz, found.pue) == ("default", None, None, None)
    assert (found.scope, found.factors, found.service, found.locate) == ("lifecycle", None, None, "firmware")
    assert found.data_dir == Path(place.environ["HOME"]) / ".local/share/pycarbon"
    assert (found.embodied, found.lifetime_years, found.embodied_share, found.wue_l_per_kwh) == (
        None,
        4.0,
        1.0,
        None,
    )
    assert (found.server, found.push) == (None, "auto")
    assert (
        found.layers == dict.fromkeys(NAMES + OF_CARBON + OF_FOOTPRINT + OF_SENDING, "default") and complaints == []
    )


def test_the_first_layer_that_says_something_wins(place):
    # GIVEN a project named in every layer
    place.config.write_text('project = "of the user"\n')
    place.pyproject.write_text('[tool.pycarbon]\nproject = "of the folder"\n')
    place.environ["PYCARBON_PROJECT"] = "of the environment"
    # WHEN layers go, one after the other THEN the next one is used, and named
    assert _project(place, project="typed") == ("typed", "argument")
    assert _project(place, project=None) == ("of the environment", "environment")
    place.environ["PYCARBON_PROJECT"] = ""
    assert _project(place) == ("of the folder", str(place.pyproject))
    place.pyproject.unlink()
    assert _project(place) == ("of the user", str(place.config))
    place.config.unlink()
    assert _project(place) == ("default", "default")


def _project(place, **arguments):
    found, complaints = place.resolve(**arguments)
    assert complaints == []
    return found.project, found.layers["project"]


def test_every_name_can_be_set_everywhere(place):
    # GIVEN each name set in another layer
    place.config.write_text('zone = " FRA "\npue = 1.5\nlifetime_years = 6\n')
    place.pyproject.write_text("[tool]\npycarbon = { rate_hz = 50, embodied = 0, wue_l_per_kwh = 1.8 }\n")
    place.environ |= {"PYCARBON_DATA_DIR": "~/runs", "PYCARBON_PUE": "1.2", "PYCARBON_CPU_BUDGET_PERCENT": "0"}
    place.environ |= {"PYCARBON_PRIORITY": "realtime", "PYCARBON_KEEP_MARKS": "7", "PYCARBON_SYNC_S": "5"}
    place.environ |= {"PYCARBON_EMBODIED_SHARE": "0.25", "PYCARBON_SCOPE": "direct", "PYCARBON_LOCATE": "off"}
    place.environ |= {"PYCARBON_ORGANISATION": "acme", "PYCARBON_EXPERIMENT": "e 1"}
    place.environ |= {"PYCARBON_FACTORS": "~/own.csv", "PYCARBON_SERVICE": "uk"}
    place.environ |= {"PYCARBON_SERVER": " https://Carbon.example.org/ ", "PYCARBON_PUSH": "off"}
    # WHEN they are put together THEN all of them count
    found, complaints = place.resolve(project=" p ")
    assert (found.project, found.zone, found.rate_hz, found.pue) == ("p", "FRA", 50.0, 1.2)
    assert found.data_dir == Path("~/runs").expanduser()
    assert (found.cpu_budget_percent, found.priority) == (0.0, "realtime")
    assert (found.keep_marks, found.sync_s) == (7, 5.0)
    assert (found.scope, found.service, found.locate) == ("direct", "uk", "off")
    assert (found.server, found.push) == ("https://carbon.example.org", "off")
    assert found.factors == Path("~/own.csv").expanduser()
    assert (found.embodied, found.lifetime_years, found.embodied_share, found.wue_l_per_kwh) == (
        0.0,
        6.0,
        0.25,
        1.8,
    )
    assert (found.organisation, found.experiment) == ("acme", "e 1")
    assert found.layers == {
        "organisation": "environment",
        "project": "argument",
        "experiment": "environment",
        "zone": str(place.config),
        "rate_hz": str(place.pyproject),
        "pue": "environment",
        "embodied": str(place.pyproject),
        "lifetime_years": str(place.config),
        "embodied_share": "environment",
        "wue_l_per_kwh": str(place.pyproject),
        "data_dir": "environment",
        "cpu_budget_percent": "environment",
        "priority": "environment",
        "keep_marks": "environment",
        "sync_s": "environment",
        **dict.fromkeys(OF_CARBON + OF_SENDING, "environment"),
    }
    assert complaints == []


def test_a_file_of_factors_lies_beside_the_settings_or_at_somebodys_home(place):
    home = Path("~").expanduser()
    for name, meant in (("own.csv", place.pyproject.parent / "own.csv"), ("~/own.csv", home / "own.csv")):
        place.pyproject.write_text(f'[tool.pycarbon]\nfactors = " {name} "\n')
        assert place.resolve()[0].factors == meant
    # GIVEN the home of nobody THEN that alone is no good, and one line says so
    place.pyproject.write_text('[tool.pycarbon]\nfactors = "~no-such-user-anywhere/own.csv"\nzone = "FRA"\n')
    found, [complaint] = place.resolve()
    assert (found.factors, found.zone) == (None, "FRA") and "factors" in complaint and "home" in complaint


@pytest.mark.parametrize(
    "name, text, why",
    [
        ("rate_hz", "fast", "a number"),
        ("rate_hz", "nan", "between 0.1 and 20000"),
        ("rate_hz", "inf", "between"),
        ("rate_hz", "0", "between"),
        ("rate_hz", "20001", "between"),
        ("cpu_budget_percent", "-1", "between 0 and 100"),
        ("cpu_budget_percent", "much", "a number"),
        ("priority", "high", "one of normal, nice, realtime"),
        ("pue", "0.9", "a number from 1 to 10, or data-centre"),
        ("pue", "nan", "a number from 1 to 10"),
        ("pue", "datacentre", "a number from 1 to 10"),
        ("scope", "Direct", "one of lifecycle, direct"),
        ("locate", "always", "one of off, firmware, cloud, address"),
        ("embodied", "-1", "number of kg from 0 to 1000000"),
        ("embodied", "much", "a number of kg"),
        ("lifetime_years", "0", "between 0.1 and 50"),
        ("lifetime_years", "inf", "between 0.1 and 50"),
        ("embodied_share", "0", "more than 0"),
        ("embodied_share", "1.01", "between 0 and 1"),
        ("wue_l_per_kwh", "101", "between 0 and 100"),
        ("wue_l_per_kwh", "nan", "between 0 and 100"),
        ("server", "carbon.example.org", "an address like https://carbon.example.org"),
        ("push", "always", "one of auto, wait, off"),
        ("project", "   ", "not empty"),
        ("data_dir", "~no-such-user-anywhere/x", "home"),
    ],
)
def test_a_bad_value_falls_to_the_next_layer(place, name, text, why):
    # GIVEN a good value of the user and a bad one in the environment
    good = {
        "rate_hz": 10.0,
        "cpu_budget_percent": 1.0,
        "priority": "nice",
        "pue": 2.0,
        "scope": "direct",
        "locate": "off",
        "embodied": 1500.0,
        "lifetime_years": 5.0,
        "embodied_share": 0.5,
        "wue_l_per_kwh": 1.5,
        "server": "https://good.example.org",
        "push": "wait",
        "project": "good",
        "data_dir": "/good",
    }[name]
    place.config.write_text(f"{name} = {good!r}\n")
    place.environ[f"PYCARBON_{name.upper()}"] = text
    # WHEN they are put together
    found, complaints = place.resolve()
    # THEN the good one holds, and one line says what is wrong with the other
    assert str(getattr(found, name)) == str(good) and found.layers[name] == str(place.config)
    (line,) = complaints
    assert name in line and repr(text) in line and "environment" in line and why in line and "\n" not in line


def test_a_servers_password_is_not_repeated(place):
    # GIVEN a password in the address of a server THEN no line says it, wherever it is
    place.environ["PYCARBON_SERVER"] = "https://me:hunter2@carbon.example.org"
    found, [line] = place.resolve()
    assert found.server is None and "hunter2" not in line and "PYCARBON" not in line and "server" in line
    with pytest.raises(PyCarbonError) as caught:
        place.resolve(server="https://carbon.example.org?token=hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text, count",
    [
        ("tool = 3  # pycarbon", 0),
        ("[tool]\npycarbon = 3", 1),
        ("[tool]\npycarbon = [1, 2]", 1),
        ("[[tool.pycarbon]]\nzone = 'FRA'", 1),
        ("[tool.pycarbon]\nzone = 3\nproject = true\npue = true\nrate_hz = [1]\ndata_dir = {}", 5),
        (f"[tool.pycarbon]\nrate_hz = 1{'0' * 400}\npue = nan", 2),
        ("[tool.pycarbon]\nrat_hz = 5\n'a\\nb' = 1", 2),
        ('[tool.pycarbon]\ndata_dir = "a\\u0000b"', 1),
        ("[tool.pycarbon]\nzone = 2020-01-01", 1),
        ("[tool.pycarbon\n", 1),
        ("[tool.pycarbon]\nzone = 'FRA'\nzone = 'DEU'", 1),
        (f"[tool.pycarbon]\nzone = {'[' * 5000}", 1),
        ("[tool.pycarbon]\nzone = '\udcff'", 1),
    ],
)
def test_files_that_say_nonsense(place, text, count):
    # GIVEN a pyproject.toml that is wrong in some way
    place.pyproject.write_bytes(text.encode("utf-8", "surrogateescape"))
    # WHEN settings are asked for THEN the defaults hold, and each mistake has its line
    found, complaints = place.resolve()
    assert set(found.layers.values()) == {"default"}
    assert len(complaints) == count
    assert all("\n" not in line and str(place.pyproject) in line for line in complaints)


def test_a_broken_file_of_the_user(place):
    place.config.write_text("zone = ")
    found, complaints = place.resolve()
    assert found.zone is None and len(complaints) == 1 and str(place.config) in complaints[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_files_that_may_not_be_read(tmp_path_factory):
    # GIVEN a pyproject.toml nobody may read, and a config in a folder nobody may enter
    folder = tmp_path_factory.mktemp("settings")
    place = Place(folder)
    for parent in (folder, *folder.parents[:3]):  # of which one may be /tmp
        parent.chmod(stat.S_IMODE(parent.stat().st_mode) | 0o055)
    place.pyproject.write_text('[tool.pycarbon]\nzone = "FRA"\n')
    place.pyproject.chmod(0)
    place.config.write_text('zone = "DEU"\n')
    place.config.parent.chmod(0)
    # WHEN nobody asks for settings
    os.seteuid(65534)
    try:
        found, complaints = place.resolve()
    finally:
        os.seteuid(0)
    # THEN the defaults hold and the one that was found is named
    assert found.zone is None
    assert complaints == [f"{place.pyproject} cannot be read and is not used: Permission denied"]


@pytest.mark.parametrize(
    "arguments, why",
    [
        ({"rate_hz": 0}, "rate_hz 0 is no good: it must lie between 0.1 and 20000"),
        ({"rate_hz": float("nan")}, "between"),
        ({"rate_hz": "fast"}, "a number"),
        ({"rate_hz": 10**400}, "a number"),
        ({"zone": ""}, "not empty"),
        ({"zone": 3}, "text"),
        ({"project": "\0"}, "null"),
    ],
)
def test_an_argument_that_is_no_good_is_refused(place, arguments, why):
    with pytest.raises(PyCarbonError, match=why) as caught:
        place.resolve(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spelled", ["data-centre", "Data-Centre", " data-center "])
def test_a_building_of_which_nothing_is_known_has_a_word(place, spelled):
    place.config.write_text(f"pue = {spelled!r}\n")
    found, complaints = place.resolve()
    assert (found.pue, found.layers["pue"], complaints) == ("data-centre", str(place.config), [])


@settings(deadline=None)
@given(st.floats() | st.integers() | st.text(max_size=8))
def test_a_rate_is_a_rate_or_refused(value):
    try:
        found, _ = resolve({"rate_hz": value}, environ={"HOME": "/nowhere"}, folder=Path("/"))
    except PyCarbonError:
        return
    assert MIN_RATE_HZ <= found.rate_hz <= MAX_RATE_HZ and found.rate_hz == float(value)


def test_folders_follow_xdg(tmp_path):
    home = {"HOME": str(tmp_path)}
    assert user_config_path(home) == tmp_path / ".config/pycarbon/config.toml"
    assert default_data_dir(home) == tmp_path / ".local/share/pycarbon"
    assert user_config_path({"XDG_CONFIG_HOME": "/c"}) == Path("/c/pycarbon/config.toml")
    assert default_data_dir({"XDG_DATA_HOME": "/d"}) == Path("/d/pycarbon")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_nobody_nowhere_without_a_home(tmp_path):
    # GIVEN a user without an entry and without HOME, in a folder that is gone
    gone = tmp_path / "gone"
    code = (
        "import os, pathlib, sys; from pycarbon import settings\n"
        "folder = pathlib.Path(sys.argv[1]); folder.mkdir(); os.chdir(folder); folder.rmdir()\n"
        "os.environ.pop('HOME', None); os.setuid(54321)\n"
        "found, complaints = settings.resolve()\n"
        "print(found.project, found.data_dir, complaints)\n"
    )
    # WHEN settings are asked for THEN there are some
    told = subprocess.run([sys.executable, "-c", code, gone], capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("default /.local/share/pycarbon []\n", "")
