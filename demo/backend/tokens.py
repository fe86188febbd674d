"""JSON Web Tokens signed with HS256: what an application's login gives out."""

import base64
import hashlib
import hmac
import json
import time


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _part(value):
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def token(key, lifetime, **claims):
    """A token that ends `lifetime` seconds from now; claims that are None are left out."""
    now = int(time.time())
    claims = {name: value for name, value in claims.items() if value is not None}
    text = _part({"alg": "HS256", "typ": "JWT"}) + b"." + _part({**claims, "iat": now, "exp": now + lifetime})
    return (text + b"." + _encode(hmac.new(key, text, hashlib.sha256).digest())).decode()
