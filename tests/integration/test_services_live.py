"""A command that is recorded while a grid service is asked: what the run says then, and when the service fails."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from werkzeug import Request, Response


def half_hours(request: Request) -> Response:
    """Answer as the UK's service does: every half hour from the one to the other time of the path."""
    first, last = (datetime.strptime(text, "%Y-%m-%dT%H:%MZ") for text in request.path.split("/")[2:4])
    rows = []
    while first < last:
        after = first + timedelta(minutes=30)
        values = {"forecast": 90, "actual": 87, "index": "low"}
        rows.append({"from": f"{first:%Y-%m-%dT%H:%MZ}", "to": f"{after:%Y-%m-%dT%H:%MZ}", "intensity": values})
        first = after
    return Response(json.dumps({"data": rows}), content_type="application/json")


def recorded(tmp_path: Path, url: str, *options: str) -> tuple[dict[str, Any], str]:
    """Record a command with the service at a local address; its report, and what it said on standard error."""
    file = tmp_path / "run.pcr"
    environ = os.environ | {"PYCARBON_UK_ENDPOINT": url, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "pycarbon", "run", "--service", "uk", *options, "-o", str(file), "--", "true"]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stderr
    report = [sys.executable, "-m", "pycarbon", "report", "--json", str(file)]
    return json.loads(subprocess.run(report, env=environ, capture_output=True, check=True).stdout), said


def test_a_run_is_counted_by_what_the_service_tells_of_its_hours(httpserver, tmp_path):
    # GIVEN a service that tells 87 g/kWh of every half hour
    httpserver.expect_request(re.compile(r"/intensity/.*")).respond_with_handler(half_hours)
    # WHEN a command is recorded in Great Britain, and one in France
    found, said = recorded(tmp_path, httpserver.url_for(""), "--zone", "GBR")
    unknown, line = recorded(tmp_path, httpserver.url_for(""), "--zone", "FRA")
    # THEN its file has the service's figure, method and range, and the shipped one is among those not taken
    emissions = found["emissions"]
    assert (emissions["intensity_g_per_kwh"], emissions["hourly"]) == (87, "actual")
    assert emissions["low_g_per_kwh"] < 87 < emissions["high_g_per_kwh"]
    assert emissions["method"] == "average direct consumption, CO2 only" and emissions["zone"] == "GBR"
    assert emissions["year"] == datetime.now(timezone.utc).year
    assert any(other["method"] == "average lifecycle production" for other in emissions["alternatives"])
    assert "at 87.0 g/kWh" in said
    # THEN France, which that service does not know, has the shipped figure, and one line says so
    assert unknown["emissions"]["method"] == "average lifecycle production" and unknown["emissions"]["hourly"] is None
    assert (
        "does not cover FRA" in line and "is used instead" in line and "does not cover FRA" in str(unknown["notes"])
    )


def test_a_service_that_answers_with_a_page_changes_nothing(httpserver, tmp_path):
    httpserver.expect_request(re.compile(".*")).respond_with_data("<html>log in</html>", content_type="text/html")
    found, said = recorded(tmp_path, httpserver.url_for(""), "--zone", "GBR")
    assert found["emissions"]["method"] == "average lifecycle production"
    assert said.count("a web page") >= 1 and [note for note in found["notes"] if "a web page" in note]


def test_who_interrupts_the_waiting_keeps_the_run(httpserver, tmp_path):
    # GIVEN a program that records itself, and a service that lets it wait until somebody interrupts it
    enough = threading.Event()
    program = (
        "import pycarbon\n"
        "try:\n"
        "    with pycarbon.record('x', zone='GBR', path='run.pcr'):\n"
        "        pass\n"
        "except KeyboardInterrupt:\n"
        "    print(pycarbon.load('run.pcr').complete, pycarbon.load('run.pcr').notes)\n"
    )
    environ = os.environ | {"PYCARBON_UK_ENDPOINT": httpserver.url_for(""), "PYCARBON_SERVICE": "uk"}
    environ |= {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", program]
    asking = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True)

    def interrupt(_: Request) -> Response:
        asking.send_signal(signal.SIGINT)
        return Response(str(enough.wait(60)))

    httpserver.expect_request(re.compile(".*")).respond_with_handler(interrupt)
    # WHEN it is interrupted
    try:
        told, _ = asking.communicate()
    finally:
        enough.set()
    # THEN the program is too, and its run is whole, with a note
    assert told.startswith("True") and "the grid service was not waited for: interrupted" in told


def test_a_command_is_counted_by_a_file_of_its_users_own_factors(tmp_path):
    (tmp_path / "own.csv").write_text("zone,year,intensity_g_per_kwh\nFRA,2025,50\n")
    command = ["run", "-o", "x.pcr", "--factors", "own.csv", "--zone", "France", "--json", "--", "true"]
    told = subprocess.run([sys.executable, "-m", "pycarbon", *command], cwd=tmp_path, capture_output=True, check=True)
    emissions = json.loads(told.stderr)["emissions"]
    assert (emissions["intensity_g_per_kwh"], emissions["source"]) == (50, "own factors, own.csv")
