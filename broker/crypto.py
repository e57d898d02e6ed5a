"""Encryption of the session token at rest, with a key derived from DJANGO_SECRET_KEY."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker import conf


def encrypt(text: str) -> bytes:
    return _fernet().encrypt(text.encode())


def decrypt(ciphertext: bytes) -> str | None:
    """None when the key has changed since, or the bytes are damaged: the session is then as good as none."""
    try:
        return _fernet().decrypt(ciphertext).decode()
    except InvalidToken:
        return None


def _fernet() -> Fernet:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"broker session token")
    return Fernet(base64.urlsafe_b64encode(derivation.derive(conf.secret_key().encode())))
