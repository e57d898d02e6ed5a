"""Calls a webhook: a POST request signed as in the Standard Webhooks specification (standardwebhooks.com).

webhook-id: the delivery's number, the same in each attempt
webhook-timestamp: seconds since 1970, of this attempt
webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body", under the key in ALERT_WEBHOOK_SECRET>
"""

import base64
import hashlib
import hmac
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from http.client import HTTPException

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from alerts import conf
from alerts.delivery.addresses import Target, resolve

SECRET_PREFIX = "whsec_"  # noqa: S105 - a public prefix of every secret, by Standard Webhooks
CONNECT_TIMEOUT, TIMEOUT = 5.0, 10.0  # seconds; the second is for the connection and the answer's headers together
SUCCESS = range(200, 300)
# The receiver does not want it, and would not want it later.
FINAL_STATUSES = (400, 401, 403, 404, 405, 410, 413, 414, 415, 422)
AGENT = "tradingsite-alerts"


class WebhookFailed(Exception):
    """`final`: trying again does not help."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """Sign a body. The secret is `whsec_` and base64."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b"%b.%d.%b" % (delivery_id.encode(), timestamp, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def headers_of(delivery_id: str, now: datetime, body: bytes) -> dict[str, str]:
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(conf.webhook_secret(), delivery_id, timestamp, body),
    }


def call(url: str, delivery_id: str, body: bytes, now: datetime) -> None:
    """Send it once. Raises WebhookFailed, RefusedAddress, UnresolvedAddress."""
    target = resolve(url)
    status = _post(target, headers_of(delivery_id, now, body), body)
    if status not in SUCCESS:
        moved = " A redirect is not followed." if 300 <= status < 400 else ""
        raise WebhookFailed(f"The receiver answered {status}.{moved}", final=status in FINAL_STATUSES)


def _post(target: Target, headers: Mapping[str, str], body: bytes) -> int:
    """Return the answer's status. The connection goes to the address that was checked; its body is not read."""
    connection = _connection(target)
    # The socket's time-out begins again with each byte, which a receiver may send one by one.
    end = threading.Timer(TIMEOUT, _hang_up, [connection])
    end.start()
    try:
        connection.connect()
        connection.timeout = TIMEOUT
        headers = {"Host": target.host_header, **headers}
        connection.request("POST", target.path, body=body, headers=headers, preload_content=False)
        response = connection.getresponse()
        response.close()
        return int(response.status)
    except (HTTPError, HTTPException, OSError) as error:
        raise WebhookFailed(f"The receiver cannot be reached ({type(error).__name__}).") from error
    finally:
        end.cancel()
        connection.close()


def _connection(target: Target) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(target.address, target.port, timeout=CONNECT_TIMEOUT)
    return HTTPSConnection(
        target.address,
        target.port,
        timeout=CONNECT_TIMEOUT,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
        server_hostname=target.host,  # whose certificate it has to be
    )


def _hang_up(connection: HTTPConnection) -> None:
    """End what another thread waits for on the connection."""
    if connection.sock:
        with suppress(OSError):  # it has ended by itself
            connection.sock.shutdown(socket.SHUT_RDWR)
