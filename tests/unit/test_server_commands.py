"""The commands of who runs a team's server: token, share and serve."""

from __future__ import annotations

import contextlib

import pytest
from sent_runs import run_file

from pycarbon.commands import main
from pycarbon.dashboard.access import Access


@pytest.fixture
def store(tmp_path):
    (tmp_path / "a.pcr").write_bytes(run_file(organisation="lab"))
    (tmp_path / "b.pcr").write_bytes(run_file("4567", organisation="other lab"))
    return tmp_path


def test_tokens_are_made_listed_and_revoked(tmp_path, capsys):
    # GIVEN a token
    assert main(["token", "add", "--store", str(tmp_path), "--scope", "read", "--name", "ada"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("pct_") and out.count("\n") == 1 and "never again" in err
    # WHEN tokens are listed
    assert main(["token", "list", "--store", str(tmp_path)]) == 0
    # THEN it is, without its secret
    listed = capsys.readouterr().out
    assert listed.split()[:2] == ["id", "scope"] and "ada" in listed and "never" in listed
    assert out.strip().split("_", 2)[2] not in listed
    # AND it can be revoked once
    assert main(["token", "revoke", "ada", "--store", str(tmp_path)]) == 0
    assert main(["token", "revoke", "ada", "--store", str(tmp_path)]) == 1
    assert "pycarbon token list" in capsys.readouterr().err.splitlines()[-1]


def test_a_link_is_made_and_all_are_ended(store, capsys):
    # GIVEN a link to one of two projects of a name
    command = ["share", "digits", "--store", str(store), "--organisation", "lab", "--url", "https://a.example/"]
    assert main([*command, "--days", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("https://a.example/shared/") and "sees digits of lab until 20" in err
    with contextlib.closing(Access(store)) as access:
        link = out.strip().rpartition("/")[2]
        assert access.link(link).shared.organisation == "lab"
        # WHEN all are ended, THEN it is worthless
        assert main(["share", "--revoke-all", "--store", str(store)]) == 0
        assert access.link(link) is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["digits"], "lab and other lab have a project 'digits'; say which with --organisation"),
        (["nothing"], "no run in"),
        ([], "name a project to share, or give --revoke-all"),
        (["digits", "--revoke-all"], "name a project to share, or give --revoke-all"),
    ],
)
def test_what_cannot_be_shared_is_said(store, capsys, words, why):
    assert main(["share", *words, "--store", str(store)]) == 1
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["share", "digits", "--days", "0"],
        ["share", "digits", "--days", "x"],
        ["serve", "--largest-upload", "0"],
        ["token", "add", "--name", "a", "--scope", "all"],
    ],
)
def test_wrong_usage_is_said(tmp_path, capsys, words):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--store", str(tmp_path)])
    assert ended.value.code == 2


def test_a_server_without_tokens_says_what_to_type(tmp_path, capsys):
    assert main(["serve", "--store", str(tmp_path / "new")]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "pycarbon token add --store" in err
