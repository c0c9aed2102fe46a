"""Publishing a model on the Hub: a maintainer's step, checked at both ends."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ganzoo.errors import WeightsError
from ganzoo.plugins.default import default_zoo
from ganzoo.pretrained.build import network
from ganzoo.pretrained.cards import hub_page
from ganzoo.pretrained.reproduce import register
from ganzoo.pretrained.sources import Registered, model_named
from ganzoo.storage.hub import Client, worded
from ganzoo.storage.weight_file import FILES, opened, written

if TYPE_CHECKING:
    from ganzoo.plugins.registry import Model
    from ganzoo.plugins.zoo import Zoo
    from ganzoo.storage.weight_file import Config


def publish(
    name: str, *, endpoint: str | None = None, token: str | None = None, zoo: Zoo | None = None
) -> Model:
    """Put a model of the registry on the Hub, and its commit into this checkout's registry.yaml.

    Its files are checked, uploaded with a page and a config.json made from them, and read back by
    commit into an empty cache. Raises WeightsError where they do not come back as they went, and
    where this version is published already with other weights: new weights need a new version.
    """
    zoo = zoo or default_zoo()
    model = model_named(name, zoo)
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "folder", Path(place) / "cache"
        folder.mkdir()
        write_folder(model, folder, zoo)
        revision = upload(model, folder, endpoint=endpoint, token=token)
        published = model.model_copy(update={"revision": revision})
        client = Client(endpoint=endpoint, token=token, cache_dir=cache)
        for file in published.files:
            client.read(published, file)
    register(published)
    return published


def write_folder(model: Model, folder: Path, zoo: Zoo) -> None:
    """Write all that the Hub gets of a model: weights, config.json and README.md.

    Raises WeightsError for a network that cannot be built, is not finite, or is no safetensors file
    of the very bytes that its tensors make.
    """
    source = Registered(model, Client(offline=True), zoo)
    configs: dict[str, Config] = {}
    for file in model.files:
        blob = source.read(file.role)
        assert blob is not None
        who = f"the {file.role} of '{model.name}'"
        config, tensors = opened(blob, who)
        network(config, tensors, zoo, who)
        if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
            message = f"{who} holds numbers that are not finite."
            raise WeightsError(message)
        if written(tensors, config) != blob:
            message = f"{who} is not the file that its tensors make; export it again."
            raise WeightsError(message)
        (folder / FILES[file.role]).write_bytes(blob)
        configs[file.role] = config
    told = {role: json.loads(config.canonical()) for role, config in configs.items()}
    (folder / "config.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    page = hub_page(model, configs["generator"])
    (folder / "README.md").write_text(page, encoding="utf-8")


def upload(model: Model, folder: Path, *, endpoint: str | None, token: str | None) -> str:
    """Upload a folder and tag its commit by the model's version; returns the commit."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token, library_name="ganzoo")
    where = f"'{model.name}' ({model.repo})"
    with worded(where, endpoint, "published on"):
        api.create_repo(model.repo, exist_ok=True)
        tag = f"v{model.version}"
        tags = {t.name: t.target_commit for t in api.list_repo_refs(model.repo).tags}
        if tag in tags:
            refuse_another(model, tag, stored(api, model, tags[tag]))
            return str(tags[tag])
        parent = api.model_info(model.repo).sha
        done = api.upload_folder(
            repo_id=model.repo,
            folder_path=folder,
            commit_message=f"{model.name} {model.version}",
            parent_commit=parent,
        )
        refuse_another(model, "the commit", stored(api, model, done.oid))
        api.create_tag(model.repo, tag=tag, revision=done.oid)
    return str(done.oid)


def stored(api: Any, model: Model, revision: str) -> dict[str, str]:
    """The sha256 of each of a model's files as the Hub has it at a commit."""
    paths = [file.path for file in model.files]
    found = api.get_paths_info(model.repo, paths, revision=revision)
    return {info.path: info.lfs.sha256 for info in found if info.lfs is not None}


def refuse_another(model: Model, what: str, hashes: dict[str, str]) -> None:
    """Raise WeightsError where the Hub's files are not the model's."""
    for file in model.files:
        if hashes.get(file.path) != file.sha256:
            message = (
                f"'{model.name}': {what} of {model.repo} has another {file.path} than the registry "
                f"(sha256 {hashes.get(file.path, 'none')[:12]}, not {file.sha256[:12]}); new "
                "weights need a new version in registry.yaml."
            )
            raise WeightsError(message)
