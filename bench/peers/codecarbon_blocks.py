"""Answers each line on standard input with how many seconds an empty block measured by CodeCarbon takes."""

import sys
import time

from codecarbon import OfflineEmissionsTracker

for _ in sys.stdin:
    start = time.perf_counter()
    tracker = OfflineEmissionsTracker(
        country_iso_code="FRA", log_level="critical", output_dir=sys.argv[1], allow_multiple_runs=True
    )
    tracker.start()
    tracker.stop()
    print(time.perf_counter() - start, flush=True)
