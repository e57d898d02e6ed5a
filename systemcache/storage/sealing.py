"""Sealed entries: what Redis holds of a secret family, read and written only by processes that have SECRET_KEY.

Redis is no authority: without sealing, somebody who can write to it could impersonate any user. AES-GCM encrypts an
entry and authenticates it together with its key's name, so an entry that was forged, changed, or copied to another key
does not open. When it was made, its TTL and its generations are inside: a genuine entry that is put back after it was
invalidated, with its generations, is good until its own TTL has passed and no longer, whatever Redis says its TTL is.

Random nonces of 96 bits are safe for some four thousand million entries under one key: thirteen years of ten a second.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from systemcache import codec, conf
from systemcache.storage.key_names import EntryRef, full_key

FORMAT = b"S"  # no other entry begins like this
NONCE = 12  # bytes


def pack(ref: EntryRef, entry: codec.Entry) -> bytes:
    """The bytes that are stored under the key: sealed, if it is a secret family's."""
    packed = codec.pack(entry)
    if not ref.sealed:
        return packed
    nonce = os.urandom(NONCE)
    return FORMAT + nonce + _cipher(conf.secret_keys()[0]).encrypt(nonce, packed, full_key(ref.key).encode())


def unpack(ref: EntryRef, data: bytes) -> codec.Entry:
    """Raises Undecodable for anything that `pack` did not write for this key."""
    return codec.unpack(_open(ref, data) if ref.sealed else data)


def _open(ref: EntryRef, data: bytes) -> bytes:
    if not data.startswith(FORMAT):
        raise codec.Undecodable("it is not sealed")
    nonce, sealed = data[len(FORMAT) : len(FORMAT) + NONCE], data[len(FORMAT) + NONCE :]
    name = full_key(ref.key).encode()
    for key in conf.secret_keys():
        try:
            return _cipher(key).decrypt(nonce, sealed, name)
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            continue
    raise codec.Undecodable("its seal is not of this site's SECRET_KEY and this key's name")


@lru_cache(8)
def _cipher(secret_key: str) -> AESGCM:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"systemcache sealed entries")
    return AESGCM(derivation.derive(secret_key.encode()))
