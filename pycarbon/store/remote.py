"""A store elsewhere, at any address that fsspec opens: which run files are there, and a run without all of its file.

It is only read. Credentials are the business of fsspec and of what it opens: from the environment, from the files of
a cloud's tools, from its own configuration. An address that holds one is refused, since addresses are kept and shown.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pycarbon import runfile
from pycarbon.analysis import Run
from pycarbon.errors import PyCarbonError, RunFileError
from pycarbon.home import LIVE_SUFFIX
from pycarbon.ranged import Ranged
from pycarbon.store.rows import Place, clean

MOST_OPENING_BYTES = 1 << 26
"""So much may be fetched to open one run: of one that was closed in order it takes a thousandth of that."""

_STATES = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "updated", "modified")
"""By what file systems tell that a file was changed, the surest first; `created` is of those that replace files."""


class Unreachable(PyCarbonError):
    """What lies elsewhere cannot be read now; it may well be there."""


class Gone(PyCarbonError):
    """A file that is no longer there."""


class Remote:
    """A folder elsewhere."""

    def __init__(self, url: str) -> None:
        """Find what opens an address of `address`; Unreachable where nothing does, or something is missing for it."""
        self._url = url
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise Unreachable(f"{url} needs fsspec: pip install 'pycarbon-energy[sources]'") from None
        with _telling(url):
            self._fs, root = url_to_fs(url)
            self._root = str(root).rstrip("/")

    @property
    def takes_many(self) -> bool:
        """Whether several requests may wait for their answers at once."""
        return bool(getattr(self._fs, "async_impl", False))

    def files(self) -> list[Place]:
        """Find its run files; Unreachable where it cannot be asked, or nothing at all is there."""
        with _telling(self._url):
            self._fs.invalidate_cache()
            if not self._fs.exists(self._root):
                raise Unreachable(f"{self._url} cannot be read: there is no such folder")
            if self._fs.isfile(self._root):
                raise Unreachable(f"{self._url} is a file; name the folder it lies in")
            found = self._walked() if _walks(self._fs) else self._fs.find(self._root, detail=True)
        places = []
        for name, info in sorted(found.items()):
            path = name[len(self._root) :].lstrip("/")
            if _is_run(path):
                places.append(Place(self._url, clean(path), int(info.get("size") or 0), state_of(info)))
        return places

    def _walked(self) -> dict[str, Mapping[str, Any]]:
        """Find all files, folder by folder; fsspec's own walk leaves out what is in a folder that lets nobody in."""
        found, waiting = {}, [self._root]
        while waiting:
            here = waiting.pop()
            try:
                listing = self._fs.ls(here, detail=True)
            except FileNotFoundError:  # it has just gone
                continue
            for info in listing:
                name = str(info["name"]).rstrip("/")
                if info["type"] != "directory":
                    found[name] = info
                elif not info.get("islink") and not _is_hidden(name.rpartition("/")[2]):
                    waiting.append(name)
        return found

    def load(self, path: str, size: int | None = None) -> Run:
        """Open a run there; of its file only what is asked of the run is fetched.

        RunFileError where it holds no run that can be used; Gone, or Unreachable.
        """
        where, name = f"{self._url}/{path}", f"{self._root}/{path}"
        where = where if where.isprintable() else repr(where)
        with _telling(where):
            if size is None:
                size = int(self._fs.info(name)["size"])
        data = Ranged(self._reader(name, where), size, MOST_OPENING_BYTES)
        try:
            run = Run(runfile.parse(data, where))
        except RunFileError as error:
            text = str(error)
            raise RunFileError(text if where in text else f"{where} has {text}") from None
        data.allowance = None
        return run

    def _reader(self, name: str, where: str) -> Any:
        def read(start: int, stop: int) -> bytes:
            with _telling(where):
                return bytes(self._fs.cat_file(name, start=start, end=stop))

        return read


def address(text: str) -> str:
    """Give the address of a source as it is kept, absolute; PyCarbonError where something secret is in it."""
    text = text.strip().rstrip("/")
    if not text:
        raise PyCarbonError("a source needs an address, such as s3://bucket/runs or a folder")
    if "://" not in text and "::" not in text:
        return f"file://{Path(text).expanduser().absolute()}"
    for part in text.split("::"):
        if "://" not in part:
            continue
        try:
            split = urlsplit(part)
            secret = split.password is not None or (split.username is not None and split.scheme in ("http", "https"))
        except ValueError:
            raise PyCarbonError(f"{part[:40]!r} is no address") from None
        if secret or split.query:
            scheme = split.scheme
            raise PyCarbonError(
                f"an address of {scheme}:// that holds a password, a token or a query is not taken, since it would be"
                f" kept and shown; give credentials as fsspec takes them for {scheme}, such as in the environment"
            )
    return text


def folder_of(url: str) -> Path | None:
    """Give the folder of this machine that an address means; None where it means none."""
    scheme, _, path = url.partition("://")
    return Path(path).absolute() if scheme in ("file", "local") and "::" not in url else None


def state_of(info: Mapping[str, Any]) -> int:
    """Give a number that is another one when the file was changed."""
    told = next((info[name] for name in (*_STATES, "created") if info.get(name) is not None), "")
    return int.from_bytes(hashlib.blake2b(str(told).encode(), digest_size=8).digest(), "big") >> 1


def _walks(fs: Any) -> bool:
    """Say whether a file system has no way of its own to list all that is below a folder, as object stores have."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    kind = type(fs)
    return kind.find is AbstractFileSystem.find or getattr(kind, "_find", None) is AsyncFileSystem._find


def _is_run(path: str) -> bool:
    *folders, name = path.split("/")
    return name.endswith(runfile.SUFFIX) and not any(map(_is_hidden, folders))


def _is_hidden(folder: str) -> bool:
    """Say whether runs in a folder are none of the store's: they are still being recorded, or somebody hid them."""
    return LIVE_SUFFIX in folder or folder[:1] == "."


@contextlib.contextmanager
def _telling(where: str) -> Iterator[None]:
    """Turn whatever a file system raises into one line."""
    try:
        yield
    except PyCarbonError:
        raise
    except FileNotFoundError:
        raise Gone(f"{where} is no longer there") from None
    except Exception as error:  # each file system has its own
        why = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
        raise Unreachable(f"{where} cannot be read: {why[:200]}") from None
