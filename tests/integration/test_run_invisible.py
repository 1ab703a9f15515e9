"""Under `pycarbon run` a command sees and shows what it would without: streams, arguments, surroundings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PYTHON, pycarbon_run, run

ECHO_ARGUMENTS = "import os, sys; print([os.fsencode(word) for word in sys.argv[1:]])"

CALLER = """
import os, signal, sys
for name in ("SIGPIPE", "SIGXFSZ"):  # ignored by this interpreter
    signal.signal(getattr(signal, name), signal.SIG_DFL)
for name in filter(None, sys.argv[1].split(",")):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_SETMASK, {getattr(signal, name) for name in filter(None, sys.argv[2].split(","))})
os.execvp(sys.argv[3], sys.argv[3:])
"""

SURROUNDINGS = """
import json, os, resource, sys
print(json.dumps({
    "environ": {k: v for k, v in os.environ.items() if k not in ("PYCARBON_RUN", "PYCARBON_LIVE")},
    "cwd": os.getcwd(), "umask": os.umask(0), "fds": sorted(os.listdir("/proc/self/fd")),
    "nice": os.nice(0), "group": os.getpgid(0), "session": os.getsid(0),
    "affinity": sorted(os.sched_getaffinity(0)),
    "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
}, sort_keys=True))
"""


def test_streams_pass_byte_for_byte() -> None:
    # GIVEN every byte there is, more of it than a pipe holds
    sent = bytes(range(256)) * 4096
    # WHEN a command copies it, standard error to standard output's likeness
    finished = run(pycarbon_run("tee", "/dev/stderr"), input=sent, text=False)
    # THEN standard output is exactly that, and on standard error the summary follows it
    assert finished.stdout == sent
    assert finished.stderr.startswith(sent)
    assert b"Energy" in finished.stderr[len(sent) :]


def test_order_on_a_shared_stream_is_kept() -> None:
    script = "for i in 1 2 3; do echo out$i; echo err$i >&2; done"
    finished = run(
        pycarbon_run("sh", "-c", script), stderr=subprocess.STDOUT, stdout=subprocess.PIPE, capture_output=False
    )
    assert finished.stdout.split()[:6] == ["out1", "err1", "out2", "err2", "out3", "err3"]


def test_inherited_descriptors_reach_the_command() -> None:
    receive, send = os.pipe()
    run(pycarbon_run("bash", "-c", f"echo through >&{send}"), pass_fds=[send])
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        assert pipe.read() == b"through\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [b"", b" ", b"", b"a b"],
        [b"--", b"-o", b"x", b"--", b"--json"],
        [b"--help"],
        [b"--version", b"--project=p", b"-o"],
        ["grüße ✓".encode(), b"*", b"$HOME", b"a\nb", b"'\""],
        [b"\xff\xfe\x80", b"-\xff"],
    ],
)
def test_arguments_arrive_to_the_letter(arguments: list[bytes]) -> None:
    argv = [os.fsencode(word) for word in pycarbon_run(*PYTHON, "-c", ECHO_ARGUMENTS, options=["--json"])]
    finished = run([*argv, *arguments])
    assert finished.returncode == 0
    assert finished.stdout == f"{arguments}\n"
    assert '"schema": 1' in finished.stderr


def test_command_may_follow_without_dashes() -> None:
    finished = run([pycarbon_run("x")[0], "run", *PYTHON, "-c", ECHO_ARGUMENTS, "--zone", "--", "--json", "-o"])
    assert finished.stdout == "[b'--zone', b'--', b'--json', b'-o']\n"


@pytest.mark.parametrize("environ", ["full", "bare", "other locale"])
def test_surroundings_are_the_same(environ: str, tmp_path: Path) -> None:
    # GIVEN a caller with its own environment, umask, limits and working directory
    own = {
        "full": os.environ | {"ODD": "\udcff", "EMPTY": "", "PYCARBON_ZONE": "FRA"},
        "bare": {},
        "other locale": {"LC_CTYPE": "C", "HOME": str(tmp_path)},
    }[environ]
    shell = ["sh", "-c", 'umask 027; ulimit -n 200; exec nice -n 3 "$@"', "sh"]
    command = [sys.executable, "-E", "-I", "-S", "-X", "utf8", "-c", SURROUNDINGS]
    # WHEN it runs the command with and without pycarbon
    without = run([*shell, *command], env=own)
    under = run([*shell, *pycarbon_run(*command, output=tmp_path / "a.pcr")], env=own)
    # THEN the command sees the same
    assert without.returncode == under.returncode == 0, under.stderr
    assert json.loads(under.stdout) == json.loads(without.stdout) | {"group": json.loads(under.stdout)["group"]}


def test_environment_of_a_bare_caller_gains_two_names_only(tmp_path: Path) -> None:
    finished = run(pycarbon_run("/usr/bin/env", output=tmp_path / "a.pcr"), env={"A": "1"})
    assert [line.partition("=")[0] for line in finished.stdout.splitlines()] == ["A", "PYCARBON_RUN", "PYCARBON_LIVE"]


def signal_sets(status: str) -> dict[str, int]:
    """SigBlk, SigIgn and SigCgt; but signals 32 and 33, which posix_spawn ignores, are the C library's own."""
    lines = [line.split(":") for line in status.splitlines()]
    assert [name for name, _ in lines] == ["SigBlk", "SigIgn", "SigCgt"]
    return {name: int(bits, 16) & ~(0b11 << 31) for name, bits in lines}


@pytest.mark.parametrize(
    ("ignored", "blocked"),
    [
        ("", ""),
        ("SIGINT,SIGQUIT", ""),  # a shell's background job
        ("SIGHUP", ""),  # nohup
        ("SIGCHLD", ""),
        ("SIGCHLD,SIGTSTP", "SIGCHLD,SIGUSR1"),
        ("SIGTERM,SIGUSR2", "SIGTERM,SIGINT,SIGWINCH"),
    ],
)
def test_signal_dispositions_and_mask_are_the_same(ignored: str, blocked: str) -> None:
    caller = [*PYTHON, "-c", CALLER, ignored, blocked]
    command = ["grep", "^Sig[BIC]", "/proc/self/status"]
    without, under = run([*caller, *command]), run([*caller, *pycarbon_run(*command)])
    assert under.returncode == 0, under.stderr
    assert signal_sets(under.stdout) == signal_sets(without.stdout)


def test_a_caller_that_ignores_its_children_learns_how_the_command_ends(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("exit 6\n")
    (tmp_path / "script").chmod(0o755)
    caller = [*PYTHON, "-c", CALLER, "SIGCHLD", ""]
    assert run([*caller, *pycarbon_run("sh", "-c", "exit 4")]).returncode == 4
    assert run([*caller, *pycarbon_run("./script")]).returncode == 6
    assert run([*caller, *pycarbon_run("no-such-command")]).returncode == 127


def test_summary_is_on_standard_error_only(tmp_path: Path) -> None:
    for options in ([], ["--json"]):
        finished = run(pycarbon_run("echo", "mine", options=options))
        assert finished.stdout == "mine\n"
        assert "nergy" in finished.stderr
