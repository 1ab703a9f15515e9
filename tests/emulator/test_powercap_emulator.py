"""Proves the powercap emulator: what it shows is the true energy, in the layout of the kernel.

Every tolerance is physics, one update and one energy unit, plus the lateness the emulator reports.
"""

import json
import math
import os
import select
import signal
import stat
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from powercap_emulator import PowercapEmulator, build, can_unshare, in_mount_namespace

Reading = tuple[str, int, int, int]  # zone, time before, raw µJ, time after


def read(emulator: PowercapEmulator, zone: str) -> Reading:
    path = emulator.class_dir / zone / "energy_uj"
    before_ns = time.monotonic_ns()
    raw = int(path.read_text())
    return zone, before_ns, raw, time.monotonic_ns()


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_true(emulator: PowercapEmulator, readings: list[Reading]) -> None:
    """Each reading is the energy of some moment up to its own, and no older than one update."""
    start_ns, oldest_ns = emulator.live["t0_ns"], emulator.oldest_value_ns()
    for zone, before_ns, raw, after_ns in readings:
        facts = emulator.zones[zone]
        modulus_uj = facts["max_energy_range_uj"] + 1
        start_uj = facts["start_uj"]
        energy_uj = [
            start_uj + 1e6 * emulator.true_energy_j(zone, start_ns, time_ns)
            for time_ns in (before_ns - oldest_ns, after_ns)
        ]
        lowest, highest = math.floor(energy_uj[0] - facts["unit_uj"]) - 1, math.ceil(energy_uj[1])
        assert (raw - lowest) % modulus_uj <= highest - lowest, (zone, lowest, raw, highest)


def test_counters_rise_by_power_times_time():
    # GIVEN a machine with every kind of zone, each at a power of its own
    power_w = {"package": 50, "core": 30, "uncore": 5.5, "dram": 8, "psys": 70}
    zones = ("core", "uncore", "dram", "psys", "mmio")
    with PowercapEmulator(power_w=power_w, zones=zones, jitter_us=20, seed=7) as emulator:
        # WHEN all are read again and again over a second
        first = [read(emulator, zone) for zone in emulator.zones]
        readings = list(first)
        while time.monotonic_ns() - first[0][1] < 1_000_000_000:
            readings += [read(emulator, zone) for zone in emulator.zones]
            time.sleep(0.003)
        last = [read(emulator, zone) for zone in emulator.zones]
    # THEN every value is the true energy of its time, and the rise is power x time
    assert_true(emulator, readings + last)
    for (zone, before_ns, raw, after_ns), (_, last_before_ns, last_raw, last_after_ns) in zip(
        first, last, strict=True
    ):
        kind = emulator.zones[zone]["kind"]
        zone_power_w = power_w["package" if kind == "mmio" else kind]
        expected_uj = zone_power_w * (last_before_ns - before_ns) / 1e3
        unsure_ns = emulator.oldest_value_ns() + max(after_ns - before_ns, last_after_ns - last_before_ns)
        assert last_raw - raw == pytest.approx(expected_uj, abs=zone_power_w * unsure_ns / 1e3 + 63)
    assert emulator.report["updates"] + emulator.report["skipped"] == pytest.approx(
        emulator.report["wall_s"] / 976e-6, abs=2
    )


def test_layout_is_the_kernels():
    with PowercapEmulator(zones=("core", "uncore", "dram", "psys", "mmio")) as emulator:
        names = {
            path.name: (path / "name").read_text()
            for path in emulator.class_dir.iterdir()
            if (path / "name").exists()
        }
        assert names == {
            "intel-rapl:0": "package-0\n",
            "intel-rapl:0:0": "core\n",
            "intel-rapl:0:1": "uncore\n",
            "intel-rapl:0:2": "dram\n",
            "intel-rapl:1": "psys\n",
            "intel-rapl-mmio:0": "package-0\n",
        }
        control = emulator.class_dir / "intel-rapl"
        assert (control / "enabled").read_text() == "1\n"
        # The ways in which other tools walk it
        package = control / "subsystem" / "intel-rapl" / "intel-rapl:0"
        assert (package / "intel-rapl:0:2" / "name").read_text() == "dram\n"
        assert package.resolve() == (package / "intel-rapl:0:2" / "device").resolve()
        assert (package / "max_energy_range_uj").read_text() == "262143328850\n"
        assert (package / "enabled").read_text() == "1\n"
        for path in emulator.class_dir.rglob("*"):
            if path.is_symlink():
                assert not path.readlink().is_absolute()
                assert path.resolve().is_relative_to(emulator.class_dir)
    assert not emulator.root.exists()


def test_two_packages_come_before_psys():
    power_w = {"package": 40, "intel-rapl:1": 60}
    with PowercapEmulator(packages=2, zones=("dram", "psys", "mmio"), power_w=power_w) as emulator:
        names = {zone: facts["name"] for zone, facts in emulator.zones.items()}
        powers = {zone: facts["power_w"] for zone, facts in emulator.zones.items()}
    assert names == {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "dram",
        "intel-rapl:1": "package-1",
        "intel-rapl:1:0": "dram",
        "intel-rapl:2": "psys",
        "intel-rapl-mmio:0": "package-0",
        "intel-rapl-mmio:1": "package-1",
    }
    assert (powers["intel-rapl:0"], powers["intel-rapl:1"]) == (40, 60)
    assert emulator.zone_id("package-1") == "intel-rapl:1"
    with pytest.raises(KeyError, match="2 zones"):
        emulator.true_energy_j("dram", 0, 1)


def test_mirror_equals_the_package():
    with PowercapEmulator(period_us=20_000) as emulator:
        equal = 0
        for _ in range(20):
            before = read(emulator, "intel-rapl:0")[2]
            mirror = read(emulator, "intel-rapl-mmio:0")[2]
            after = read(emulator, "intel-rapl:0")[2]
            assert before <= mirror <= after
            equal += before == mirror == after
            time.sleep(0.002)
    assert equal > 0


def test_counter_wraps_at_its_range():
    # GIVEN a range of 0.1 J at 50 W, a wrap every 2 ms, the first one at once and 49999 behind it,
    # so that one µJ more or less in a wrap would show
    options = {
        "wrap_uj": 99_999,
        "start_uj": 4_999_999_990,
        "period_us": 200,
        "power_w": {"package": 50},
    }
    with PowercapEmulator(**options) as emulator:
        deadline_ns = time.monotonic_ns() + 300_000_000
        readings = []
        while time.monotonic_ns() < deadline_ns:
            readings.append(read(emulator, "intel-rapl:0"))
    # THEN no value leaves the range, each is true modulo range + 1, and the wraps are counted
    assert max(raw for _, _, raw, _ in readings) <= 99_999
    assert_true(emulator, readings)
    total_uj = 99_990 + 50 * 1e6 * emulator.report["wall_s"]
    slack = 1 + 50 * emulator.oldest_value_ns() / 1e3 / 100_000
    assert emulator.report["wraps"]["intel-rapl:0"] == pytest.approx(total_uj / 1e5, abs=slack)


def test_counter_moves_in_whole_units():
    with PowercapEmulator(unit_uj={"package": 1000, "dram": 250}, period_us=100) as emulator:
        readings = [read(emulator, zone) for _ in range(100) for zone in emulator.zones]
    units = {"intel-rapl:0": 1000, "intel-rapl:0:1": 250, "intel-rapl-mmio:0": 1000}
    assert all(raw % units[zone] == 0 for zone, _, raw, _ in readings if zone in units)
    assert_true(emulator, readings)


def test_square_wave_has_its_mean_and_its_halves():
    # GIVEN 100 W that is 50 W and 150 W in turn, 10 ms each
    with PowercapEmulator(power_w={"package": 100}, wave="square:0.5:1.5:20", period_us=200) as emulator:
        readings = []
        while time.monotonic_ns() < emulator.live["t0_ns"] + 400_000_000:
            readings.append(read(emulator, "intel-rapl:0"))
            time.sleep(0.0005)
    # THEN whole periods have the mean, each half its own power, and the counter follows
    start_ns = emulator.live["t0_ns"]
    assert emulator.true_energy_j("package-0", start_ns, start_ns + 400_000_000) == pytest.approx(40)
    for half, energy_j in enumerate([0.5, 1.5, 0.5, 1.5]):
        from_ns = start_ns + half * 10_000_000
        assert emulator.true_energy_j("package-0", from_ns, from_ns + 10_000_000) == pytest.approx(energy_j)
    assert_true(emulator, readings)


def test_power_changes_are_part_of_the_truth():
    with PowercapEmulator(power_w=50, period_us=200) as emulator:
        readings = [read(emulator, zone) for zone in emulator.zones]
        changed_ns = emulator.command("power package=200,core=0")
        for _ in range(50):
            readings += [read(emulator, zone) for zone in emulator.zones]
            time.sleep(0.001)
        restored_ns = emulator.command("power 10")
        for _ in range(50):
            readings += [read(emulator, zone) for zone in emulator.zones]
            time.sleep(0.001)
    assert_true(emulator, readings)
    start_ns, energy_uj = emulator.live["t0_ns"], Path("/sys/class/powercap/intel-rapl:0/energy_uj")
    expected_nj = 50 * (changed_ns - start_ns) + 200 * (restored_ns - changed_ns) + 10 * 10_000_000
    truth_j = emulator.true_energy_j(energy_uj, start_ns - 1_000_000, restored_ns + 10_000_000)
    assert truth_j == pytest.approx(expected_nj / 1e9)
    assert emulator.report["power_changes"][0] == {
        "time_ns": changed_ns,
        "zone": "intel-rapl:0",
        "power_w": 200,
    }


def test_faults_last_until_restored():
    with PowercapEmulator(period_us=200) as emulator:
        path = emulator.class_dir / "intel-rapl:0" / "energy_uj"
        descriptor = os.open(path, os.O_RDONLY)
        try:
            for fault, content in (("garbage", b"garbage\n"), ("empty", b"")):
                emulator.command(f"{fault} intel-rapl:0")
                assert path.read_bytes() == os.pread(descriptor, 64, 0) == content
                time.sleep(0.002)  # some updates, none of which may touch the file
                assert path.read_bytes() == content
                emulator.command("restore intel-rapl:0")
                # An open descriptor sees the recovery
                assert len(os.pread(descriptor, 64, 0)) == 17
            emulator.command("freeze intel-rapl:0")
            frozen = read(emulator, "intel-rapl:0")[2]
            time.sleep(0.002)
            assert read(emulator, "intel-rapl:0")[2] == frozen
            emulator.command("restore intel-rapl:0")
            emulator.command("mode 0400 intel-rapl:0")
            assert stat.S_IMODE(path.stat().st_mode) == 0o400
            emulator.command("restore intel-rapl:0")
            assert stat.S_IMODE(path.stat().st_mode) == 0o444
        finally:
            os.close(descriptor)
        sound = [read(emulator, zone) for zone in emulator.zones]
    assert_true(emulator, sound)


def test_removed_zone_comes_back():
    with PowercapEmulator(period_us=200) as emulator:
        emulator.command("remove intel-rapl:0:1")
        assert not (emulator.class_dir / "intel-rapl:0:1").exists()
        assert "intel-rapl:0:1" not in listing(emulator.class_dir / "intel-rapl:0")
        with pytest.raises(ValueError, match="No such file"):
            emulator.command("remove intel-rapl:0:1")
        emulator.command("restore intel-rapl:0:1")
        assert (emulator.class_dir / "intel-rapl:0" / "intel-rapl:0:1" / "name").exists()
        emulator.command("remove all")
        assert listing(emulator.class_dir) == ["intel-rapl", "intel-rapl-mmio"]
        emulator.command("restore all")
        assert (emulator.class_dir / "intel-rapl" / "intel-rapl:0" / "intel-rapl:0:1").exists()
        readings = [read(emulator, zone) for zone in emulator.zones]
    assert_true(emulator, readings)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "garbage",
        "garbage intel-rapl:7",
        "melt intel-rapl:0",
        "mode 9 intel-rapl:0",
        "power",
        "power cpu=1",
        "power package=-1",
        "power package=1,core=x",
        "freeze all now",
    ],
)
def test_wrong_command_is_refused_and_changes_nothing(line: str):
    with PowercapEmulator(zones=("core",)) as emulator:
        with pytest.raises(ValueError, match="error"):
            emulator.command(line)
        reading = read(emulator, "intel-rapl:0")
    assert_true(emulator, [reading])
    assert emulator.report["power_changes"] == []


@pytest.mark.parametrize(
    "options",
    [{"zones": "gpu"}, {"power_w": {"gpu": 3}}, {"period_us": 0}, {"wave": "sine"}, {"colour": 1}],
)
def test_wrong_option_does_not_start(options):
    emulator = PowercapEmulator(**options)
    with pytest.raises(RuntimeError, match="did not start"):
        emulator.__enter__()
    assert not emulator.root.exists()


def test_a_given_root_is_kept_and_never_overwritten(tmp_path: Path):
    with PowercapEmulator(tmp_path / "new") as emulator:
        pass
    last = read(emulator, "intel-rapl:0")[2]
    with pytest.raises(RuntimeError, match="already there"):
        PowercapEmulator(tmp_path / "new").__enter__()
    assert read(emulator, "intel-rapl:0")[2] == last


def test_same_seed_same_jitter():
    # GIVEN a power and a unit at which a value tells when it was shown: 1 µJ is 1 ns
    def update_times_us(seed: int) -> dict[int, float]:
        options = {"power_w": 1000, "unit_uj": 1, "period_us": 20_000, "jitter_us": 4000}
        with PowercapEmulator(seed=seed, **options) as emulator:
            raws = set()
            while time.monotonic_ns() < emulator.live["t0_ns"] + 170_000_000:
                raws.add(read(emulator, "intel-rapl:0")[2])
        if emulator.report["lateness_max_us"] > 4000:
            pytest.skip("the emulator was starved: its updates tell nothing of their jitter")
        return {round(raw / 2e7): raw / 1e3 for raw in raws - {0}}

    # WHEN two of one seed and one of another are compared
    first, second, other = update_times_us(1), update_times_us(1), update_times_us(2)
    # THEN the same seed repeats its jitter, but for lateness, and the other has its own
    assert all(abs(first[k] - second[k]) <= 4000 for k in first.keys() & second.keys())
    assert max(abs(first[k] - k * 20_000) for k in first) > 4000
    assert max(abs(first[k] - other[k]) for k in first.keys() & other.keys()) > 4000


def test_it_ends_when_stdin_closes():
    with PowercapEmulator() as emulator:
        root = emulator.root
        process = emulator._process
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=10) == 0
        assert not root.exists()
    assert emulator.report["updates"] >= 0


def test_it_ends_when_its_parent_is_killed():
    # GIVEN an emulator under a shell, its stdin held open by somebody else
    program = build()
    root = Path("/dev/shm") / f"powercap-orphan-{os.getpid()}"
    to_read, to_hold = os.pipe()
    try:
        script = 'exec 3<&0; "$1" "$2" --clean <&3 & wait'
        argv = ["sh", "-c", script, "sh", str(program), str(root)]
        with subprocess.Popen(argv, stdin=to_read, stdout=subprocess.PIPE) as shell:
            json.loads(shell.stdout.readline())
            assert root.exists()
            # WHEN the shell is killed THEN the emulator reports, cleans up and goes
            shell.send_signal(signal.SIGKILL)
            assert select.select([shell.stdout], [], [], 10)[0], "it outlived its parent"
            assert json.loads(shell.stdout.read())["updates"] >= 0
        assert not root.exists()
    finally:
        os.close(to_read)
        os.close(to_hold)


def test_reads_are_never_torn():
    # GIVEN a counter that moves every 100 µs in a range below 100 J, where one half holds it all,
    # and that wraps once, after half a second
    wrap_uj = 99_999_999
    options = {"period_us": 100, "wrap_uj": wrap_uj, "start_uj": 75_000_000}
    with PowercapEmulator(power_w={"package": 50}, **options) as emulator:
        descriptor = os.open(emulator.class_dir / "intel-rapl:0" / "energy_uj", os.O_RDONLY)
        try:
            # WHEN it is read as fast as can be through an open descriptor for a second
            readings = []
            deadline_ns = time.monotonic_ns() + 1_000_000_000
            after_ns = 0
            while after_ns < deadline_ns:
                before_ns = time.monotonic_ns()
                text = os.pread(descriptor, 64, 0)
                after_ns = time.monotonic_ns()
                if not readings or text != readings[-1][2]:
                    readings.append(("intel-rapl:0", before_ns, text, after_ns))
        finally:
            os.close(descriptor)
    # THEN each read is one whole number, none goes back but at the wrap, and each is true
    assert all(len(text) == 17 and text.strip().isdigit() for _, _, text, _ in readings)
    readings = [(zone, before, int(text), after) for zone, before, text, after in readings]
    backwards = [(a, b) for (_, _, a, _), (_, _, b, _) in pairwise(readings) if b < a]
    assert len(backwards) <= emulator.report["wraps"]["intel-rapl:0"]
    assert all(a - b > wrap_uj / 2 for a, b in backwards)
    assert_true(emulator, readings)


@pytest.mark.skipif(not can_unshare(), reason="needs root or unprivileged user namespaces")
def test_mount_namespace_shows_it_as_the_machines_own_and_leaks_nothing():
    outside = listing(Path("/sys/class"))
    with PowercapEmulator() as emulator:
        script = "echo $$; cat /sys/class/powercap/intel-rapl:0/energy_uj; kill -TERM $$"
        before_ns = time.monotonic_ns()
        with subprocess.Popen(
            in_mount_namespace(emulator.root, ["sh", "-c", script, "a word"]),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            pid, raw = map(int, process.stdout.read().split())
        after_ns = time.monotonic_ns()
        assert listing(Path("/sys/class")) == outside
        assert str(emulator.root) not in Path("/proc/self/mountinfo").read_text()
    # The process is the command itself: its pid and its end by a signal come through
    assert pid == process.pid
    assert process.returncode == -signal.SIGTERM
    assert_true(emulator, [("intel-rapl:0", before_ns, raw, after_ns)])
