"""Encryption of the session token at rest, with a key derived from DJANGO_SECRET_KEY."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker import conf


def encrypt(text: str) -> bytes:
    return _fernet().encrypt(text.encode())


def decrypt(ciphertext: bytes) -> str | None:
    """Return None if the key has changed or the bytes are damaged; both amount to having no session."""
    try:
        return _fernet().decrypt(ciphertext).decode()
    except InvalidToken:
        return None


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in conf.secret_keys()])


def _derived(secret_key: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"broker session token")
    return base64.urlsafe_b64encode(derivation.derive(secret_key.encode()))
