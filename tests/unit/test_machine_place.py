"""Where this machine is: from its firmware, its cloud and its address; servers that behave, and that do not."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading

import local_server
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_server import LocalServer, ok
from test_firmware import CLOUDS, NO_CLOUDS, write_dmi

from pycarbon import cloud_metadata
from pycarbon.errors import IntensityError
from pycarbon.place import DEFAULTS, Place, from_address, from_cloud, from_firmware

SHORT_S = 0.15
PATIENT_S = 30.0  # a good answer comes at once; this machine may be busy
TOKEN = "AQAEAExampleTokenOfFiftySixCharacters0123456789abcdefgh=="

DOCUMENT = {
    "region": "us-east-1",
    "availabilityZone": "us-east-1b",
    "instanceType": "c6i.large",
    "accountId": "123456789012",
}
COMPUTE = {"azEnvironment": "AzurePublicCloud", "location": "westeurope", "vmSize": "Standard_D4s_v3", "zone": "2"}
GOOGLE = {"zone": "projects/123/zones/europe-west9-b", "machine-type": "projects/123/machineTypes/n2-standard-8"}


def aws(document=DOCUMENT, token=TOKEN):
    """IMDSv2 as it is documented: without a token it says nothing."""

    def reply(request):
        lines = request.lower().split("\r\n")
        if request.startswith("PUT /latest/api/token HTTP/1.1\r\n"):
            lives = any(re.fullmatch(r"x-aws-ec2-metadata-token-ttl-seconds: \d+", line) for line in lines)
            return ok(token) if lives else ok("", status="400 Bad Request")
        if f"x-aws-ec2-metadata-token: {token}".lower() not in lines:
            return ok("", status="401 Unauthorized")
        if request.startswith("GET /latest/dynamic/instance-identity/document HTTP/1.1\r\n"):
            return ok(json.dumps(document))
        return ok("", status="404 Not Found")

    return reply


def azure(compute=COMPUTE):
    def reply(request):
        if "\r\nMetadata: true\r\n" not in request or "?api-version=" not in request.split("\r\n")[0]:
            return ok('{"error": "Bad request"}', status="400 Bad Request")
        found = request.startswith("GET /metadata/instance/compute?")
        return ok(json.dumps(compute)) if found else ok("", status="404 Not Found")

    return reply


def gcp(items=GOOGLE, flavor="Metadata-Flavor: Google"):
    def reply(request):
        if "\r\nMetadata-Flavor: Google\r\n" not in request:
            return ok("", flavor, status="403 Forbidden")
        found = items.get(request.split(" ")[1].removeprefix("/computeMetadata/v1/instance/"))
        return ok(found, flavor) if found else ok("", flavor, status="404 Not Found")

    return reply


GOOD = {
    "aws": (aws(), Place("aws:us-east-1", "cloud metadata", "aws", "c6i.large", "us-east-1b")),
    "azure": (azure(), Place("azure:westeurope", "cloud metadata", "azure", "Standard_D4s_v3", "2")),
    "gcp": (gcp(), Place("gcp:europe-west9", "cloud metadata", "gcp", "n2-standard-8", "europe-west9-b")),
}
FIRMWARE = {"aws": CLOUDS["ec2 on nitro"][0], "azure": CLOUDS["azure"][0], "gcp": CLOUDS["google"][0]}


@contextlib.contextmanager
def servers(**replies):
    """A server for each cloud; those not named refuse to know anything. Nothing of ours runs on afterwards."""
    with contextlib.ExitStack() as stack:
        made = {
            name: stack.enter_context(LocalServer(replies.get(name, lambda _: ok("", status="404 Not Found"))))
            for name in DEFAULTS
        }
        yield made, {name: server.url for name, server in made.items()}
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("pycarbon")]


def asked(reply, cloud, root, timeout_s=PATIENT_S):
    """What comes of one cloud's server, and the remarks."""
    remarks = []
    with servers(**{cloud: reply}) as (_, urls):
        return from_cloud(root, ask=True, endpoints=urls, timeout_s=timeout_s, remarks=remarks), remarks


@pytest.mark.parametrize("cloud", GOOD)
def test_each_cloud_tells_its_region_when_all_are_asked(tmp_path, cloud):
    reply, place = GOOD[cloud]
    found, remarks = asked(reply, cloud, tmp_path)
    assert found == place and remarks == []


@pytest.mark.parametrize("cloud", GOOD)
def test_only_the_cloud_that_firmware_names_is_asked(tmp_path, cloud):
    # GIVEN a machine whose firmware names its cloud, and servers that all would answer
    root = write_dmi(tmp_path, FIRMWARE[cloud])
    with servers(**{name: reply for name, (reply, _) in GOOD.items()}) as (made, urls):
        # WHEN its place is looked for, whether or not the caller wants to ask
        for ask in (False, True):
            assert from_cloud(root, ask=ask, endpoints=urls, timeout_s=PATIENT_S) == GOOD[cloud][1]
    # THEN nobody else was contacted
    assert [name for name, server in made.items() if server.connections] == [cloud]


@pytest.mark.parametrize("case", NO_CLOUDS)
def test_without_a_cloud_nobody_is_contacted(tmp_path, case):
    # GIVEN a machine that is in no cloud WHEN its place is looked for without asking THEN no connection is made
    root = write_dmi(tmp_path, NO_CLOUDS[case])
    with servers(**{name: reply for name, (reply, _) in GOOD.items()}) as (made, urls):
        assert from_cloud(root, endpoints=urls) is None
        assert not any(server.connections for server in made.values())


def test_a_cloud_that_cannot_be_asked_is_named_without_asking_another(tmp_path):
    # GIVEN a machine of a provider whose metadata service is not known here
    root, remarks = write_dmi(tmp_path, CLOUDS["hetzner"][0]), []
    with servers(**{name: reply for name, (reply, _) in GOOD.items()}) as (made, urls):
        # WHEN the caller wants to ask
        place = from_cloud(root, ask=True, endpoints=urls, remarks=remarks)
        # THEN the provider is known, the region is not, and one line says what to type
        assert place == Place(None, "firmware", "hetzner") and from_firmware(root) == "hetzner"
        assert len(remarks) == 1 and "hetzner" in remarks[0] and "--zone" in remarks[0]
        assert not any(server.connections for server in made.values())


def changed(found, **values):
    return {**found, **values}


IMPOSTORS = {
    "aws: everything is fine": ("aws", lambda _: ok("OK")),
    "aws: a portal": ("aws", lambda _: ok("<html><body>Log in</body></html>")),
    "aws: no token": ("aws", aws(token="<b>no</b>")),
    "aws: a region of two lines": ("aws", aws(changed(DOCUMENT, region="us-east-1\nX: y"))),
    "aws: a region with a slash": (
        "aws",
        aws(changed(DOCUMENT, region="us-east-1/..", availabilityZone="us-east-1/..a")),
    ),
    "aws: no region": ("aws", aws({})),
    "aws: a region that is a number": ("aws", aws(changed(DOCUMENT, region=1))),
    "aws: a zone of another region": ("aws", aws(changed(DOCUMENT, availabilityZone="eu-west-1a"))),
    "aws: a list": ("aws", aws([DOCUMENT])),
    "azure: a portal": ("azure", lambda _: ok("<html><body>Log in</body></html>")),
    "azure: any JSON": ("azure", lambda _: ok('{"location": "westeurope"}')),
    "azure: in a cellar": ("azure", azure(changed(COMPUTE, azEnvironment="AzureStack", location="cellar"))),
    "azure: a region in words": ("azure", azure(changed(COMPUTE, location="West Europe; rm"))),
    "gcp: a portal": ("gcp", lambda _: ok("<html><body>Log in</body></html>")),
    "gcp: without its header": ("gcp", gcp(flavor="X-Flavor: Google")),
    "gcp: with another header": ("gcp", gcp(flavor="Metadata-Flavor: Amazon")),
    "gcp: a zone alone": ("gcp", gcp(changed(GOOGLE, zone="europe-west9-b"))),
    "gcp: yandex": ("gcp", gcp({"zone": "projects/b1gexample/zones/ru-central1-a"})),
    "gcp: upper case": ("gcp", gcp(changed(GOOGLE, zone="projects/123/zones/EUROPE-WEST9-b"))),
}


@pytest.mark.parametrize("cloud, reply", IMPOSTORS.values(), ids=IMPOSTORS)
def test_what_only_looks_like_a_cloud_is_no_place(tmp_path, cloud, reply):
    found, remarks = asked(reply, cloud, tmp_path)
    assert found is None and len(remarks) == 3
    assert all(line.isprintable() and len(line) < 200 for line in remarks)


def test_a_portal_that_answers_everything_is_no_place(tmp_path):
    for answer in (ok("<html>Log in</html>", "Content-Type: text/html"), ok(""), ok("{}"), ok("us-east-1")):
        with servers(**dict.fromkeys(DEFAULTS, lambda _, answer=answer: answer)) as (_, urls):
            assert from_cloud(tmp_path, ask=True, endpoints=urls, timeout_s=PATIENT_S) is None


def test_two_clouds_at_once_are_none(tmp_path):
    remarks = []
    with servers(aws=aws(), gcp=gcp()) as (_, urls):
        assert from_cloud(tmp_path, ask=True, endpoints=urls, timeout_s=PATIENT_S, remarks=remarks) is None
    assert "aws and gcp both claim this machine" in remarks[0]


LOCAL_ZONE = changed(DOCUMENT, region="us-west-2", availabilityZone="us-west-2-lax-1a")
GOVERNMENT = changed(DOCUMENT, region="us-gov-west-1", availabilityZone="us-gov-west-1a")
AZURE_GOVERNMENT = changed(COMPUTE, azEnvironment="AZUREUSGOVERNMENTCLOUD", location="usgovvirginia")
UNUSUAL = {
    "local zone": ("aws", aws(LOCAL_ZONE), "us-west-2", "us-west-2-lax-1a"),
    "government": ("aws", aws(GOVERNMENT), "us-gov-west-1", "us-gov-west-1a"),
    "azure's government": ("azure", azure(AZURE_GOVERNMENT), "usgovvirginia", "2"),
    "no zone": ("azure", azure(changed(COMPUTE, zone="")), "westeurope", ""),
    "cloud run": ("gcp", gcp({"zone": "projects/1/zones/us-central1-1"}), "us-central1", "us-central1-1"),
    "ai zone": ("gcp", gcp({"zone": "projects/1/zones/us-south1-ai1b"}), "us-south1", "us-south1-ai1b"),
}


@pytest.mark.parametrize("cloud, reply, region, zone", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_machines_are_in_a_region_too(tmp_path, cloud, reply, region, zone):
    found, _ = asked(reply, cloud, tmp_path)
    assert found is not None and found.zone == f"{cloud}:{region}"
    assert found.availability_zone == zone


UNHELPFUL = {
    "hangs": local_server.hang,
    "drips": lambda _: local_server.drip(b"late", 0.05, 60),
    "too long": lambda _: ok(b"{" + b" " * 100_000 + b"}"),
    "is broken": lambda _: [b"\x15\x03\x01\x00\x02"],
    "is busy": lambda _: ok("", "Retry-After: 1", status="429 Too Many Requests"),
}


@pytest.mark.parametrize("reply", UNHELPFUL.values(), ids=UNHELPFUL)
def test_a_service_that_does_not_help_leaves_the_region_unknown(tmp_path, reply):
    # GIVEN machines whose firmware names a cloud, whose service is of no help
    for cloud, strings in FIRMWARE.items():
        root, remarks = write_dmi(tmp_path / cloud, strings), []
        with servers(**{cloud: reply}) as (_, urls):
            # WHEN it is asked THEN the provider stays, no thread does, and one line says what to type
            place = from_cloud(root, endpoints=urls, timeout_s=SHORT_S, remarks=remarks)
        kind = "c6i.large" if cloud == "aws" else ""
        assert place == Place(None, "firmware", cloud, kind)
        assert len(remarks) == 1 and f"--zone {cloud}:" in remarks[0] and "\n" not in remarks[0]


def test_when_all_hang_there_is_no_place(tmp_path):
    remarks = []
    with servers(**dict.fromkeys(DEFAULTS, local_server.hang)) as (_, urls):
        assert from_cloud(tmp_path, ask=True, endpoints=urls, timeout_s=SHORT_S, remarks=remarks) is None
    assert remarks == [f"{cloud}: no answer in time" for cloud in DEFAULTS]


def test_when_nobody_listens_there_is_no_place(tmp_path):
    with servers() as (_, urls):
        pass
    assert from_cloud(tmp_path, ask=True, endpoints=urls) is None


@pytest.mark.parametrize("cloud", GOOD)
def test_redirects_are_not_followed(tmp_path, cloud):
    with LocalServer(GOOD[cloud][0]) as elsewhere:
        found, _ = asked(
            lambda request: ok(
                "", f"Location: {elsewhere.url}{request.split(' ')[1]}", status="307 Temporary Redirect"
            ),
            cloud,
            tmp_path,
        )
        assert found is None and elsewhere.connections == 0


def test_proxies_are_not_used(tmp_path, monkeypatch):
    # GIVEN an environment that names a proxy for everything
    with LocalServer(lambda _: ok("proxy")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        # WHEN a cloud is asked THEN the proxy is not
        found, _ = asked(aws(), "aws", tmp_path)
        assert found == GOOD["aws"][1] and proxy.connections == 0


@settings(max_examples=40)
@given(
    st.one_of(st.binary(max_size=60), st.sampled_from([json.dumps(DOCUMENT).encode(), json.dumps(COMPUTE).encode()])),
    st.sampled_from(["200 OK", "204 No Content", "500 Oops", "\xff"]),
    st.sampled_from(["Metadata-Flavor: Google", "Transfer-Encoding: chunked", "Content-Length: -1", "X: y"]),
)
def test_whatever_answers_nothing_is_raised_and_no_place_is_made_up(tmp_path_factory, body, status, header):
    def reply(_):
        yield f"HTTP/1.1 {status}\r\n{header}\r\n\r\n".encode("latin-1") + body
        raise ConnectionAbortedError  # and hang up

    root = tmp_path_factory.getbasetemp()
    with servers(**dict.fromkeys(DEFAULTS, reply)) as (_, urls):
        place = from_cloud(root, ask=True, endpoints=urls, timeout_s=PATIENT_S)
    assert place is None or place == GOOD["azure"][1]


def test_endpoints_that_cannot_be_are_no_place(tmp_path):
    root = write_dmi(tmp_path, FIRMWARE["aws"])
    for endpoint in ("", "http://metadata.example", "file:///etc/passwd", "169.254.169.254"):
        place = from_cloud(root, endpoints={"aws": endpoint})
        assert place == Place(None, "firmware", "aws", "c6i.large")
    assert from_cloud(tmp_path / "none", ask=True, endpoints={"elsewhere": "http://127.0.0.1"}) is None
    assert from_cloud(tmp_path / "none", ask=True, endpoints={}) is None


def test_the_services_are_asked_where_they_are_documented():
    assert DEFAULTS is cloud_metadata.ENDPOINTS and set(DEFAULTS.values()) == {"http://169.254.169.254"}


def test_looking_for_a_place_loads_no_network_code_where_there_is_no_cloud(tmp_path):
    code = (
        "import pathlib, sys; from pycarbon.place import from_cloud; from_cloud(pathlib.Path(sys.argv[1]));"
        "print(*{'http.client', 'ssl', 'socket', 'json', 'threading'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


GEOJS = {
    "country": "France",
    "country_code": "FR",
    "country_code3": "FRA",
    "region": "Île-de-France",
    "ip": "8.8.8.8",
}
IPAPI = {"ip": "8.8.8.8", "country": "FR", "country_code": "FR", "region": "Ile-de-France", "region_code": "IDF"}
IPINFO = {"ip": "2606:4700::1", "country": "FR", "region": "Île-de-France", "loc": "48.85,2.35"}


def located(found, **how):
    with LocalServer(lambda _: ok(json.dumps(found), "Content-Type: application/json")) as server:
        return from_address(f"{server.url}/geo.json", **how)


@pytest.mark.parametrize(
    "found", [GEOJS, IPAPI, IPINFO, {"country_code": "FR"}], ids=["geojs", "ipapi", "ipinfo", "bare"]
)
def test_an_address_is_in_a_country(found):
    place = located(found)
    assert place.zone is not None and place.zone.startswith("FR") and place.how == "geolocation"


@pytest.mark.parametrize(
    "country, region, code, zones",
    [
        ("US", "California", "CA", {"USA", "US-CA"}),
        ("US", "Georgia", "", {"USA", "US-GA"}),  # never the country of that name
        ("BE", "Luxembourg", "WLX", {"BEL", "BE-WLX"}),
        ("US", "World", "", {"USA"}),
        ("CA", "<b>", "../", {"CAN"}),
        ("CA", "x" * 10_000, "QUEBEC", {"CAN"}),
    ],
)
def test_a_subdivision_lies_in_its_country(country, region, code, zones):
    assert located({"country_code": country, "region": region, "region_code": code}).zone in zones


@pytest.mark.parametrize(
    "found",
    [
        {"ip": "192.168.17.23", "country_code": "FR"},
        {"ip": "10.11.12.13", "bogon": True},
        {"ip": "fd00:1234::5678", "country_code": "FR"},
        {"ip": "100.64.17.23", "country_code": "FR"},
        {"ip": "not an address 9.9.9.9", "country_code": "FR"},
        {"ip": 42424242, "country_code": "FR"},
        {"ip": "9.9.9.9", "error": True, "reason": "RateLimited"},
        {"ip": "9.9.9.9", "reserved": True, "country_code": "FR"},
        {"ip": "9.9.9.9"},
        {"ip": "9.9.9.9", "country_code": "XX"},
        {"ip": "9.9.9.9", "country_code": "fr"},
        {"ip": "9.9.9.9", "country_code": "WORLD"},
        {"ip": "9.9.9.9", "country": "France"},
        {"ip": "9.9.9.9", "country_code": ["FR"]},
    ],
)
def test_an_answer_that_names_no_country_is_refused_without_the_address(found):
    with pytest.raises(IntensityError) as refused:
        located(found)
    text = str(refused.value)
    assert "\n" not in text and "--zone FRA" in text
    assert str(found["ip"]) not in text and "9.9.9.9" not in text


BAD_SERVICES = {
    "a portal": lambda _: ok("<html>Log in</html>", "Content-Type: text/html"),
    "too many": lambda _: ok("{}", status="429 Too Many Requests"),
    "elsewhere": lambda _: ok("", "Location: http://127.0.0.1:9/", status="301 Moved Permanently"),
    **UNHELPFUL,
}


@pytest.mark.parametrize("reply", BAD_SERVICES.values(), ids=BAD_SERVICES)
def test_a_service_that_fails_is_named_in_one_line(reply):
    with LocalServer(reply) as server, pytest.raises(IntensityError) as refused:
        from_address(f"{server.url}/json?key=secret", SHORT_S)
    text = str(refused.value)
    assert "127.0.0.1" in text and "--zone FRA" in text and "\n" not in text and "secret" not in text


@pytest.mark.parametrize("endpoint", ["", "geo", "ftp://geo.example/", "http://[::1/json?key=secret"])
def test_an_endpoint_that_cannot_be_is_said(endpoint):
    with pytest.raises(IntensityError, match="no http or https address") as refused:
        from_address(endpoint)
    assert "secret" not in str(refused.value)
