"""The real client and a Hub on this machine: what is loaded, and what is refused."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]
from huggingface_hub.utils._http import default_client_factory
from loopback import Hub

from ganzoo.errors import WeightsError
from ganzoo.plugins.registry import Model
from ganzoo.storage.endpoint import Endpoint
from ganzoo.storage.hub import Client
from ganzoo.storage.refusals import as_sentence
from ganzoo.storage.weight_file import WeightFile

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT, REPO, PATH = "a" * 40, "ganzoo/dcgan-test", "model.safetensors"
BLOB = bytes(range(256)) * 4000
FILE = WeightFile(
    role="generator",
    path=PATH,
    size=len(BLOB),
    sha256=sha256(BLOB).hexdigest(),
    embedded=False,
)
MODEL = Model(
    name="dcgan/test",
    plugin="dcgan",
    version="1",
    summary="a test",
    license="MIT",
    data="ring",
    command="ganzoo train dcgan",
    repo=REPO,
    revision=COMMIT,
    files=(FILE,),
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.publish(REPO, COMMIT, PATH, BLOB)
        yield running
    assert running.unknown == []


def client(hub: Hub, cache: Path, **options: object) -> Client:
    return Client(endpoint=hub.endpoint, cache_dir=cache, timeout=2.0, **options)  # type: ignore[arg-type]


def read(hub: Hub, cache: Path, **options: object) -> bytes:
    return client(hub, cache, **options).read(MODEL, FILE)


def alike(told: str) -> str:
    """A sentence without the parts that differ between runs."""
    told = told.removeprefix("'dcgan/test' (ganzoo/dcgan-test@aaaaaaaa, model.safetensors)")
    for differs in (r"http://[\d.:]+", r"\(.*\)", r"(?<=answers )\d+", r"\w{12}(?=\.\.\.)"):
        told = re.sub(differs, "", told)
    return re.sub(r"(?<=the Hub offers ).*?\.", "", told).strip()


PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text()
DOCUMENTED = {alike(sentence) for sentence in re.findall(r"^\| `(.*)` \|", PAGE, re.MULTILINE)}


def cached(cache: Path) -> Path:
    return next(path for path in cache.rglob("blobs/*") if path.is_file())


def test_a_file_is_fetched_once_and_then_without_a_call(hub: Hub, tmp_path: Path) -> None:
    assert read(hub, tmp_path) == BLOB
    assert hub.calls
    assert all(COMMIT in call for call in hub.calls if "/resolve/" in call)
    hub.calls.clear()
    assert read(hub, tmp_path) == BLOB
    assert read(hub, tmp_path, offline=True) == BLOB
    assert hub.calls == []


def test_a_file_named_by_its_commit_is_checked_by_what_the_hub_says(
    hub: Hub, tmp_path: Path
) -> None:
    name = f"hub:{REPO}@{COMMIT}#{PATH}"
    assert client(hub, tmp_path).pinned(name, REPO, COMMIT, PATH) == BLOB
    hub.calls.clear()
    assert client(hub, tmp_path, offline=True).pinned(name, REPO, COMMIT, PATH) == BLOB
    assert hub.calls == []


@pytest.mark.parametrize(
    ("fault", "sentence", "downloads"),
    [
        ("gated", "is gated: ask for access on its page, then 'hf auth login'", False),
        ("private", "is missing or private: 'hf auth login'", False),
        ("vanished", "that commit has vanished from the Hub; upgrade ganzoo-core", False),
        ("503", "answers 503; try again later", False),
        ("429", "answers 429; try again later", False),
        ("reset", "cannot be fetched from", False),
        ("black hole", "cannot be fetched from", False),
        ("stall", "(nothing arrived for 2 s)", True),
        ("mute", "(nothing arrived for 2 s)", True),
        ("other commit", "the Hub offers commit bbbb", False),
        ("wrong size", "bytes, not 1024000", False),
        ("other sha", "the Hub offers another sha256", False),
        ("bad etag", "the Hub offers an etag that is no hash", False),
        ("cut", "(the connection broke off repeatedly)", True),
        ("short", "cannot be fetched from", True),
        ("flip", "is not what was published: its sha256 is", True),
    ],
)
def test_every_fault_is_one_sentence_with_the_model_and_a_remedy(
    hub: Hub, tmp_path: Path, fault: str, sentence: str, downloads: object
) -> None:
    hub.fault, hub.slow = fault, 4.0
    start = time.monotonic()
    with pytest.raises(WeightsError) as error:
        read(hub, tmp_path)
    # The timeout is 2 seconds; the client repeats a request after a second, and a download that
    # breaks off five times.
    breaks_off = downloads and fault not in {"stall", "mute"}
    assert time.monotonic() - start < (9 if breaks_off else 3.5)
    assert sentence in str(error.value)
    assert "'dcgan/test' (ganzoo/dcgan-test@aaaaaaaa, model.safetensors)" in str(error.value)
    assert alike(str(error.value)) in DOCUMENTED
    assert any(call.startswith("GET /blob/") for call in hub.calls) == downloads


def test_a_slow_line_is_waited_for_and_so_is_whoever_fetches_already(
    hub: Hub, tmp_path: Path
) -> None:
    hub.fault, hub.slow = "drip", 5.0
    with ThreadPoolExecutor() as pool:
        first, second = (pool.submit(read, hub, tmp_path) for _ in range(2))
        assert first.result() == second.result() == BLOB
    assert sum(call.startswith("GET /blob/") for call in hub.calls) == 1


def test_a_download_that_breaks_off_goes_on_from_there(hub: Hub, tmp_path: Path) -> None:
    hub.fault = "cut once"
    assert read(hub, tmp_path) == BLOB
    assert sum(call.startswith("GET /blob/") for call in hub.calls) == 2


def test_a_session_that_the_user_configured_is_used_and_watched(hub: Hub, tmp_path: Path) -> None:
    made: list[httpx.Client] = []

    def factory() -> httpx.Client:
        made.append(httpx.Client(follow_redirects=True, timeout=60.0))
        return made[-1]

    set_client_factory(factory)
    try:
        hub.fault, hub.slow = "stall", 4.0
        with pytest.raises(WeightsError, match=r"\(nothing arrived for 2 s\)"):
            read(hub, tmp_path)
        hub.fault = ""
        assert read(hub, tmp_path) == BLOB
        url = f"{hub.endpoint}/{REPO}/resolve/{COMMIT}/{PATH}"
        others = made[0].get(url).request  # which the hooks leave alone
        assert others.extensions["timeout"]["read"] == 60.0
    finally:
        set_client_factory(default_client_factory)
    assert len(made) == 1


def test_nobody_listening_is_told_at_once(tmp_path: Path) -> None:
    nobody = Client(endpoint="http://127.0.0.1:9", cache_dir=tmp_path, timeout=2.0)
    with pytest.raises(WeightsError, match="cannot be fetched from http://127.0.0.1:9"):
        nobody.read(MODEL, FILE)


def test_offline_what_is_not_there_is_said_to_be_so(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not in the cache, and ganzoo is offline") as error:
        read(hub, tmp_path, offline=True)
    assert alike(str(error.value)) in DOCUMENTED
    assert hub.calls == []


def test_a_rotten_cache_is_mended_online_and_refused_offline(hub: Hub, tmp_path: Path) -> None:
    read(hub, tmp_path)
    cached(tmp_path).write_bytes(BLOB[:-1] + b"x")
    with pytest.raises(WeightsError, match="is not what was published.*Go online, or delete"):
        read(hub, tmp_path, offline=True)
    assert read(hub, tmp_path) == BLOB
    assert cached(tmp_path).read_bytes() == BLOB


def test_what_is_not_published_yet_is_not_looked_for(hub: Hub, tmp_path: Path) -> None:
    model = MODEL.model_copy(update={"revision": None})
    with pytest.raises(WeightsError, match="is not on the Hub yet"):
        client(hub, tmp_path).read(model, FILE)
    assert hub.calls == []


def test_three_processes_at_once_fetch_it_once(hub: Hub, tmp_path: Path) -> None:
    code = (
        "import sys; from test_hub import MODEL, FILE, Client; "
        "blob = Client(endpoint=sys.argv[1], cache_dir=sys.argv[2]).read(MODEL, FILE); "
        "print(len(blob))"
    )
    command = [sys.executable, "-c", code, hub.endpoint, str(tmp_path)]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    running = [
        subprocess.Popen(command, env=here, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    told = [process.communicate(timeout=60)[0].strip() for process in running]
    assert told == [str(len(BLOB))] * 3
    assert sum(call.startswith("GET /blob/") for call in hub.calls) == 1


def test_a_token_that_is_none_is_told(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="answers 401; run 'hf auth login' with a") as error:
        read(hub, tmp_path, token="hf_wrong")
    assert alike(str(error.value)) in DOCUMENTED
    assert read(hub, tmp_path, token="hf_read") == BLOB


# ----------------------------------------------------------------------------- read-only caches


AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from test_hub import BLOB, Hub, REPO, COMMIT, PATH, WeightsError, client, read

with Hub() as hub:
    hub.publish(REPO, COMMIT, PATH, BLOB)
    folder = Path(sys.argv[1])
    full, empty = folder / "full", folder / "empty"
    empty.mkdir()
    read(hub, full)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o222 | 0o444)
    if os.geteuid() == 0:
        os.seteuid(65534)  # no folder is read-only to root
    hub.calls.clear()
    assert read(hub, full) == BLOB
    assert hub.calls == []
    try:
        read(hub, empty)
    except WeightsError as error:
        print(error)
"""


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user can read; pytest's own are readable only by their owner."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_read_only_cache_is_read_without_a_call_and_not_written(readable: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER_USER, readable],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "HF_HOME": str(readable),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    for path in readable.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"'dcgan/test' \(ganzoo/dcgan-test@aaaaaaaa, model.safetensors\) cannot be stored "
        r"\(Permission denied: .*/empty/.*\); set cache_dir= or HF_HOME to a writable folder with "
        r"enough space\.\n",
        done.stdout,
    )


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC])
def test_a_folder_that_takes_no_more_is_not_the_hubs_fault(number: int) -> None:
    with (
        pytest.raises(WeightsError, match="it cannot be stored .*: /cache.*set cache_dir="),
        as_sentence("it", Endpoint.of(None)),
    ):
        raise OSError(number, os.strerror(number), "/cache")
