"""Bodies of requests: bounded on every path before anything reads them, and none of them reaches a disk."""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

COOKIE = "csrftoken=" + 32 * "x"
MULTIPART = "multipart/form-data; boundary=b"


class UnreadBody:
    """A body that fails the test if somebody reads it."""

    def read(self, size: int = -1) -> bytes:
        pytest.fail("the body was read")

    readline = read


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        pytest.fail("a file was made")

    for name in ("NamedTemporaryFile", "TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/api/auth/login/", "/", "/no/such/page", "/api/watchlist", "/metrics"]
)
@pytest.mark.parametrize("kind", [MULTIPART, "application/x-www-form-urlencoded", "application/json"])
def test_a_large_body_is_refused_on_every_path_before_it_is_read(path: str, kind: str) -> None:
    unread: dict[str, Any] = {"CONTENT_LENGTH": str(settings.MAX_BODY + 1), "wsgi.input": UnreadBody()}
    browser = Client(enforce_csrf_checks=True)
    answer = browser.post(path, content_type=kind, headers={"Cookie": COOKIE}, **unread)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


@pytest.mark.django_db
def test_a_file_in_a_form_is_left_out_and_reaches_no_disk(client: Client, no_files: None) -> None:
    file = SimpleUploadedFile("x.bin", b"x" * (settings.MAX_BODY - 2000))
    answer = client.post("/admin/login/", {"username": "nobody", "password": "wrong", "x": file})
    assert answer.status_code == 200
    assert answer.wsgi_request.FILES == {}
    assert answer.wsgi_request.POST["username"] == "nobody"


@pytest.mark.django_db
def test_the_admins_forms_work_without_upload_handlers(client: Client) -> None:
    client.force_login(User.objects.create_superuser("admin"))
    answer = client.post("/admin/auth/group/add/", {"name": "readers"})
    assert answer.status_code == 302
    assert client.get("/admin/auth/group/").content.decode().count("readers") >= 1


def through_asgi(chunks: Sequence[bytes]) -> list[dict[str, Any]]:
    """What the ASGI application sends for a body without a declared length."""
    umask = os.umask(0o077)  # which the import sets
    from tradingsite.asgi import application

    os.umask(umask)
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting: Iterator[dict[str, Any]] = iter([*messages, {"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        try:
            return next(waiting)
        except StopIteration:
            await asyncio.sleep(3600)
            raise AssertionError from None

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/no/such/page",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    asyncio.run(application(scope, receive, send))
    return sent


@pytest.mark.parametrize(("bytes_more", "status"), [(0, 404), (1, 413)])
@pytest.mark.django_db(transaction=True)
def test_the_asgi_application_takes_no_more_of_a_body_either(bytes_more: int, status: int, no_files: None) -> None:
    size = settings.MAX_BODY + bytes_more
    sent = through_asgi([b"x" * (size // 2), b"x" * (size - size // 2)])
    assert sent[0]["status"] == status
