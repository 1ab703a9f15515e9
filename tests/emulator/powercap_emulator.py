"""Runs the powercap emulator for tests: a live RAPL tree whose true energy is known.

    with PowercapEmulator(power_w={"package": 50}, jitter_us=20) as emulator:
        ...read emulator.class_dir / "intel-rapl:0" / "energy_uj"...
        emulator.true_energy_j("package-0", start_ns, end_ns)
    emulator.report["lateness_max_us"]

Hazards.

- The emulator ends with the *thread* that started it (and with its stdin): start it in one that
  outlives it.
- A value read is up to one period + jitter + `report["lateness_max_us"]` old. A starved machine
  shows as lateness; take tolerances from it.
- A reader that holds `energy_uj` open over `remove` keeps a file that stands still, where sysfs
  would answer ENODEV.
"""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent
BUILD_CACHE = HERE.parent.parent / ".cache" / "emulator"
GCC = ("gcc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-pthread")

Option = float | str | Sequence[str] | Mapping[str, float]


def build(cache_dir: Path = BUILD_CACHE) -> Path:
    """Compile the emulator once per state of its sources; returns the program's path."""
    headers = sorted(HERE.glob("powercap_*.h"))
    sources = sorted(HERE.glob("powercap_*.c"))
    digest = hashlib.sha256(repr(GCC).encode())
    for path in headers + sources:
        digest.update(path.read_bytes())
    program = cache_dir / f"powercap_emulator-{os.uname().machine}-{digest.hexdigest()[:16]}"
    if not program.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Under another name first: several test processes may build at once.
        unfinished = program.with_name(f"{program.name}.{os.getpid()}")
        subprocess.run([*GCC, *map(str, sources), "-o", str(unfinished)], check=True)
        unfinished.replace(program)
    return program


def _as_argument(value: Option) -> str:
    """`--zones` and `--power-w` as the program spells them: "core,dram", "package=50,core=30"."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={number!r}" for key, number in value.items())
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value)
    return ",".join(value)


class PowercapEmulator:
    """A running emulator, from `with` to the end of its block.

    `root`: where the tree goes, on tmpfs if it is to be cheap; None is a folder under /dev/shm that
    goes when the block ends. `options` are those of the program (`--help`), with underscores:
    `power_w={"package": 50, "intel-rapl:0:1": 8}`, `zones=("core", "dram")`, `period_us=976`,
    `jitter_us=20`, `wrap_uj=100_000`, `wave="square:0.5:1.5:20"`, `packages=2`, `seed=1`,
    `msr="intel"`.
    """

    def __init__(self, root: Path | None = None, **options: Option) -> None:
        self._given_root = root
        self._options = options
        self.root: Path  # holds sys/class/powercap and, with `msr`, dev/cpu and sys/devices/system/cpu
        self.live: dict[str, Any]  # the line it prints when live
        self.report: dict[str, Any]  # the line it prints when done; only after the block

    @property
    def class_dir(self) -> Path:
        """The emulated /sys/class/powercap."""
        return self.root / "sys" / "class" / "powercap"

    def msr_path(self, cpu: int) -> Path:
        """The emulated /dev/cpu/N/msr; what it shows is in `live["msr"]`, its layout in powercap_msr.h."""
        return self.root / "dev" / "cpu" / str(cpu) / "msr"

    @property
    def zones(self) -> dict[str, dict[str, Any]]:
        """What the emulator says of each zone, by its id such as `intel-rapl:0:1`."""
        return {zone["zone"]: zone for zone in self.live["zones"]}

    def __enter__(self) -> "PowercapEmulator":
        program = build()
        arguments = [str(program)]
        for name, value in self._options.items():
            arguments += ["--" + name.replace("_", "-"), _as_argument(value)]
        if self._given_root is None:
            arguments.append("--clean")  # also when this process cannot any more
            self.root = Path(tempfile.mkdtemp(prefix="powercap-", dir="/dev/shm"))
            self.root.chmod(0o755)  # mkdtemp's 0700 would hide the tree from other users
        else:
            self._given_root.mkdir(parents=True, exist_ok=True)
            self.root = self._given_root.resolve()
        self._process = subprocess.Popen(
            [*arguments, str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the emulator did not start: {self._end()[1].strip()}")
        self.live = json.loads(line)
        start = self.live["t0_ns"]
        self._power = {zone: [(start, facts["power_w"])] for zone, facts in self.zones.items()}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        output, complaints = self._end()
        lines = output.splitlines()
        if lines:
            self.report = json.loads(lines[-1])
        elif error is None:
            raise RuntimeError(f"the emulator ended without its report: {complaints.strip()}")

    def _end(self) -> tuple[str, str]:
        """Close its stdin, which ends it, and wait; returns the rest of its stdout and stderr."""
        process = self._process
        assert process.stdin and process.stdout and process.stderr
        process.stdin.close()
        # Not communicate(): that would overlook what readline() has buffered.
        with process.stdout, process.stderr:
            output, complaints = process.stdout.read(), process.stderr.read()
        process.wait()
        if self._given_root is None:
            shutil.rmtree(self.root, ignore_errors=True)
        return output, complaints

    def command(self, line: str) -> int:
        """Have a command obeyed, such as `garbage intel-rapl:0`; returns when, CLOCK_MONOTONIC ns.

        garbage|empty|freeze|remove|restore ZONE, mode OCTAL ZONE, power package=80, fail|heal CPU,
        quit; the ZONE or CPU may be `all`. Raises ValueError with the emulator's answer when it refuses.
        """
        process = self._process
        assert process.stdin and process.stdout
        process.stdin.write(line + "\n")
        process.stdin.flush()
        verdict, *answer = process.stdout.readline().split() or ["error: the emulator has ended"]
        if verdict != "ok":
            raise ValueError(" ".join([verdict, *answer]))
        time_ns = int(answer[0])
        for change in answer[1:]:
            zone, power_w = change.rsplit("=", 1)
            self._power[zone].append((time_ns, float(power_w)))
        return time_ns

    def zone_id(self, zone: str | Path) -> str:
        """The id of the zone that an id, a name, a path of its folder or of its energy_uj means.

        A name of two zones (`core` of two packages) is a KeyError; a mirror is no second zone.
        """
        if isinstance(zone, Path):
            zone = zone.parent.name if zone.name == "energy_uj" else zone.name
        if zone in self.zones:
            return str(self.zones[zone]["mirrors"] or zone)
        named = [facts["zone"] for facts in self.zones.values() if facts["name"] == zone and facts["mirrors"] is None]
        if len(named) != 1:
            raise KeyError(f"{zone!r} names {len(named)} zones of {sorted(self.zones)}")
        return str(named[0])

    def true_energy_j(self, zone: str | Path, start_ns: int, end_ns: int) -> float:
        """What the zone truly used between two CLOCK_MONOTONIC times, faults or not, in J.

        Nothing before the emulator's start; what is asked beyond now counts on the present power.
        """
        changes = self._power[self.zone_id(zone)]
        ends = [time_ns for time_ns, _ in changes[1:]] + [max(end_ns, changes[-1][0])]
        energy_nj = 0.0
        for (from_ns, power_w), until_ns in zip(changes, ends, strict=True):
            from_ns, until_ns = max(from_ns, start_ns), min(until_ns, end_ns)
            if from_ns < until_ns:
                energy_nj += power_w * (self._waveform_ns(until_ns) - self._waveform_ns(from_ns))
        return energy_nj / 1e9

    def _waveform_ns(self, time_ns: int) -> float:
        """The integral of the waveform since t0: powercap_zones.h's W."""
        wave = self.live["wave"]
        elapsed_ns = time_ns - self.live["t0_ns"]
        half_ns = wave["period_ns"] // 2
        periods, rest_ns = divmod(elapsed_ns, wave["period_ns"])
        low_ns = periods * half_ns + min(rest_ns, half_ns)
        return float(wave["low_factor"] * low_ns + wave["high_factor"] * (elapsed_ns - low_ns))

    def oldest_value_ns(self) -> int:
        """How old a value read can have been, at most; only after the block, when it is known."""
        # The jitter is cut at 6 standard deviations and at 0.45 periods, on either side.
        span_us = 2 * min(6 * self.live["jitter_us"], 0.45 * self.live["period_us"])
        return int(1000 * (self.live["period_us"] + span_us + self.report["lateness_max_us"])) + 1


def in_mount_namespace(root: Path, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` where /sys/class/powercap is the emulator's.

    The process is `argv`'s own in the end (exec all the way), in a mount namespace of its own, so
    nothing shows outside. Where the machine has no /sys/class/powercap the whole of /sys/class is
    covered, as no folder can be made in sysfs: `argv` then sees no other class of devices.
    Without root it also gets a user namespace, in which it seems to be root.
    """
    script = (
        'target=/sys/class; source="$1/sys/class"; '
        '[ -d "$target/powercap" ] && target="$target/powercap" && source="$source/powercap"; '
        'mount --bind "$source" "$target" && shift && exec "$@"'
    )
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--mount", *as_root, "--", "sh", "-c", script, "sh", str(root), *argv]


@functools.cache
def can_unshare() -> bool:
    """Whether in_mount_namespace() works here: it wants root or unprivileged user namespaces."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "sys/class/powercap/probe").mkdir(parents=True)
        argv = in_mount_namespace(Path(root), ["test", "-d", "/sys/class/powercap/probe"])
        return subprocess.run(argv, capture_output=True).returncode == 0
