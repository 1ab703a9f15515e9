"""What marks must never do to the programs that make them, nor leave behind: real programs, in real recordings."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator
from processes import children, homes, is_root, pycarbon_run, run, started, wait_until

import pycarbon
from pycarbon import Run, load

WARNINGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]

ONE_REGION = """
#include <pycarbon.h>
#include <sys/resource.h>
int main(void)
{
    LIMIT;
    pycarbon_region region = pycarbon_region_named("region");
    pycarbon_region_enter(region);
    pycarbon_region_leave(region);
    puts("done");
    return 0;
}
"""

CANCELLED = """
#include <pthread.h>
#include <pycarbon.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_barrier_t barrier;
static pycarbon_region region;
static void *work(void *nothing)
{
    (void)nothing;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* neither is a point of cancellation; now one is wanted */
    pycarbon_region_enter(region);
    pycarbon_region_leave(region);
    return NULL;
}
int main(void)
{
    pthread_t thread;
    void *result;
    region = pycarbon_region_named("region");
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, work, NULL);
    pthread_barrier_wait(&barrier);
    pthread_cancel(thread);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, &result);
    puts(result == PTHREAD_CANCELED ? "cancelled within a mark" : "not cancelled");
    fflush(stdout);
    alarm(20); /* a lock that nobody holds any more would be waited for for ever */
    pid_t child = fork();
    if (child == 0) {
        pycarbon_region_enter(region);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    puts("forked");
    return 0;
}
"""

NAMES_IT = """
#include <pycarbon.h>
pycarbon_region step;
void work(void);
int main(void)
{
    step = pycarbon_region_named("step");
    for (int i = 0; i < 100; i++)
        work();
    return 0;
}
"""

USES_IT = """
#include <pycarbon.h>
extern pycarbon_region step;
void work(void);
void work(void)
{
    pycarbon_region_enter(step);
    pycarbon_region_leave(step);
}
"""

TELLS_ITS_USER = """
#include <pycarbon.h>
#include <unistd.h>
int main(void)
{
    pycarbon_region_enter(pycarbon_region_named("region"));
    printf("user %d\\n", (int)geteuid());
    return 0;
}
"""

OF_THE_CALLER = """
#include <stdio.h>
__attribute__((constructor)) static void loaded(void)
{
    puts("loaded");
}
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[PowercapEmulator]:
    with PowercapEmulator(power_w={"package": 50}, jitter_us=20) as live:
        yield live


def built(folder: Path, *sources: str, flags: tuple[str, ...] = ()) -> Path:
    """Compile C into a program, or with -shared into a library."""
    if not shutil.which("cc"):
        pytest.fail("no C compiler on CI") if os.environ.get("CI") else pytest.skip("no C compiler here")
    files = []
    for i, source in enumerate(sources):
        files.append(folder / f"part{i}.c")
        files[-1].write_text(source)
    program = folder / ("library" if "-shared" in flags else "program")
    command = ["cc", *WARNINGS, f"-I{pycarbon.get_include()}", "-pthread", *map(str, files)]
    done = run([*command, "-o", str(program), *flags, "-ldl"])
    assert done.returncode == 0, done.stderr
    return program


def script(folder: Path, name: str, text: str) -> list[str]:
    """A Python program in a file, and the command that runs it."""
    (folder / name).write_text(f"import os, subprocess, sys, threading, time, pycarbon\n{text}")
    return [sys.executable, name]


def recorded(command: list[str], emulator: PowercapEmulator, output: Path) -> tuple[str, Run]:
    """Record a program that must end well; gives what it printed, and the run."""
    done = run(pycarbon_run(*command, output=output, options=["--root", str(emulator.root)]))
    assert done.returncode == 0, done.stderr
    assert homes(output.parent) == []
    return done.stdout, load(output)


def calls(finished: Run) -> dict[str, int]:
    return {region.label: region.calls for region in finished.regions}


def test_a_program_without_a_loader_runs_as_ever(emulator: PowercapEmulator, tmp_path: Path) -> None:
    program = built(tmp_path, ONE_REGION.replace("LIMIT", ""), flags=("-static", "-Wl,--no-warnings"))
    said, finished = recorded([str(program)], emulator, tmp_path / "a.pcr")
    assert (said, calls(finished)) == ("done\n", {})


def test_a_program_whose_files_must_be_small_is_not_killed(emulator: PowercapEmulator, tmp_path: Path) -> None:
    limit = "setrlimit(RLIMIT_FSIZE, &(struct rlimit){16384, RLIM_INFINITY})"
    program = built(tmp_path, ONE_REGION.replace("LIMIT", limit))
    said, finished = recorded([str(program)], emulator, tmp_path / "a.pcr")
    assert said == "done\n"
    assert any("1 thread could not be listened to" in note for note in finished.notes)


def test_a_thread_that_is_to_be_cancelled_is_not_within_a_mark(emulator: PowercapEmulator, tmp_path: Path) -> None:
    program = built(tmp_path, CANCELLED)
    said, finished = recorded([str(program)], emulator, tmp_path / "a.pcr")
    assert (said, calls(finished)) == ("not cancelled\nforked\n", {"region": 2})


def test_a_region_that_one_file_names_and_another_uses(emulator: PowercapEmulator, tmp_path: Path) -> None:
    program = built(tmp_path, NAMES_IT, USES_IT)
    _, finished = recorded([str(program)], emulator, tmp_path / "a.pcr")
    assert calls(finished) == {"step": 100}


def test_a_program_with_its_owners_rights_loads_nothing_of_its_callers(tmp_path: Path) -> None:
    if not is_root() or not shutil.which("setpriv"):
        pytest.skip("only root can make a program that runs as somebody else")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        # GIVEN a user who names a folder with a library of their own
        folder = Path(name)
        folder.chmod(0o755)
        built(tmp_path, OF_THE_CALLER, flags=("-shared", "-fPIC")).rename(folder / "libpycarbon.so.1")
        program = built(tmp_path, TELLS_ITS_USER).rename(folder / "program")
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", str(program)]
        environ = {**os.environ, "PYCARBON_LIVE": name}
        # WHEN the program runs as that user THEN it loads it
        program.chmod(0o755)
        assert run(command, env=environ).stdout == "loaded\nuser 65534\n"
        # WHEN it runs as its owner THEN it does not
        program.chmod(0o4755)
        said = run(command, env=environ).stdout
    if said.endswith("user 65534\n"):
        pytest.skip("no program runs as its owner in /tmp here")
    assert said == "user 0\n"


def test_a_program_that_closes_all_descriptors_has_its_files_for_itself(
    emulator: PowercapEmulator, tmp_path: Path
) -> None:
    # GIVEN a program that marks, closes everything, and opens files of its own
    text = (
        "with pycarbon.region('before'): pass\n"
        "os.closerange(3, 4096)\n"
        "files = [os.open(f'own{i}', os.O_RDWR | os.O_CREAT, 0o600) for i in range(8)]\n"
        "for file in files: os.write(file, b'mine\\n')\n"
        "with pycarbon.region('later'): pass\n"
        "if os.fork() == 0:\n"
        "    with pycarbon.region('in a child'): pass\n"
        "    for file in files: os.write(file, b'mine too\\n')\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    # WHEN it goes on marking
    _, finished = recorded(script(tmp_path, "program.py", text), emulator, tmp_path / "a.pcr")
    # THEN they hold what it wrote, and the regions are recorded
    assert {path.read_bytes() for path in tmp_path.glob("own*")} == {b"mine\nmine too\n"}
    assert calls(finished) == {"before": 1, "later": 1, "in a child": 1}


ROUNDS = (
    "a = pycarbon.region('in every round')\n"
    "while True:\n"
    "    for _ in range(5):\n"
    "        thread = threading.Thread(target=a.mark)\n"
    "        thread.start(); thread.join()\n"
    "    if os.fork() == 0:\n        a.mark()\n        os._exit(0)\n"
    "    os.wait()\n"
    "    with open('rounds', 'ab') as file: file.write(b'.')\n"
)
"""A program whose threads and children live for one mark each; the size of a file is how many rounds there were."""


AWAIT_ROUNDS = (
    "def rounds(): return os.path.exists('rounds') and os.path.getsize('rounds')\n"
    "before = rounds()\n"
    "while rounds() < before + 3: time.sleep(.001)\n"
)
"""What another program does until there were some more."""


def wait_for_rounds(folder: Path, count: int) -> None:
    """Wait until the program has done so many more."""
    file = folder / "rounds"
    before = file.stat().st_size if file.exists() else 0
    wait_until(lambda: file.exists() and file.stat().st_size >= before + count)


def test_nothing_more_is_written_for_a_recorder_that_was_killed(emulator: PowercapEmulator, tmp_path: Path) -> None:
    # GIVEN a program with ever new threads and processes
    command = script(tmp_path, "program.py", ROUNDS)
    options = ["--root", str(emulator.root)]
    with started(pycarbon_run(*command, output=tmp_path / "a.pcr", options=options)) as recorder:
        wait_for_rounds(tmp_path, 2)
        [program] = children(recorder.pid)
        try:
            # WHEN the recorder is killed
            recorder.kill()
            recorder.wait()
            wait_for_rounds(tmp_path, 2)
            before = sorted((tmp_path / "a.pcr.live").rglob("*"))
            # THEN its home no longer grows, however many there are
            wait_for_rounds(tmp_path, 5)
            assert sorted((tmp_path / "a.pcr.live").rglob("*")) == before != []
        finally:
            os.kill(program, signal.SIGKILL)


def test_a_daemon_that_outlives_its_run_is_of_no_other(emulator: PowercapEmulator, tmp_path: Path) -> None:
    # GIVEN a run that leaves a daemon behind, which goes on marking
    script(tmp_path, "daemon.py", f"open('daemon.pid', 'w').write(str(os.getpid()))\n{ROUNDS}")
    start = (
        "subprocess.Popen([sys.executable, 'daemon.py'], start_new_session=True, stdin=subprocess.DEVNULL,\n"
        "                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        f"{AWAIT_ROUNDS}"
        "os._exit(0)\n"
    )
    try:
        _, first = recorded(script(tmp_path, "start.py", start), emulator, tmp_path / "same.pcr")
        assert set(calls(first)) == {"in every round"}
        # WHEN there is another run of the same file name
        text = f"with pycarbon.region('of this run'):\n    pass\n{AWAIT_ROUNDS}"
        _, second = recorded(script(tmp_path, "program.py", text), emulator, tmp_path / "same.pcr")
        # THEN the daemon is not in it, and makes no folder anew
        assert calls(second) == {"of this run": 1}
        wait_for_rounds(tmp_path, 5)
        assert homes(tmp_path) == []
    finally:
        os.kill(int((tmp_path / "daemon.pid").read_text()), signal.SIGKILL)


def test_of_blocks_within_each_other_the_fifth_has_no_regions(tmp_path: Path) -> None:
    # GIVEN a program with more recordings than homes it can mark into
    text = (
        "from contextlib import ExitStack\n"
        "with ExitStack() as blocks:\n"
        "    for i in range(5):\n"
        "        blocks.enter_context(pycarbon.record(str(i), path=f'{i}.pcr'))\n"
        "    with pycarbon.region('within'):\n"
        "        pass\n"
        "print(os.environ.get('PYCARBON_LIVE'))\n"
    )
    # WHEN it ends
    done = run(script(tmp_path, "program.py", text))
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
    assert homes(tmp_path) == []
    # THEN all recorded it, and the one that has no regions says why
    *others, fifth = [load(tmp_path / f"{i}.pcr") for i in range(5)]
    assert [calls(other) for other in others] == [{"within": 1}] * 4 and calls(fifth) == {}
    assert any(note.startswith("no regions are recorded: ") for note in fifth.notes) and fifth.complete
