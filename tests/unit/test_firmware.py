"""Which cloud firmware names: strings as machines have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycarbon import firmware

AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"

CLOUDS = {
    "ec2 on nitro": (
        {"sys_vendor": "Amazon EC2", "product_name": "c6i.large", "bios_vendor": "Amazon EC2", "bios_version": "1.0"},
        "aws",
    ),
    "ec2 bare metal": ({"sys_vendor": "Amazon EC2", "product_name": "m7g.metal", "bios_version": "1.0"}, "aws"),
    "ec2 on xen": (
        {"sys_vendor": "Xen", "product_name": "HVM domU", "bios_vendor": "Xen", "bios_version": "4.11.amazon"},
        "aws",
    ),
    "azure": (
        {
            "sys_vendor": "Microsoft Corporation",
            "product_name": "Virtual Machine",
            "chassis_asset_tag": AZURE_TAG,
        },
        "azure",
    ),
    "google": ({"sys_vendor": "Google", "product_name": "Google Compute Engine", "bios_vendor": "Google"}, "gcp"),
    "oracle": (
        {
            "sys_vendor": "QEMU",
            "product_name": "Standard PC (i440FX + PIIX, 1996)",
            "chassis_asset_tag": "OracleCloud.com",
        },
        "oracle",
    ),
    "alibaba": ({"sys_vendor": "Alibaba Cloud", "product_name": "Alibaba Cloud ECS"}, "alibaba"),
    "hetzner": ({"sys_vendor": "Hetzner", "product_name": "vServer"}, "hetzner"),
    "digitalocean": ({"sys_vendor": "DigitalOcean", "product_name": "Droplet"}, "digitalocean"),
    "scaleway": ({"sys_vendor": "Scaleway", "product_name": "SCW-DEV1-S"}, "scaleway"),
    "vultr": ({"sys_vendor": "Vultr", "product_name": "VC2"}, "vultr"),
    "huawei": ({"sys_vendor": "OpenStack Foundation", "chassis_asset_tag": "HUAWEICLOUD"}, "huawei"),
}

NO_CLOUDS = {
    "hyper-v in a cellar": {
        "sys_vendor": "Microsoft Corporation",
        "product_name": "Virtual Machine",
        "chassis_asset_tag": "5188-2153-1183-3475-3297-1112-26",
    },
    "surface laptop": {"sys_vendor": "Microsoft Corporation", "product_name": "Surface Laptop 4"},
    "vmware": {"sys_vendor": "VMware, Inc.", "product_name": "VMware7,1", "chassis_asset_tag": "No Asset Tag"},
    "kvm": {"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)", "bios_vendor": "SeaBIOS"},
    "openstack": {"sys_vendor": "OpenStack Foundation", "product_name": "OpenStack Nova"},
    "xen in a cellar": {"sys_vendor": "Xen", "product_name": "HVM domU", "bios_version": "4.17.4"},
    "a uuid that begins as amazon's did": {
        "sys_vendor": "Xen",
        "product_name": "HVM domU",
        "bios_version": "4.13",
        "product_uuid": "ec2a1111-2222-3333-4444-555555555555",
    },
    "chromebook": {"sys_vendor": "Google", "product_name": "Eve", "bios_vendor": "coreboot"},
    "dell": {"sys_vendor": "Dell Inc.", "product_name": "PowerEdge R740", "bios_vendor": "Dell Inc."},
    "hp": {"sys_vendor": "HPE", "product_name": "ProLiant DL380 Gen10", "chassis_asset_tag": "amazon"},
    "no firmware": {},
}


def write_dmi(root, strings):
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in strings.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else f"{text}\n".encode())
    return root


@pytest.mark.parametrize("strings, provider", CLOUDS.values(), ids=CLOUDS)
def test_a_machine_of_a_cloud_is_known_by_its_firmware(tmp_path, strings, provider):
    assert firmware.provider(write_dmi(tmp_path, strings)) == provider


@pytest.mark.parametrize("strings", NO_CLOUDS.values(), ids=NO_CLOUDS)
def test_other_machines_are_in_no_cloud(tmp_path, strings):
    assert firmware.provider(write_dmi(tmp_path, strings)) is None


@pytest.mark.parametrize(
    "case, told", [("ec2 on nitro", "c6i.large"), ("ec2 bare metal", "m7g.metal"), ("ec2 on xen", ""), ("google", "")]
)
def test_only_nitro_tells_its_type(tmp_path, case, told):
    assert firmware.instance_type(write_dmi(tmp_path, CLOUDS[case][0])) == told


@given(st.dictionaries(st.sampled_from(["sys_vendor", "product_name", "chassis_asset_tag"]), st.binary(max_size=40)))
def test_whatever_the_files_hold_nothing_is_raised(tmp_path_factory, strings):
    root = write_dmi(tmp_path_factory.mktemp("root"), strings)
    assert firmware.provider(root) is None or strings
    assert firmware.instance_type(root) == "" or strings


def test_files_that_cannot_be_read_are_no_firmware(tmp_path):
    (tmp_path / "sys/class/dmi/id/sys_vendor").mkdir(parents=True)
    assert firmware.provider(tmp_path) is None
