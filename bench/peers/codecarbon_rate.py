"""Measures with CodeCarbon as often as it can, for a while; prints when it did and what that cost, as JSON.

python codecarbon_rate.py SECONDS FOLDER
"""

import json
import sys
import time

from codecarbon import OfflineEmissionsTracker

INTERVAL_S = 0.001


class Stamped(OfflineEmissionsTracker):
    """Notes when it measures."""

    stamps_ns: list[int] = []  # noqa: RUF012

    def _do_measurements(self) -> None:
        self.stamps_ns.append(time.monotonic_ns())
        super()._do_measurements()


tracker = Stamped(
    country_iso_code="FRA",
    log_level="critical",
    measure_power_secs=INTERVAL_S,
    output_dir=sys.argv[2],
    save_to_file=False,
    allow_multiple_runs=True,
)
tracker.start()
time.sleep(0.3)  # its first measurements ask for more than the later ones
Stamped.stamps_ns.clear()
start_s, used_s = time.perf_counter(), time.process_time()
time.sleep(float(sys.argv[1]))
used_s, took_s = time.process_time() - used_s, time.perf_counter() - start_s
stamps_ns = list(Stamped.stamps_ns)
modes = [getattr(hardware, "_mode", "") for hardware in tracker._hardware]
energy_kwh = tracker._total_cpu_energy.kWh
tracker.stop()
print(json.dumps({"stamps_ns": stamps_ns, "cpu_s": used_s, "seconds": took_s, "modes": modes, "kwh": energy_kwh}))
