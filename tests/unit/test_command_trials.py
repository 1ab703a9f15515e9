"""Commands that are run again and again: what they are made of, how they end, and that none outlives who runs it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pycarbon.command_trials import KEPT_OUTPUT, Command, CommandFailed, Runner, TimeIsUp, as_argv
from pycarbon.interrupts import Interrupts

MakeRunner = Callable[..., Runner]


@pytest.fixture
def make_runner() -> Iterator[MakeRunner]:
    """Makes a runner whose commands have so many seconds."""
    made = []
    with Interrupts() as interrupts:

        def make(seconds: float = 60.0, show_output: bool = False) -> Runner:
            made.append(Runner(os.environ, show_output, time.monotonic() + seconds, interrupts))
            return made[-1]

        yield make
        for runner in made:
            runner.close()


def all_children() -> set[int]:
    return {int(word) for word in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


@pytest.fixture
def children() -> Callable[[], list[int]]:
    """Which children there are beside those that were there before, of whoever tested here."""
    before = all_children()
    return lambda: sorted(all_children() - before)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("true", ["true"]),
        ("a 'b c' \"d\"", ["a", "b c", "d"]),
        ("a --x=1", ["a", "--x=1"]),
    ],
)
def test_a_plain_command_needs_no_shell(text: str, argv: list[str]) -> None:
    assert as_argv(text) == argv
    assert Command((text,)).argv == argv and Command((text,)).text == text


@pytest.mark.parametrize(
    "text",
    ["a | b", "a > b", "X=1 a", "~/a", "a *.c", "'unclosed", "exit 3", "cd / ", "a # b", "a\nb", "$HOME/a", "a \\ b"],
)
def test_what_only_a_shell_understands_is_left_to_it(text: str) -> None:
    assert as_argv(text) == ["/bin/sh", "-c", text]


def test_words_are_taken_to_the_letter() -> None:
    command = Command(("printf", "%s;", "a b", "$HOME", "*"))
    assert command.argv == ["printf", "%s;", "a b", "$HOME", "*"]
    assert command.text == "printf '%s;' 'a b' '$HOME' '*'"


def test_a_run_says_when_how_and_what(make_runner: MakeRunner) -> None:
    runner = make_runner()
    before_ns = time.monotonic_ns()
    ended = runner.run(["sh", "-c", "echo one; echo two >&2; exit 7"])
    assert before_ns <= ended.start_ns < ended.end_ns <= time.monotonic_ns()
    assert ended.status == 7 and 0 <= ended.cpu_s < 10 and not ended.left_some
    assert runner.output == "one\ntwo\n"
    # AND the next run knows nothing of that
    assert runner.run(["sh", "-c", "kill -KILL $$"]).status == -signal.SIGKILL
    assert runner.output == ""


def test_only_the_end_of_what_is_printed_is_kept_and_all_of_it_is_taken(make_runner: MakeRunner) -> None:
    runner = make_runner()
    ended = runner.run(["sh", "-c", "seq 400000; printf 'the \\377 end'"])
    assert ended.status == 0
    assert ended.printed_bytes > 2_000_000  # but for what is still in the pipe when it has ended
    assert runner.output.endswith("399999\n400000\nthe � end")
    assert len(runner.output.encode()) <= KEPT_OUTPUT + 2


def test_a_command_has_no_terminal_no_input_and_a_session_of_its_own(make_runner: MakeRunner) -> None:
    runner = make_runner()
    assert runner.run(["sh", "-c", "cat; [ $(ps -o sid= -p $$) -eq $$ ] && ! true < /dev/tty"]).status == 0
    assert "/dev/tty" in runner.output


def test_signals_are_as_a_shell_would_leave_them(make_runner: MakeRunner) -> None:
    runner = make_runner()
    runner.run(["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"])
    numbers = [int(line.split()[1], 16) for line in runner.output.splitlines()]
    assert [number & 0x7FFFFFFF for number in numbers] == [0, 0]  # beyond it is the C library's own business


def test_what_cannot_be_started_is_said(make_runner: MakeRunner, tmp_path: Path, children) -> None:
    with pytest.raises(CommandFailed, match="no-such-command: there is no such command"):
        make_runner().run(["no-such-command"])
    with pytest.raises(CommandFailed, match=r"Permission denied|Is a directory"):
        make_runner().run([str(tmp_path)])
    assert children() == []


def test_a_script_that_names_no_interpreter_is_the_shells(make_runner: MakeRunner, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('echo "<$1>"\n')
    script.chmod(0o755)
    runner = make_runner()
    assert runner.run([str(script), "a b"]).status == 0
    assert runner.output == "<a b>\n"


@pytest.mark.parametrize("script", ["sleep 600", "trap '' TERM; sleep 600; sleep 600", "kill -STOP $$", "yes"])
def test_a_command_that_does_not_end_is_ended_with_all_it_started(
    make_runner: MakeRunner, tmp_path: Path, script: str, children
) -> None:
    with pytest.raises(TimeIsUp):
        make_runner(0.5).run(["sh", "-c", f"sleep 601 & echo $$ $! > {tmp_path}/pids; {script}"])
    assert children() == []
    left = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert len(left) == 2
    until_s = time.monotonic() + 20  # to be killed takes a process a moment
    while any(map(is_alive, left)):
        assert time.monotonic() < until_s, f"{left} are still there"


def test_one_that_leaves_a_process_with_the_pipe_ends_all_the_same_and_it_is_told(make_runner: MakeRunner) -> None:
    runner = make_runner()
    ended = runner.run(["sh", "-c", "sleep 602 & echo $!"])
    assert ended.status == 0 and ended.left_some
    left = int(runner.output)
    assert is_alive(left)
    os.kill(left, signal.SIGKILL)


def test_one_that_closes_its_output_is_waited_for(make_runner: MakeRunner) -> None:
    ended = make_runner().run(["sh", "-c", "exec >&- 2>&-; sleep 0.05; exit 3"])
    assert ended.status == 3 and ended.end_ns - ended.start_ns > 50e6


@pytest.mark.parametrize("part", range(4))
def test_an_interruption_at_any_moment_of_a_start_leaves_nobody_behind(
    make_runner: MakeRunner, part: int, children
) -> None:
    # GIVEN somebody who interrupts ever later after a command is to start, until it has long started
    runner = make_runner()
    for number in range(40):
        interrupting = threading.Timer((number + part / 4) * 5e-5, os.kill, (os.getpid(), signal.SIGINT))
        interrupting.start()
        # WHEN that comes THEN it is noticed at once, and the command is ended
        with pytest.raises(KeyboardInterrupt):
            runner.run(["sleep", "600"])
        interrupting.join()
        assert children() == []


def test_who_interrupts_twice_need_not_wait_for_one_that_does_not_care(
    make_runner: MakeRunner, tmp_path: Path, children
) -> None:
    runner = make_runner()
    script = f"trap 'kill -INT {os.getpid()}' TERM; kill -INT {os.getpid()}; while :; do sleep 0.01; done"
    with pytest.raises(KeyboardInterrupt):
        runner.run(["sh", "-c", script])
    assert children() == []
    # AND the next command runs
    assert runner.run(["true"]).status == 0
