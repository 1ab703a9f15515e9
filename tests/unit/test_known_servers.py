"""Which servers the user named, and which only a file that anybody may have written."""

from __future__ import annotations

from pycarbon.pushing import known

OURS, OTHER, THIRD = "https://ours.example.org", "https://other.example.org", "https://third.example.org"


def test_servers_are_named_by_the_environment_the_users_file_and_once_by_hand(tmp_path, monkeypatch):
    # GIVEN a server in the environment, one in the user's own file, and one in a folder's pyproject.toml
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PYCARBON_SERVER": OURS}
    (tmp_path / "config" / "pycarbon").mkdir(parents=True)
    (tmp_path / "config" / "pycarbon" / "config.toml").write_text(f'server = "{OTHER}"\n')
    (tmp_path / "pyproject.toml").write_text(f'[tool.pycarbon]\nserver = "{THIRD}"\n')
    monkeypatch.chdir(tmp_path)
    # THEN the last is not among those that get a token
    assert known.servers(environ) == {OURS, OTHER}
    # WHEN the user names it once, and once more THEN it is, and is noted once
    known.remember(THIRD, environ)
    known.remember(THIRD, environ)
    assert known.servers(environ) == {OURS, OTHER, THIRD}
    assert (tmp_path / "config" / "pycarbon" / "servers").read_text() == f"{THIRD}\n"


def test_a_damaged_list_names_nobody(tmp_path):
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    (tmp_path / "pycarbon").mkdir()
    (tmp_path / "pycarbon" / "servers").write_bytes(b"nonsense\n\nhttps://a@b\n" + f"{OURS}/\n".encode())
    assert known.servers(environ) == {OURS}
    (tmp_path / "pycarbon" / "servers").write_bytes(b"\xff\xfe")
    assert known.servers(environ) == set()
