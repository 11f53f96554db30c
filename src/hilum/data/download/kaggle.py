"""Kaggle's own client, taught not to wait for ever and to go on where an archive was cut.

kagglehub (1.0) knows where Kaggle is, who the user is and how to ask. Its requests carry no time limit, and it asks
for a whole archive before it asks for the rest of it; both are set right in the one place that sees every request.
Import this module only after ``load_kagglehub()``.
"""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
from kagglehub.clients import build_kaggle_client
from kagglehub.integrity import get_md5_checksum_from_response
from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest, ApiGetDatasetRequest
from requests.adapters import HTTPAdapter

from hilum.data.download.known import KnownSet
from hilum.data.download.partial import Announced
from hilum.errors import DownloadError

__all__ = ["Interrupted", "Kaggle", "announced", "chunks"]

CHUNK_BYTES = 1 << 16
_LONGEST_CONNECT_S = 10.0
_OK, _PARTIAL, _BEYOND_END = 200, 206, 416
_TRY_AGAIN = {408, 425, 429}
# Links to the archive last a while; afterwards the storage refuses them, and a new one helps.
_LINK_EXPIRED = {400, 401, 403, 410}
_UNREACHABLE = {
    "NameResolutionError": "its name cannot be resolved",
    "NewConnectionError": "no connection could be made",
    "ConnectTimeoutError": "no connection could be made in time",
    "ProxyError": "the proxy refused",
    "SSLError": "its certificate is not trusted",
}

Answer = TypeVar("Answer")


class Interrupted(Exception):  # noqa: N818 - not an error until patience ends
    """The connection was cut, hung, or the server asked to come back; trying again may help."""


class Kaggle:
    """One session with Kaggle, with the user's credentials."""

    def __init__(self, *, timeout_s: float) -> None:
        """Prepare a session in which no wait for a byte is longer than ``timeout_s``."""
        self._adapter = _PatientAdapter(timeout_s)
        self._client = build_kaggle_client()
        self._answered = False

    def __enter__(self) -> Self:
        self._client.__enter__()
        # Kaggle's client offers no other way to its session.
        session = self._client.http_client()._session  # noqa: SLF001
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, traceback)

    def current_version(self, known: KnownSet) -> int:
        """Return the data set's newest version; raises DownloadError or Interrupted."""
        request = ApiGetDatasetRequest()
        request.owner_slug, request.dataset_slug = known.handle.split("/")
        answer = self._ask(known, lambda: self._client.datasets.dataset_api_client.get_dataset(request))
        return int(answer.current_version_number)

    def open_archive(self, known: KnownSet, version: int, *, start: int) -> requests.Response | None:
        """Ask for the archive from byte ``start`` on.

        Returns:
            The answer, its body still to be read; None if the archive is shorter than ``start``.

        Raises:
            DownloadError: Kaggle does not give it.
            Interrupted: Trying again may help.
        """
        request = ApiDownloadDatasetRequest()
        request.owner_slug, request.dataset_slug = known.handle.split("/")
        request.dataset_version_number = version
        self._adapter.start = start
        try:
            response: requests.Response = self._ask(
                known, lambda: self._client.datasets.dataset_api_client.download_dataset(request)
            )
        except _BeyondEndError:
            return None
        return response

    def _ask(self, known: KnownSet, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - Kaggle's own types
        try:
            answer = call()
        except requests.HTTPError as error:
            self._answered = True
            raise _meaning(error, known) from None
        except (json.JSONDecodeError, requests.JSONDecodeError):
            raise DownloadError(
                "something else than Kaggle answered: is there a login page of this network, or a proxy, in between?"
            ) from None
        except requests.RequestException as error:
            raise self._interruption(error) from None
        self._answered = True
        return answer

    def _interruption(self, error: requests.RequestException) -> Exception:
        """Tell a network that is not there from one that was there a moment ago."""
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        reason = _UNREACHABLE.get(type(cause).__name__)
        if reason and not self._answered:
            return DownloadError(
                f"Kaggle cannot be reached: {reason}. Is this machine on the network (or its proxy set)?"
            )
        return Interrupted(reason or _reason(error))


class _BeyondEndError(Exception):
    """The archive ends before the byte that was asked for."""


class _PatientAdapter(HTTPAdapter):
    """Gives every request a time limit, and the one for the archive its first byte."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout = (min(timeout_s, _LONGEST_CONNECT_S), timeout_s)
        self.start = 0

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:  # type: ignore[override] # noqa: ANN401
        settings["timeout"] = self._timeout
        if request.method == "GET":
            # The bytes of the archive itself: a checksum of anything else would not match.
            request.headers["Accept-Encoding"] = "identity"
            if self.start:
                request.headers["Range"] = f"bytes={self.start}-"
        return super().send(request, **settings)


def announced(response: requests.Response) -> Announced:
    """Read what the headers say about the whole archive, also where only the rest of it comes."""
    length, first = response.headers.get("Content-Length"), "0"
    if response.status_code == _PARTIAL:
        span, _, length = response.headers.get("Content-Range", "").partition("/")
        first = span.removeprefix("bytes").strip().partition("-")[0]
    return Announced(
        n_bytes=int(length) if length and length.isdecimal() else None,
        md5=get_md5_checksum_from_response(response),
        etag=response.headers.get("ETag"),
        first_byte=int(first) if first.isdecimal() else -1,
    )


def chunks(response: requests.Response) -> Any:  # noqa: ANN401 - an iterator of bytes
    """Yield the body in small pieces; raises Interrupted where it is cut or hangs."""
    try:
        yield from response.iter_content(CHUNK_BYTES)
    except requests.RequestException as error:
        raise Interrupted(_reason(error)) from None


def _reason(error: requests.RequestException) -> str:
    hung = isinstance(error, requests.Timeout) or "timed out" in str(error).lower()
    return "nothing came any more" if hung else "the connection was cut"


def _meaning(error: requests.HTTPError, known: KnownSet) -> Exception:
    """Turn a status into what the user can do; the text of the answer and its address stay out of it."""
    response = error.response
    status = _status(response)
    from_storage = response is not None and response.request.method == "GET"
    if status == _BEYOND_END:
        return _BeyondEndError()
    if status in _TRY_AGAIN or status >= 500 or (from_storage and status in _LINK_EXPIRED):
        return Interrupted(f"the server answered {status}")
    if status == 401:
        return DownloadError(
            "Kaggle does not accept these credentials (401): the token is mistyped, expired or withdrawn. Make a new "
            "one on Kaggle's site (your picture, Settings, API, Create New Token)"
        )
    if status == 403:
        return DownloadError(
            f"Kaggle does not give {known.handle} to this user (403). Open the data set's page on Kaggle's site, "
            "accept its terms if it asks for it, and check that the token belongs to the same user"
        )
    if status == 404:
        return DownloadError(
            f"Kaggle has no data set {known.handle} (404): it was moved or withdrawn. Fetch it from the NIH Clinical "
            "Center by hand and check it with --from"
        )
    return DownloadError(f"Kaggle refused the request with status {status}: try again later")


def _status(response: requests.Response | None) -> int:
    if response is None:
        return 0
    if response.status_code > _OK:
        return response.status_code
    # Kaggle's client also raises for an error that only the body tells of.
    code = response.json().get("code")
    return code if isinstance(code, int) else response.status_code
