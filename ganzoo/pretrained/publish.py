"""Publishing a model on the Hub: a maintainer's step, verified before and after the upload."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from huggingface_hub import HfApi, RepoFile

from ganzoo.errors import WeightsError
from ganzoo.plugins.default import chosen_zoo
from ganzoo.plugins.sources import Registered, model_named
from ganzoo.pretrained.build import network
from ganzoo.pretrained.cards import hub_page
from ganzoo.storage.endpoint import Endpoint
from ganzoo.storage.hub import Client
from ganzoo.storage.refusals import as_sentence
from ganzoo.storage.weight_file import file_name, opened, written

if TYPE_CHECKING:
    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.weight_file import Config


def publish(
    name: str, *, endpoint: str | None = None, token: str | None = None, zoo: Zoo | None = None
) -> Model:
    """Put a model of the registry on the Hub, and its commit into this checkout's registry.yaml.

    The files are checked, uploaded with a page and a config.json made from them, and read back by
    their commit into an empty cache. Returns the model with its commit.

    Raises WeightsError if a file is not sound, does not come back with its sha256, or this version
    is already published with other weights: new weights need a new version.
    """
    # Optional dependency: only maintainers publish. Checked before anything is uploaded.
    try:
        from ganzoo.pretrained.registration import register
    except ModuleNotFoundError as error:
        message = f"publishing needs {error.name}: run pip install 'ganzoo-core[dev]'."
        raise WeightsError(message) from error

    zoo = chosen_zoo(zoo)
    model = model_named(name, zoo)
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "folder", Path(place) / "cache"
        folder.mkdir()
        write_folder(model, folder, zoo)
        revision = upload(model, folder, Endpoint.of(endpoint), token=token)
        published = model.model_copy(update={"revision": revision})
        client = Client(endpoint=endpoint, token=token, cache_dir=cache)
        for file in published.files:
            client.read(published, file)
    register(published)
    return published


def write_folder(model: Model, folder: Path, zoo: Zoo) -> None:
    """Write everything that the Hub gets of a model: weights, config.json and README.md.

    Raises WeightsError if a network cannot be built or has numbers that are not finite, or if a
    file's bytes are not exactly what its tensors serialize to.
    """
    source = Registered(model, Client(offline=True), zoo)
    configs: dict[str, Config] = {}
    for file in model.files:
        blob = source.read(file.role)
        assert blob is not None
        configs[file.role] = checked(blob, f"the {file.role} of '{model.name}'", zoo)
        (folder / file_name(file.role)).write_bytes(blob)
    by_player = {player: json.loads(config.canonical()) for player, config in configs.items()}
    (folder / "config.json").write_text(json.dumps(by_player, indent=2, sort_keys=True) + "\n")
    page = hub_page(model, configs["generator"])
    (folder / "README.md").write_text(page, encoding="utf-8")


def checked(blob: bytes, who: str, zoo: Zoo) -> Config:
    """The configuration of a weight file that is fit to be published; else WeightsError."""
    config, tensors = opened(blob, who)
    network(config, tensors, zoo, who)
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        message = f"{who} holds numbers that are not finite."
        raise WeightsError(message)
    if written(tensors, config) != blob:
        message = f"{who} is not the file that its tensors make; export it again."
        raise WeightsError(message)
    return config


def upload(model: Model, folder: Path, endpoint: Endpoint, *, token: str | None) -> str:
    """Upload a folder and tag its commit with the model's version; returns the commit.

    If the tag exists already, nothing is uploaded, and its commit must hold the model's files.
    """
    headers = dict(endpoint.headers)
    api = HfApi(endpoint=endpoint.url, token=token, library_name="ganzoo", headers=headers)
    where = f"'{model.name}' ({model.repo})"
    with as_sentence(where, endpoint, "published on"):
        api.create_repo(model.repo, exist_ok=True)
        tag = f"v{model.version}"
        tags = {t.name: t.target_commit for t in api.list_repo_refs(model.repo).tags}
        if tag in tags:
            require_same(model, tag, stored(api, model, tags[tag]))
            return str(tags[tag])
        # With its parent named, the Hub refuses the commit if somebody else's came in between.
        parent = api.model_info(model.repo).sha
        done = api.upload_folder(
            repo_id=model.repo,
            folder_path=folder,
            commit_message=f"{model.name} {model.version}",
            parent_commit=parent,
        )
        require_same(model, "the commit", stored(api, model, done.oid))
        api.create_tag(model.repo, tag=tag, revision=done.oid)
    return str(done.oid)


def stored(api: HfApi, model: Model, revision: str) -> dict[str, str]:
    """The sha256 that the Hub states for each of a model's files at a commit."""
    paths = [file.path for file in model.files]
    found = api.get_paths_info(model.repo, paths, revision=revision)
    return {info.path: info.lfs.sha256 for info in found if isinstance(info, RepoFile) and info.lfs}


def require_same(model: Model, what: str, hashes: dict[str, str]) -> None:
    """Raise WeightsError unless the Hub has the model's files; ``what`` names the commit."""
    for file in model.files:
        if hashes.get(file.path) != file.sha256:
            message = (
                f"'{model.name}': {what} of {model.repo} has another {file.path} than the registry "
                f"(sha256 {hashes.get(file.path, 'none')[:12]}, not {file.sha256[:12]}); new "
                "weights need a new version in registry.yaml."
            )
            raise WeightsError(message)
