"""Answers each line on standard input with what beginning and ending a region costs, or says, with one tool.

    python region_cost.py TOOL FOLDER

    cost COUNT              seconds for each begin and end, of COUNT empty regions
    blocks LENGTH_S COUNT   COUNT regions of a busy loop, as JSON: [[start_ns, end_ns, joules], ...]; CLOCK_MONOTONIC

Joules are those of the CPU package, as the tool says them when the region ends; pycarbon says them after the run.
The times are taken within the region, right after its begin and right before its end. Lengths are drawn within 30 %
of LENGTH_S: a region that lasts as long as the counter's period nearly always sees one change, and flatters whoever
subtracts two reads.
"""

import json
import os
import random
import sys
import time

J_PER_KWH = 3.6e6


class PyCarbon:
    """Regions of one name; under `pycarbon run`."""

    def __init__(self):
        import pycarbon

        self.region = pycarbon.region

    def empty(self, count):
        step = self.region("empty")
        for _ in range(count):
            with step:
                pass

    def block(self, length_s):
        with self.region("block"):
            return *busy(length_s), None


class Zeus:
    """Windows of the CPU alone; without a GPU there is nothing to wait for."""

    def __init__(self):
        from zeus.monitor import ZeusMonitor

        self.monitor = ZeusMonitor(gpu_indices=[], cpu_indices=[0])

    def empty(self, count):
        begin, end = self.monitor.begin_window, self.monitor.end_window
        for _ in range(count):
            begin("empty")
            end("empty")

    def block(self, length_s):
        self.monitor.begin_window("block")
        times = busy(length_s)
        return *times, self.monitor.end_window("block").cpu_energy[0]


class PyRAPL:
    """One measurement of the package, made once."""

    def __init__(self):
        import pyRAPL

        pyRAPL.setup(devices=[pyRAPL.Device.PKG])
        self.measurement = pyRAPL.Measurement("block")

    def empty(self, count):
        begin, end = self.measurement.begin, self.measurement.end
        for _ in range(count):
            begin()
            end()

    def block(self, length_s):
        self.measurement.begin()
        times = busy(length_s)
        self.measurement.end()
        return *times, self.measurement.result.pkg[0] / 1e6


class PyJoules:
    """A meter of the package, made once."""

    def __init__(self):
        from pyJoules.device import DeviceFactory
        from pyJoules.device.rapl_device import RaplPackageDomain
        from pyJoules.energy_meter import EnergyMeter

        self.meter = EnergyMeter(DeviceFactory.create_devices([RaplPackageDomain(0)]))

    def empty(self, count):
        start, stop = self.meter.start, self.meter.stop
        for _ in range(count):
            start()
            stop()

    def block(self, length_s):
        self.meter.start()
        times = busy(length_s)
        self.meter.stop()
        return *times, self.meter.get_trace()[0].energy["package_0"] / 1e6


class CodeCarbon:
    """Tasks of one tracker, which measures the CPU's counters."""

    def __init__(self):
        from codecarbon import OfflineEmissionsTracker

        self.tracker = OfflineEmissionsTracker(
            country_iso_code="FRA",
            log_level="critical",
            output_dir=sys.argv[2],
            save_to_file=False,
            allow_multiple_runs=True,
        )
        self.block(0.001)
        modes = [getattr(hardware, "_mode", "") for hardware in self.tracker._hardware]
        if "intel_rapl" not in modes:
            raise RuntimeError(f"CodeCarbon does not read the counters here, its modes are {modes}")

    def empty(self, count):
        start, stop = self.tracker.start_task, self.tracker.stop_task
        for _ in range(count):
            start()
            stop()

    def block(self, length_s):
        self.tracker.start_task()
        times = busy(length_s)
        return *times, self.tracker.stop_task().cpu_energy * J_PER_KWH


TOOLS = {"pycarbon": PyCarbon, "Zeus": Zeus, "pyRAPL": PyRAPL, "pyJoules": PyJoules, "CodeCarbon": CodeCarbon}


def busy(length_s):
    start_ns = time.monotonic_ns()
    end_ns = start_ns + round(length_s * 1e9)
    while time.monotonic_ns() < end_ns:
        pass
    return start_ns, time.monotonic_ns()


def nothing(count):
    for _ in range(count):
        pass


def timed(loop, count):
    start_s = time.perf_counter()
    loop(count)
    return time.perf_counter() - start_s


def blocks(tool, length_s, count):
    """Regions that do not keep step with the counter."""
    chance = random.Random(1)
    found = []
    for _ in range(count):
        busy(chance.uniform(0.001, 0.003))
        found.append(tool.block(length_s * chance.uniform(0.7, 1.3)))
    return found


def main():
    tool = TOOLS[sys.argv[1]]()
    tool.empty(3)  # Zeus starts a process with its first window
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print("ready", flush=True)
    for line in sys.stdin:
        what, *words = line.split()
        if what == "cost":
            count = int(words[0])
            print((timed(tool.empty, count) - timed(nothing, count)) / count, flush=True)
        else:
            print(json.dumps(blocks(tool, float(words[0]), int(words[1]))), flush=True)


if __name__ == "__main__":
    main()
