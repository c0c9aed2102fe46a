"""Passwords in addresses and tokens of the Hub are used, and never shown."""

from __future__ import annotations

import logging
import subprocess
import traceback
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]
from loopback import Hub
from test_hub import BLOB, COMMIT, FILE, MODEL, PATH, REPO

from ganzoo import cli
from ganzoo.builtin.datasets.fetch import downloaded
from ganzoo.errors import WeightsError, ZooError, first_line, without_secrets
from ganzoo.plugins.install import install
from ganzoo.plugins.loading import reason
from ganzoo.storage.endpoint import Endpoint
from ganzoo.storage.hub import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET, TOKEN = "pl:ugh%2Fxyzzy", "hf_abcdefgh12345678"
"""As written in an address: the password is ``pl:ugh/xyzzy``."""
PARTS = ("pl:ugh", "xyzzy", TOKEN)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub behind a password."""
    with Hub(password="alice:pl:ugh/xyzzy") as running:
        running.publish(REPO, COMMIT, PATH, BLOB)
        yield running


def address(hub: Hub) -> str:
    return hub.endpoint.replace("://", f"://alice:{SECRET}@")


def refuse_secrets(*texts: str) -> None:
    assert [part for part in PARTS for text in texts if part in text] == []


def test_a_password_in_the_endpoint_is_sent_to_its_host_alone(
    hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.fault = "cut once"  # the client warns of it
    client = Client(endpoint=address(hub), cache_dir=tmp_path, timeout=2.0)
    assert client.read(MODEL, FILE) == BLOB
    refuse_secrets(*capfd.readouterr())
    with pytest.raises(WeightsError, match="answers 401"):
        Client(endpoint=hub.endpoint, cache_dir=tmp_path / "other").read(MODEL, FILE)


@pytest.mark.parametrize("fault", ["503", "private", "vanished", "reset", "other sha", "flip"])
def test_no_failed_download_shows_a_password_or_a_token(
    hub: Hub,
    tmp_path: Path,
    fault: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub.fault = fault
    client = Client(endpoint=address(hub), token=TOKEN, cache_dir=tmp_path, timeout=2.0)
    with caplog.at_level(logging.DEBUG), pytest.raises(WeightsError) as error:
        client.read(MODEL, FILE)
    # The whole chain of causes, as Python prints it.
    told = "".join(traceback.format_exception(error.value))
    refuse_secrets(told, repr(client), caplog.text, *capfd.readouterr())


@pytest.mark.parametrize("fault", ["", "503", "reset"])
def test_the_endpoint_of_the_environment_is_treated_alike(
    hub: Hub, fault: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.fault = fault
    monkeypatch.setattr(constants, "ENDPOINT", address(hub))
    with pytest.raises(httpx.HTTPError) as dataset:
        downloaded("ylecun/mnist", "train.parquet")
    with pytest.raises(WeightsError) as weights:
        Client(timeout=2.0).pinned("hub:...", "a/b", COMMIT, PATH)
    told = ["".join(traceback.format_exception(e.value)) for e in (dataset, weights)]
    refuse_secrets(*told, *capfd.readouterr())


@pytest.mark.parametrize(
    "text",
    [
        "alice:pl:ugh@hub.example",
        "https://alice:pl:ugh/xyzzy@hub.example",
        "https://alice:pl:ugh#xyzzy@hub.example",
        "ftp://alice:xyzzy@hub.example",
        "https://alice:xyzzy@",
        "xyzzy",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused_without_being_shown(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = (
        "the Hub's endpoint is not a URL such as https://hub.example; write special characters of "
        "its password as %XX."
    )
    with pytest.raises(WeightsError) as error:
        Endpoint.of(text)
    assert str(error.value) == sentence
    monkeypatch.setattr("sys.argv", ["ganzoo", "hub", "publish", "dcgan/none", "--endpoint", text])
    with pytest.raises(SystemExit):
        cli.main()
    refuse_secrets(*capsys.readouterr())


def test_an_endpoint_shows_no_header_and_ends_in_no_slash() -> None:
    found = Endpoint.of(f"https://alice:{SECRET}@hub.example:8080/mirror/")
    assert repr(found) == "Endpoint(url='https://hub.example:8080/mirror')"
    assert found.headers == {"authorization": "Basic YWxpY2U6cGw6dWdoL3h5enp5"}
    assert Endpoint.of("https://hub.example/").headers == {}


def test_what_other_programs_say_is_repeated_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = f"cannot reach https://alice:pl:ugh@proxy.example:8080/a@b and {TOKEN}."
    shown = "cannot reach https://proxy.example:8080/a@b and ."
    assert without_secrets(said) == shown
    assert first_line(OSError(said)) == shown
    assert reason(ImportError(said)) == shown.rstrip(".")
    failed = subprocess.CompletedProcess("", 1, stdout="", stderr=f"ERROR: {said}")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ZooError, match=f"^pip could not install .*: {shown}$"):
        install("dcgan")
