"""Whose cloud a machine stands in, as its firmware (DMI) says: read from files, no network.

What is read is readable by everybody. `product_uuid` is not read: it begins with `ec2` on old Amazon machines, but
also on one in 4096 of all others, and only root may look.
"""

from __future__ import annotations

from pathlib import Path

_DMI = "sys/class/dmi/id"
_MOST_BYTES = 4096  # a DMI string is far shorter; the kernel gives a page at most

# The tag spells "MSFT AZURE VM" in decimal ASCII; Hyper-V elsewhere says all the rest of what Azure says.
_AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
_GOOGLE_PRODUCTS = ("google compute engine", "google")  # Chromebooks are Google's too, with other products

_PROVIDER_OF_VENDOR = {
    "3ds outscale": "outscale",
    "akamai": "akamai",
    "alibaba cloud": "alibaba",
    "amazon ec2": "aws",
    "cloudsigma": "cloudsigma",
    "digitalocean": "digitalocean",
    "e24cloud": "e24cloud",
    "exoscale": "exoscale",
    "hetzner": "hetzner",
    "linode": "akamai",
    "nwcs": "nwcs",
    "ovh": "ovh",
    "ovhcloud": "ovh",
    "scaleway": "scaleway",
    "tencent cloud": "tencent",
    "upcloud": "upcloud",
    "vultr": "vultr",
    "yandex": "yandex",
}
_PROVIDER_OF_TAG = {
    "huaweicloud": "huawei",
    "opentelekomcloud": "open-telekom-cloud",
    "oraclecloud.com": "oracle",
    "sap ccloud vm": "sap",
}


def provider(root: Path = Path("/")) -> str | None:
    """The cloud whose machine this is (`aws`, `azure`, `gcp`, `oracle`, ...), None where the firmware names none."""
    vendor = _read(root, "sys_vendor").casefold()
    tag = _read(root, "chassis_asset_tag").casefold()
    if vendor == "microsoft corporation":
        return "azure" if tag == _AZURE_TAG else None
    if vendor == "google":
        return "gcp" if _read(root, "product_name").casefold() in _GOOGLE_PRODUCTS else None
    if vendor == "xen":
        return "aws" if _read(root, "bios_version").casefold().endswith(".amazon") else None
    return _PROVIDER_OF_VENDOR.get(vendor) or _PROVIDER_OF_TAG.get(tag)


def instance_type(root: Path = Path("/")) -> str:
    """The type of an EC2 instance on Nitro, whose firmware tells it (`c6i.large`); elsewhere empty."""
    product = _read(root, "product_name")
    return product if _read(root, "sys_vendor") == "Amazon EC2" and product.isascii() and "." in product else ""


def _read(root: Path, name: str) -> str:
    """The first line of a DMI file, empty where it cannot be read."""
    try:
        with (root / _DMI / name).open("rb") as file:
            lines = file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return ""
    return lines[0].strip("\0 \t") if lines else ""
