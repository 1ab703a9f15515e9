"""What a finished run belongs to can be changed, and nothing else of its file changes, whatever happens meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import stat
import sys

import pytest
from exported_runs import RUNS
from hypothesis import given, settings
from hypothesis import strategies as st
from store_files import maker, recorded

from pycarbon import analysis, fold, runfile
from pycarbon.analysis import load
from pycarbon.errors import PyCarbonError
from pycarbon.frame import FOOTER, MAX_JSON_BYTES, frames
from pycarbon.index import TRAILER_BYTES, read_trailer
from pycarbon.store.amend import Changes, amend

TEXTS = st.text(st.characters(codec=None), max_size=20)
CHANGES = st.builds(
    Changes,
    organisation=st.none() | TEXTS,
    project=st.none() | TEXTS,
    experiment=st.none() | TEXTS,
    name=st.none() | TEXTS,
    tags=st.none() | st.dictionaries(TEXTS, TEXTS, max_size=3),
    removed=st.lists(TEXTS, max_size=2).map(tuple),
)


def parts(data):
    """What lies before a whole file's footer, what the footer says, and what the trailer says."""
    index_at, footer_at = read_trailer(data[-TRAILER_BYTES:])
    footer = runfile.stored.footer_of(data, "here")
    return data[:footer_at], footer, (index_at, footer_at)


@pytest.fixture(scope="module", params=["measured", "with_regions", "texts"])
def original(request, tmp_path_factory):
    """A whole file, which is copied and not changed."""
    path = tmp_path_factory.mktemp("original") / "run.pcr"
    fold.write(fold.frames_of(RUNS[request.param]()), path, figures=lambda d: analysis.figures(analysis.Run(d)))
    return path


@settings(max_examples=20)
@given(changes=CHANGES)
def test_nothing_but_the_runs_own_words_changes(original, changes):
    path = original.with_name("changed.pcr")
    shutil.copy(original, path)
    before, was = load(original), original.read_bytes()
    # WHEN a run is to be said to belong elsewhere
    amend(path, changes)
    # THEN that is what it says
    after = load(path)
    for name in ("organisation", "project", "experiment", "name"):
        wanted = getattr(changes, name)
        assert getattr(after, name) == (getattr(before, name) if wanted is None else wanted)
    tags = {**before.tags, **(changes.tags or {})}
    assert after.tags == {key: value for key, value in tags.items() if key not in changes.removed}
    # THEN all before the footer is the same to the byte, so are its figures, and the file is as whole as it was
    (head, footer, ends), (new_head, new_footer, new_ends) = parts(was), parts(path.read_bytes())
    assert new_head == head and new_ends == ends and after.complete
    assert {**new_footer, "run": None} == {**footer, "run": None}
    # THEN it can be changed back, and is then the same file
    again = after.data.footer["run"]
    amend(
        path,
        Changes(
            before.organisation,
            before.project,
            before.experiment,
            before.name,
            before.tags,
            tuple(again["tags"].keys() - before.tags.keys()),
        ),
    )
    final = path.read_bytes()
    amend(path, Changes())
    assert path.read_bytes() == final and load(path).tags == before.tags
    assert list(path.parent.glob(".*")) == []


def test_a_file_without_an_index_is_changed_too(tmp_path):
    # GIVEN a file as it grew: frames and a footer, and something behind that nobody reads
    path = tmp_path / "grown.pcr"
    path.write_bytes(maker.encoded(maker.frames()) + b"noise")
    before = path.read_bytes()
    amend(path, Changes(project="p"))
    after = path.read_bytes()
    at = next(offset for offset, frame in frames(before, "") if frame.type == FOOTER)
    assert after[:at] == before[:at] and [frame.type for _, frame in frames(after, "")][-1] == FOOTER
    assert (load(path).project, load(path).name) == ("p", "träin") and load(path).energy.total_j == pytest.approx(250)


def test_links_and_permissions_stay(tmp_path):
    path = recorded(tmp_path / "files/1.pcr", "0001")
    path.chmod(0o640)
    link = tmp_path / "link.pcr"
    link.symlink_to(path)
    amend(link, Changes(name="n"))
    assert link.is_symlink() and load(path).name == "n" and stat.S_IMODE(path.stat().st_mode) == 0o640


def test_what_is_not_finished_is_refused_with_what_to_type(tmp_path):
    # GIVEN a run that was cut off, one that goes on, and what is none
    whole = recorded(tmp_path / "whole.pcr", "0001").read_bytes()
    (tmp_path / "cut.pcr").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "live.pcr.live").mkdir()
    (tmp_path / "text.pcr").write_text("hello")
    for name, why in [
        ("cut.pcr", "was cut off and has no end.*; type: pycarbon repair .*cut.pcr"),
        ("live.pcr", "is still being recorded, or was cut off; then type: pycarbon repair"),
        ("live.pcr.live", "is still being recorded, or was cut off; then type: pycarbon repair"),
        ("text.pcr", "is not a pycarbon run file"),
        ("none.pcr", "there is no file"),
        ("n" * 300, "cannot be changed: File name too long"),
        ("\0", "cannot be changed: "),
    ]:
        # THEN each is refused in one line
        with pytest.raises(PyCarbonError, match=why) as raised:
            amend(tmp_path / name, Changes(project="p"))
        assert "\n" not in str(raised.value)
    assert (tmp_path / "cut.pcr").read_bytes() == whole[: len(whole) // 2]


def test_what_has_no_room_or_no_folder_leaves_the_file_as_it_was(tmp_path):
    path = recorded(tmp_path / "1.pcr", "0001")
    before = path.read_bytes()
    with pytest.raises(PyCarbonError, match="no room for so much text"):
        amend(path, Changes(name="n" * MAX_JSON_BYTES))
    path.with_name(".1.pcr.amended").mkdir()
    with pytest.raises(PyCarbonError, match="cannot be changed: Is a directory"):
        amend(path, Changes(name="n"))
    assert path.read_bytes() == before


def killed_before(number: int, path) -> bool:
    """Change a file in a process that is killed before its call number so-and-so of the system; False: it ended."""

    def work():
        left = number

        def watch(frame, event, function):
            nonlocal left
            if event == "c_call" and function.__name__ in {"open", "write", "flush", "fsync", "chmod", "replace"}:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(watch)
        amend(path, Changes(project="new"))
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    return child.exitcode == -signal.SIGKILL


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    # GIVEN the file before and after
    path = recorded(tmp_path / "1.pcr", "0001")
    old = path.read_bytes()
    amend(path, Changes(project="new"))
    new = path.read_bytes()
    number, states = 0, []
    # WHEN it is killed at each moment
    while number < 100:
        path.write_bytes(old)
        killed = killed_before(number, path)
        states.append(path.read_bytes())
        number += 1
        if not killed:
            break
    # THEN it is the one or the other, and what a kill left behind is in nobody's way
    assert number > 6 and set(states) == {old, new} and states[0] == old and states[-1] == new
    assert sorted(tmp_path.glob("*.pcr")) == [path] and not list(tmp_path.glob(".*"))


def test_changes_of_many_at_once_all_hold(tmp_path):
    path = recorded(tmp_path / "1.pcr", "0001")
    context = multiprocessing.get_context("fork")
    tagged = [{f"k{number}": "v"} for number in range(8)]
    children = [context.Process(target=amend, args=(path, Changes(tags=tags))) for tags in tagged]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert set(load(path).tags) == {"commit"} | {f"k{number}" for number in range(8)}
