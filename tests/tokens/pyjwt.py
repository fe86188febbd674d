"""Tokens by an independent implementation (PyJWT on python-cryptography), and its judgement of ours.

  pyjwt.py generate DIR COUNT SEED   makes keys in DIR, and prints COUNT lines {"token", "good", "what"}
  pyjwt.py judge DIR                 reads tokens from stdin, a line each; prints {"subject"} or {"error"} for each
"""

import base64
import json
import os
import random
import sys
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE = "weir"
ISSUER = "https://issuer.example"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def jwk_of(kid, algorithm, key):
    if algorithm == "HS256":
        return {"kty": "oct", "kid": kid, "alg": algorithm, "k": b64(key)}
    public = key.public_key()
    if algorithm in ("RS256", "PS256"):
        numbers = public.public_numbers()
        return {"kty": "RSA", "kid": kid, "alg": algorithm, "n": number(numbers.n), "e": number(numbers.e)}
    if algorithm == "ES256":
        numbers = public.public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": kid, "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(raw), "use": "sig", "key_ops": ["verify"]}


def make_keys(draw):
    """Two of each algorithm, by kid."""
    keys = {}
    for i in "12":
        keys["hs" + i] = ("HS256", draw.randbytes(32 + draw.randrange(40)))
        keys["rs" + i] = ("RS256", rsa.generate_private_key(65537, 2048 + 512 * draw.randrange(3)))
        keys["ps" + i] = ("PS256", rsa.generate_private_key(65537, 2048 + 512 * draw.randrange(3)))
        keys["es" + i] = ("ES256", ec.generate_private_key(ec.SECP256R1()))
        keys["ed" + i] = ("EdDSA", ed25519.Ed25519PrivateKey.generate())
    return keys


def write_keys(folder, keys):
    """The first of each kind as secret or PEM, the second in a JWK set; private ones for `weir token`."""
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True)
    jwks = {"keys": [jwk_of(kid, algorithm, key) for kid, (algorithm, key) in keys.items() if kid.endswith("2")]}
    (folder / "jwks.json").write_text(json.dumps(jwks))
    for kid, (algorithm, key) in keys.items():
        if algorithm == "HS256":
            (folder / kid).write_bytes(key)
            continue
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / kid).write_bytes(private)
        (folder / f"{kid}.pub").write_bytes(public)


def read_keys(folder):
    keys = {}
    for kid, algorithm in (("hs1", "HS256"), ("rs1", "RS256"), ("ps1", "PS256"), ("es1", "ES256"), ("ed1", "EdDSA")):
        text = (folder / kid).read_bytes()
        keys[kid] = (algorithm, text if algorithm == "HS256" else serialization.load_pem_private_key(text, None))
    return keys


def text_of(draw):
    return "".join(draw.choice('abz019-_.@*> é漢😀"\\\n\x7f') for _ in range(draw.randrange(1, 12)))


def claims_of(draw, now):
    """A good claims set."""
    claims = {"sub": text_of(draw), "exp": now + 600 + draw.randrange(10**6), "iss": ISSUER, "aud": AUDIENCE}
    if draw.random() < 0.3:
        claims["exp"] += 0.5
    if draw.random() < 0.5:
        claims["iat"] = now - draw.randrange(10**6)
    if draw.random() < 0.5:
        claims["nbf"] = now - draw.randrange(10**6)
    if draw.random() < 0.3:
        claims["aud"] = draw.sample(["other", AUDIENCE, "third"], 3)
    if draw.random() < 0.3:
        claims["jti"] = text_of(draw)
    for _ in range(draw.randrange(4)):
        claims[text_of(draw) + "!"] = draw.choice([None, True, -1, 1.5e10, [1, {"a": []}], {"b": text_of(draw)}, ""])
    return claims


SPOILS = {
    "no exp": lambda c, now: c.pop("exp"),
    "expired": lambda c, now: c.update(exp=now - 3600),
    "exp is text": lambda c, now: c.update(exp="soon"),
    "not yet": lambda c, now: c.update(nbf=now + 3600),
    "issued later": lambda c, now: c.update(iat=now + 3600),
    "other audience": lambda c, now: c.update(aud="other"),
    "no audience": lambda c, now: c.pop("aud"),
    "other issuer": lambda c, now: c.update(iss=ISSUER + "/"),
    "no issuer": lambda c, now: c.pop("iss"),
}


def sign(claims, kid, key, headers=None, draw=None):
    algorithm, secret = key
    named = {} if draw and draw.random() < 0.2 else {"kid": kid}
    return jwt.encode(claims, secret, algorithm=algorithm, headers={**named, **(headers or {})})


def changed(draw, token):
    """One character is another one, and its bytes are, too."""
    while True:
        at = draw.randrange(len(token))
        other = token[:at] + draw.choice(ALPHABET) + token[at + 1 :]
        parts, others = token.split("."), other.split(".")
        pad = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))  # noqa: E731
        if len(others) == 3 and [pad(p) for p in parts] != [pad(p) for p in others]:
            return other


def judgement(token, keys):
    """None, or why PyJWT refuses it."""
    try:
        header = jwt.get_unverified_header(token)
        names = [header["kid"]] if "kid" in header else list(keys)
    except (jwt.InvalidTokenError, ValueError) as error:
        return str(error)
    why = "no key"
    for kid in names:
        algorithm, key = keys.get(kid, (None, None))
        if algorithm is None:
            continue
        try:
            jwt.decode(
                token,
                key if algorithm == "HS256" else key.public_key(),
                algorithms=[algorithm],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=30,
                options={"require": ["exp", "iss", "aud"]},
            )
            return None
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            why = str(error)
    return why


def generate(folder, count, seed):
    draw = random.Random(seed)
    assert {"HS256", "RS256", "PS256", "ES256", "EdDSA"} <= set(get_default_algorithms())
    keys = make_keys(draw)
    write_keys(folder, keys)
    strangers = make_keys(draw)
    now = int(time.time())
    for _ in range(count):
        kid = draw.choice(list(keys))
        claims = claims_of(draw, now)
        kind = draw.random()
        if kind < 0.5:
            what, token = "good", sign(claims, kid, keys[kid], draw=draw)
        elif kind < 0.65:
            what = draw.choice(list(SPOILS))
            SPOILS[what](claims, now)
            token = sign(claims, kid, keys[kid])
        elif kind < 0.75:
            what, token = "a stranger's key", sign(claims, kid, strangers[kid], draw=draw)
        elif kind < 0.8:
            what, token = "another kid", sign(
                claims, kid, keys[kid], {"kid": draw.choice(["hs3", "", "ed2 ", "rs1/2"])}
            )
        else:
            what, token = "changed", changed(draw, sign(claims, kid, keys[kid], draw=draw))
        refused = judgement(token, keys)
        assert (refused is None) == (what == "good"), (what, refused, token)
        print(json.dumps({"token": token, "good": what == "good", "what": f"{what}, {keys[kid][0]}"}))


def judge(folder):
    keys = read_keys(folder)
    for line in sys.stdin:
        token = line.strip()
        refused = judgement(token, keys)
        subject = None if refused else jwt.decode(token, options={"verify_signature": False})["sub"]
        print(json.dumps({"error": refused} if refused else {"subject": subject}))


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        judge(Path(sys.argv[2]))
