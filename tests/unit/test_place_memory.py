"""Where this machine is, remembered from one run to the next: as long as it is true, and whatever the file holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon.place import Place
from pycarbon.place_memory import FORGOTTEN_AFTER_S, remembered

VIRGINIA = Place("aws:us-east-1", "cloud metadata", "aws", "m5.large", "us-east-1a")
SOMEWHERE = Place(None, "firmware", "aws")


class Machine:
    """One that is asked where it is, and counts how often."""

    def __init__(self, place: Place | None, folder: Path | None, remarks: tuple[str, ...] = ()) -> None:
        self.place = place
        self.folder = folder
        self.remarks = remarks
        self.asked = 0
        self.now_s = 1e9

    def where(self, boot: str | None = "a boot", how: str = "firmware") -> tuple[Place | None, list[str]]:
        told: list[str] = ["said before"]
        found = remembered(self._find, how, boot, told, folder=self.folder, now_s=lambda: self.now_s)
        return found, told[1:]

    def _find(self, told: list[str]) -> Place | None:
        self.asked += 1
        told += self.remarks
        return self.place


@pytest.fixture
def here(tmp_path):
    return tmp_path / "cache" / "pycarbon"


@given(st.lists(st.floats(0, 1e7), max_size=5))
def test_what_was_found_is_true_until_the_next_start(tmp_path_factory, pauses_s):
    # GIVEN a machine that was asked once
    machine = Machine(VIRGINIA, tmp_path_factory.mktemp("here"))
    for pause_s in (0.0, *pauses_s):
        machine.now_s += pause_s
        assert machine.where() == (VIRGINIA, [])
    # THEN nobody asks again, however long it runs, but when it was started again
    assert machine.asked == 1
    assert machine.where("another boot")[0] == VIRGINIA and machine.asked == 2


@pytest.mark.parametrize("place", [None, SOMEWHERE])
def test_that_no_zone_was_found_is_remembered_with_its_reasons_for_a_while(here, place):
    # GIVEN a machine whose cloud does not answer
    machine = Machine(place, here, ("it does not answer",))
    assert machine.where() == (place, ["it does not answer"])
    # THEN for an hour nobody waits for it again, and each run is told why
    machine.now_s += FORGOTTEN_AFTER_S - 1
    assert machine.where() == (place, ["it does not answer"]) and machine.asked == 1
    # THEN later it may answer
    machine.now_s += 2
    machine.place, machine.remarks = VIRGINIA, ()
    assert machine.where() == (VIRGINIA, []) and machine.asked == 2
    machine.now_s += 100 * FORGOTTEN_AFTER_S
    assert machine.where() == (VIRGINIA, []) and machine.asked == 2


def test_who_asks_further_asks_anew(here):
    machine = Machine(None, here)
    machine.where(how="firmware")
    machine.place = VIRGINIA
    assert machine.where(how="cloud")[0] == VIRGINIA and machine.asked == 2


def test_a_user_without_a_home_is_asked_each_time():
    machine = Machine(VIRGINIA, None)
    assert machine.where() == machine.where() == (VIRGINIA, []) and machine.asked == 2


@pytest.mark.parametrize("boot", [None, ""])
def test_a_machine_that_does_not_say_when_it_was_started_is_asked_each_time(here, boot):
    machine = Machine(VIRGINIA, here)
    for times in (1, 2):
        assert machine.where(boot) == (VIRGINIA, []) and machine.asked == times
    assert not here.exists()


def test_a_clock_that_was_set_back_makes_it_ask_again(here):
    machine = Machine(VIRGINIA, here)
    machine.where()
    machine.now_s -= 10
    assert machine.where()[0] == VIRGINIA and machine.asked == 2


_PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5)
_JSON = st.recursive(_PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
_NAMES = ("boot", "asked", "at_s", "place", "remarks")
_NEARLY = st.fixed_dictionaries(
    {
        "boot": st.just("a boot") | _PLAIN,
        "asked": st.just("firmware") | _PLAIN,
        "at_s": st.just(1e9) | _PLAIN,
        "place": st.fixed_dictionaries({"zone": _PLAIN, "how": _PLAIN}, optional={"provider": _PLAIN}) | _PLAIN,
        "remarks": st.lists(_PLAIN, max_size=2) | _PLAIN,
    }
)


@given(
    st.binary() | _JSON.map(lambda value: json.dumps(value).encode()) | _NEARLY.map(lambda v: json.dumps(v).encode())
)
def test_whatever_the_file_holds_there_is_a_place_or_none(tmp_path_factory, content):
    # GIVEN a file that somebody else wrote
    here = tmp_path_factory.mktemp("here")
    (here / "place.json").write_bytes(content)
    machine = Machine(VIRGINIA, here)
    # WHEN the machine is asked THEN there is an answer in texts, and the next one is the same
    found, told = machine.where()
    assert found is None or (isinstance(found.provider, str) and (found.zone is None or isinstance(found.zone, str)))
    assert all(isinstance(line, str) for line in told)
    assert machine.where() == (found, told) and machine.asked <= 1


@pytest.mark.parametrize("blocked", ["a file", "a folder"])
def test_where_nothing_can_be_kept_the_machine_is_asked_each_time(tmp_path, blocked):
    # GIVEN a file where the folder should be, or a folder where the file should be
    here = tmp_path / "pycarbon"
    if blocked == "a file":
        here.write_text("")
    else:
        (here / "place.json" / "x").mkdir(parents=True)
    machine = Machine(VIRGINIA, here)
    assert machine.where()[0] == machine.where()[0] == VIRGINIA and machine.asked == 2
    # THEN nothing is left lying about
    assert blocked == "a file" or [file.name for file in here.iterdir()] == ["place.json"]
