"""The address of the Hub, apart from the name and password that it may hold."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from ganzoo.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Endpoint:
    """A Hub's URL without credentials, and the headers that carry them.

    An address is printed in errors, in logs and by other libraries. A header is not.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, text: str | None) -> Self:
        """The endpoint of an address; None is the client's own, as HF_ENDPOINT sets it.

        Raises WeightsError, which does not repeat it, for what is not the URL of a server.
        """
        from huggingface_hub import constants  # start-up time

        try:
            parts = urlsplit(text or constants.ENDPOINT)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
            _ = parts.port  # raises ValueError for what is no number
        except ValueError:
            valid = False
        if not valid:
            message = (
                "the Hub's endpoint is not a URL such as https://hub.example; write special "
                "characters of its password as %XX."
            )
            raise WeightsError(message)
        userinfo, _, host = parts.netloc.rpartition("@")
        url = urlunsplit(parts._replace(netloc=host)).rstrip("/")
        basic = b64encode(unquote(userinfo).encode()).decode()
        # In lower case, as the client spells it: it removes the header before it follows a link to
        # another host.
        return cls(url, {"authorization": f"Basic {basic}"} if userinfo else {})
