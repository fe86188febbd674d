#!/usr/bin/env python3
"""Who gets in over gRPC, and who may do what there: tried on the real server, with grpcio and generated code alone.

    PYTHONPATH=GENERATED ./grpc_access.py WEIR_SERVER WEIR DESCRIPTORS DEV_CERTIFICATES

Prints each check, and ends with 1 when one failed. grpc_access.test.mjs runs it.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from apps.dispatch.v1 import dispatch_pb2
from weir.v1 import event_bus_pb2 as eb, event_bus_pb2_grpc as ebg, event_pb2
from weir.v1 import maintenance_pb2 as mt, maintenance_pb2_grpc as mtg

SRV, CLI, DESCRIPTORS, CERTIFICATES = sys.argv[1:]
D = pathlib.Path(tempfile.mkdtemp())


def mk(*a):
    subprocess.run([CERTIFICATES, *map(str, a)], check=True)


mk(D / "c", "server", "feed", "reader", "operator", "stranger", "warden")
mk(D / "f", "client", "server")
mk("--days", "0", D / "c", "late")
(D / "secret").write_text("a secret of at least thirty-two bytes\n")
os.chmod(D / "secret", 0o600)
RULES = """
auth: {keys: [{algorithm: HS256, file: secret}], leeway: 0s}
access:
  - who: ["dns:feed.weir.internal", "sub:feed"]
    publish: {topics: ["dispatch.broadcast", "dispatch.secret"], types: [apps.dispatch.v1.FlashMessage]}
    deny_publish: {topics: ["*.secret"]}
  - who: ["dns:reader.weir.internal", "sub:reader"]
    subscribe: {topics: ["dispatch.>", "users.*.notifications"]}
    deny_subscribe: {topics: ["dispatch.secret"]}
  - who: ["dns:operator.weir.internal", "sub:operator"]
    backup: true
  - who: ["dns:warden.weir.internal", "sub:warden"]
    revoke: true
"""
TLS = "tls: {certificate: s.crt, key: s.key, client_ca: ca.crt}\n"


def install(d):
    for a, b in (("server.crt", "s.crt"), ("server.key", "s.key"), ("ca.crt", "ca.crt")):
        shutil.copy(D / d / a, D / (b + ".n"))
        os.rename(D / (b + ".n"), D / b)


install("c")


class Server:
    def __init__(self, text, *flags):
        (D / "s.yaml").write_text(text)
        self.err = open(D / "err", "w")
        self.p = subprocess.Popen(
            [
                SRV,
                "--config",
                str(D / "s.yaml"),
                "--admin-listen",
                "127.0.0.1:0",
                "--data-dir",
                str(D / "data"),
                "--descriptors",
                DESCRIPTORS,
                *flags,
            ],
            stdout=subprocess.PIPE,
            stderr=self.err,
            text=True,
        )
        line = self.p.stdout.readline()
        self.line = line
        assert "ready" in line, (line, (D / "err").read_text())
        self.port = line.split("grpc=")[1].split()[0].rsplit(":", 1)[1]
        self.admin = line.split("admin=")[1].strip()

    def log(self):
        return (D / "err").read_text()

    def kill(self):
        self.p.kill()
        self.p.wait(120)

    def stop(self):
        self.p.terminate()
        assert self.p.wait(120) == 0


def creds(d, name, ca=None):
    return grpc.ssl_channel_credentials(
        (D / (ca or d) / "ca.crt").read_bytes(),
        (D / d / (name + ".key")).read_bytes() if name else None,
        (D / d / (name + ".crt")).read_bytes() if name else None,
    )


def tok(sub, ttl="1h", *more):
    return subprocess.check_output(
        [CLI, "token", "--key", str(D / "secret"), "--sub", sub, "--ttl", ttl, *more], text=True
    ).strip()


def why(e):
    for k, v in e.trailing_metadata() or ():
        if k == "grpc-status-details-bin":
            for r in (
                b"CREDENTIALS_MISSING",
                b"CREDENTIALS_INVALID",
                b"CREDENTIALS_EXPIRED",
                b"CREDENTIALS_REVOKED",
                b"SUBSCRIBE_DENIED",
                b"PUBLISH_DENIED",
                b"BACKUP_DENIED",
                b"REVOKE_DENIED",
                b"REVOCATIONS_UNKNOWN",
                b"DRAINING",
            ):
                if r in v:
                    return r.decode()
    return e.code().name


class C:
    def __init__(self, ch, token=None):
        self.ch = ch
        self.s = ebg.EventBusStub(ch)
        self.token = token
        self.m = [("authorization", "Bearer " + token)] if token else []

    def call(self, f, req, **k):
        try:
            return f(req, timeout=60, metadata=self.m, **k)
        except grpc.RpcError as e:
            return why(e)

    def ev(self, topic, t=dispatch_pb2.FlashMessage):
        e = event_pb2.Event(topic=topic)
        e.payload.Pack(t())
        return e

    def pub(self, topic, t=dispatch_pb2.FlashMessage):
        r = self.call(self.s.Publish, eb.PublishRequest(events=[self.ev(topic, t)]))
        if isinstance(r, str):
            return r
        x = r.results[0]
        return (
            "ok"
            if x.HasField("ack")
            else ("PUBLISH_DENIED" if b"PUBLISH_DENIED" in x.error.SerializeToString() else str(x.error))
        )

    def pubstream(self, topic):
        try:
            for r in self.s.PublishStream(
                iter([eb.PublishStreamRequest(events=[self.ev(topic)])]), timeout=60, metadata=self.m
            ):
                x = r.results[0]
                return (
                    "ok"
                    if x.HasField("ack")
                    else ("PUBLISH_DENIED" if b"PUBLISH_DENIED" in x.error.SerializeToString() else str(x.error))
                )
        except grpc.RpcError as e:
            return why(e)

    def lst(self, *f):
        r = self.call(self.s.ListEvents, eb.ListEventsRequest(filters=f))
        return r if isinstance(r, str) else "ok"

    def sub(self, *f, types=()):
        c = self.s.Subscribe(eb.SubscribeRequest(filters=f, types=types), timeout=60, metadata=self.m)
        try:
            n = next(c)
            c.cancel()
            return n.WhichOneof("kind") or str(n)
        except grpc.RpcError as e:
            return why(e)

    def status(self):
        r = self.call(self.s.GetStatus, eb.GetStatusRequest())
        return r if isinstance(r, str) else "ok"

    def schema(self):
        r = self.call(self.s.GetSchema, eb.GetSchemaRequest())
        return r if isinstance(r, str) else "ok"

    def revoke(self, **which):
        r = self.call(mtg.MaintenanceStub(self.ch).RevokeTokens, mt.RevokeTokensRequest(**(which or {"subject": "m"})))
        return r if isinstance(r, str) else "ok"

    def backup(self):
        try:
            return (
                "ok"
                if len(list(mtg.MaintenanceStub(self.ch).Backup(mt.BackupRequest(), timeout=60, metadata=self.m))) > 1
                else "empty"
            )
        except grpc.RpcError as e:
            return why(e)


def until(condition):
    deadline = time.time() + 120
    while not condition():
        if time.time() > deadline:
            return False
        time.sleep(0.05)
    return True


bad = 0


def eq(a, b, what=""):
    global bad
    if a != b:
        bad += 1
    print("ok  " if a == b else "FAIL", what, repr(a), "" if a == b else "want %r" % (b,), flush=True)


def secure(s, d, name, token=None, ca=None, host="127.0.0.1"):
    return C(grpc.secure_channel(f"{host}:{s.port}", creds(d, name, ca)), token)


def mtls():
    s = Server(TLS + RULES, "--listen", "0.0.0.0:0")
    eq("insecure" in s.log(), False, "mtls is not insecure")
    feed, reader, op, stranger = [secure(s, "c", n) for n in ("feed", "reader", "operator", "stranger")]
    eq(feed.pub("dispatch.broadcast"), "ok", "feed")
    eq(feed.pub("dispatch.secret"), "PUBLISH_DENIED", "deny")
    eq(feed.pub("dispatch.other"), "PUBLISH_DENIED", "other topic")
    eq(feed.pub("dispatch.broadcast", dispatch_pb2.BilstatusUpdate), "PUBLISH_DENIED", "other type")
    eq(feed.pubstream("dispatch.broadcast"), "ok", "stream")
    eq(feed.pubstream("dispatch.secret"), "PUBLISH_DENIED", "stream")
    eq(feed.lst("dispatch.broadcast"), "SUBSCRIBE_DENIED", "feed list")
    eq(feed.sub("dispatch.broadcast"), "SUBSCRIBE_DENIED", "feed sub")
    eq(feed.status(), "ok")
    eq(feed.schema(), "ok")
    eq(feed.backup(), "BACKUP_DENIED", "feed backup")
    warden = secure(s, "c", "warden")
    eq([c.revoke() for c in (feed, reader, op)], ["REVOKE_DENIED"] * 3, "revoke")
    eq((warden.revoke(), warden.backup()), ("ok", "BACKUP_DENIED"), "warden")
    eq(reader.pub("dispatch.broadcast"), "PUBLISH_DENIED", "reader")
    eq(reader.pubstream("dispatch.broadcast"), "PUBLISH_DENIED")
    for f in (
        "dispatch.>",
        "dispatch.*",
        "*.secret",
        ">",
        "dispatch.secret",
        "*",
        "users.>",
        "users.ann.*",
        "*.*.notifications",
    ):
        eq((reader.lst(f), reader.sub(f)), ("SUBSCRIBE_DENIED", "SUBSCRIBE_DENIED"), f)
    for f in (
        "dispatch.broadcast",
        "dispatch.*.room",
        "dispatch.secret.room",
        "dispatch.room.>",
        "users.ann.notifications",
    ):
        eq((reader.lst(f), reader.sub(f)), ("ok", "started"), f)
    for n, v in (
        ("pub", stranger.pub("dispatch.broadcast")),
        ("pubstream", stranger.pubstream("dispatch.broadcast")),
        ("list", stranger.lst("dispatch.broadcast")),
        ("sub", stranger.sub("dispatch.broadcast")),
        ("status", stranger.status()),
        ("schema", stranger.schema()),
        ("backup", stranger.backup()),
        ("revoke", stranger.revoke()),
    ):
        eq(v, "SUBSCRIBE_DENIED", "stranger " + n)
    eq(op.backup(), "ok", "operator backup")
    eq(op.lst("dispatch.broadcast"), "SUBSCRIBE_DENIED", "operator list")
    for n, c in (
        ("none", secure(s, "c", None)),
        ("foreign", secure(s, "f", "client", ca="c")),
        ("server cert", secure(s, "c", "server")),
        ("late", secure(s, "c", "late")),
        ("plain", C(grpc.insecure_channel("127.0.0.1:" + s.port))),
        ("distrust", secure(s, "c", "feed", ca="f")),
        ("other host", secure(s, "c", "feed", host="127.0.0.2")),
    ):
        eq(c.status(), "UNAVAILABLE", n)
    eq(secure(s, "c", "stranger", tok("feed")).pub("dispatch.broadcast"), "ok", "token over certificate")
    eq(secure(s, "c", "feed", tok("feed", "-1s")).pub("dispatch.broadcast"), "CREDENTIALS_EXPIRED")
    eq(secure(s, "c", "feed", "x").status(), "CREDENTIALS_INVALID")
    # token over: streams end
    t0 = time.time()
    t = tok("reader", "8s")
    r = secure(s, "c", "stranger", t)
    c = r.s.Subscribe(eb.SubscribeRequest(filters=["dispatch.broadcast"]), timeout=60, metadata=r.m)
    try:
        for _ in c:
            pass
    except grpc.RpcError as e:
        eq(why(e), "CREDENTIALS_EXPIRED", "subscribe ends")
    else:
        eq("ended with OK", "CREDENTIALS_EXPIRED", "subscribe ends")
    eq(time.time() - t0 > 6, True, "not before")
    f = secure(s, "c", "stranger", tok("feed", "30s"))  # on a busy machine the first event takes its time
    done = threading.Event()

    def gen():
        yield eb.PublishStreamRequest(events=[f.ev("dispatch.broadcast")])
        done.wait(60)

    res = []
    try:
        for x in f.s.PublishStream(gen(), timeout=60, metadata=f.m):
            res.append(x.results[0].HasField("ack"))
    except grpc.RpcError as e:
        eq((why(e), res), ("CREDENTIALS_EXPIRED", [True]), "publish stream ends")
    else:
        eq("ended with OK", "CREDENTIALS_EXPIRED", "publish stream ends")
    done.set()
    # rules change
    c = reader.s.Subscribe(eb.SubscribeRequest(filters=["dispatch.broadcast"]), timeout=120)
    next(c)
    y = (D / "s.yaml").read_text()
    (D / "s.yaml").write_text(y.replace('"dispatch.>", "users', '"users'))
    s.p.send_signal(signal.SIGHUP)
    try:
        for _ in c:
            pass
    except grpc.RpcError as e:
        eq(why(e), "DRAINING", "recalled")
    else:
        eq("ended with OK", "DRAINING", "recalled")
    eq(reader.lst("dispatch.broadcast"), "SUBSCRIBE_DENIED", "new rules")
    eq(reader.lst("users.ann.notifications"), "ok")
    (D / "s.yaml").write_text(y + "access: []\n")
    s.p.send_signal(signal.SIGHUP)
    eq(until(lambda: "what was in force stays" in s.log()), True, "bad rules change nothing")
    eq(reader.lst("dispatch.broadcast"), "SUBSCRIBE_DENIED")
    # certificates
    open_ = reader.s.Subscribe(eb.SubscribeRequest(filters=["users.ann.notifications"]), timeout=600)
    next(open_)
    shutil.copy(D / "f/server.crt", D / "s.crt")
    eq(
        until(lambda: secure(s, "c", "feed").status() != "ok" or "is not the key of the certificate" in s.log()),
        True,
        "said",
    )
    eq(secure(s, "c", "feed").status(), "ok", "mismatch keeps the old")
    weak = ["-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-days", "1"]
    subprocess.run(
        ["openssl", "req", *weak, "-keyout", D / "s.key", "-out", D / "s.crt"], check=True, stderr=subprocess.DEVNULL
    )
    eq(
        until(lambda: secure(s, "c", "feed").status() != "ok" or "ee key too small" in s.log()),
        True,
        "what is wrong with a weak key",
    )
    eq(secure(s, "c", "feed").status(), "ok", "a weak key keeps the old")
    eq("new certificates are in force" in s.log(), False, "nothing is in force that is not")
    install("f")
    eq(until(lambda: secure(s, "f", "client").status() == "SUBSCRIBE_DENIED"), True, "new authority (known by no rule)")
    eq(secure(s, "c", "feed", ca="f").status(), "UNAVAILABLE", "old clients")
    eq(open_.is_active(), True, "open stream goes on")
    metrics = subprocess.run(["curl", "-s", s.admin + "/metrics"], capture_output=True, text=True).stdout
    for reason in ("CREDENTIALS_EXPIRED", "CREDENTIALS_INVALID", "SUBSCRIBE_DENIED", "BACKUP_DENIED"):
        eq('weir_access_refused_total{reason="%s"}' % reason in metrics, True, "counted: " + reason)
    eq('weir_access_refused_total{reason="PUBLISH_DENIED"} 6\n' in metrics, True, "counted: six events")
    eq(any(x in s.log() for x in ("PRIVATE KEY", t[:25], "thirty-two")), False, "no secrets in the log")
    s.stop()


def loopback():
    s = Server(RULES, "--listen", "127.0.0.1:0")
    plain = lambda t=None: C(grpc.insecure_channel("127.0.0.1:" + s.port), t)
    for c, w in (
        (plain(), "CREDENTIALS_MISSING"),
        (plain("x"), "CREDENTIALS_INVALID"),
        (plain(tok("feed", "-1s")), "CREDENTIALS_EXPIRED"),
    ):
        eq(
            {
                c.pub("dispatch.broadcast"),
                c.pubstream("dispatch.broadcast"),
                c.lst("dispatch.broadcast"),
                c.sub("dispatch.broadcast"),
                c.status(),
                c.schema(),
                c.backup(),
                c.revoke(),
            },
            {w},
        )
    eq(plain(tok("feed")).pub("dispatch.broadcast"), "ok")
    eq(plain(tok("reader")).sub("dispatch.broadcast"), "started")
    s.stop()
    install("c")
    # TLS without certificates of clients: tokens tell who calls, also after a reload that would do elsewhere
    text = "tls: {certificate: s.crt, key: s.key}\n" + RULES
    s = Server(text, "--listen", "0.0.0.0:0")
    eq(secure(s, "c", None, tok("feed")).pub("dispatch.broadcast"), "ok", "TLS and a token")
    eq(secure(s, "c", None).status(), "CREDENTIALS_MISSING", "TLS without a token")
    (D / "token").write_text(tok("feed"))
    os.chmod(D / "token", 0o600)
    weir = lambda: subprocess.run(
        [CLI, "status", "--server", "127.0.0.1:" + s.port]
        + ["--tls-ca", str(D / "c" / "ca.crt"), "--token-file", str(D / "token")],
        capture_output=True,
        text=True,
    )
    eq(weir().returncode, 0, "weir with a token")
    (D / "token").write_text("two\nlines\n")
    eq((weir().returncode, "no token" in weir().stderr), (2, True), "a file that is no token")
    (D / "s.yaml").write_text("tls: {certificate: s.crt, key: s.key, client_ca: ca.crt}\n")
    s.p.send_signal(signal.SIGHUP)
    eq(until(lambda: "auth cannot go" in s.log()), True, "a reload that would let in everybody")
    eq(secure(s, "c", None).status(), "CREDENTIALS_MISSING", "and nobody is")
    s.stop()
    s = Server("{}", "--listen", "0.0.0.0:0", "--insecure")
    eq("insecure: gRPC on 0.0.0.0:0 has neither TLS nor authentication" in s.log(), True)
    print(subprocess.run(["curl", "-s", s.admin + "/readyz"], capture_output=True, text=True).stdout)
    c = C(grpc.insecure_channel("127.0.0.1:" + s.port))
    eq((c.pub("dispatch.broadcast"), c.sub(">"), c.backup()), ("ok", "started", "ok"), "open")
    s.stop()


def ending(stream):
    """Why a stream ends, and how long that took."""
    begin = time.time()
    try:
        for _ in stream:
            pass
    except grpc.RpcError as e:
        return why(e), time.time() - begin
    return "ended with OK", time.time() - begin


def revoked():
    s = Server(RULES, "--listen", "127.0.0.1:0")
    caller = lambda t: C(grpc.insecure_channel("127.0.0.1:" + s.port), t)
    warden = caller(tok("warden"))
    took = []
    for n in range(3):
        reader, other = caller(tok("reader")), caller(tok("operator"))
        stream = reader.s.Subscribe(
            eb.SubscribeRequest(filters=["users.ann.notifications"]), timeout=60, metadata=reader.m
        )
        next(stream)
        feed, done = caller(tok("feed")), threading.Event()

        def gen(feed=feed, done=done):
            yield eb.PublishStreamRequest(events=[feed.ev("dispatch.broadcast")])
            done.wait(60)

        publishing = feed.s.PublishStream(gen(), timeout=60, metadata=feed.m)
        eq(next(publishing).results[0].HasField("ack"), True, "a publish stream")
        eq((warden.revoke(subject="reader"), warden.revoke(subject="feed")), ("ok", "ok"), "revoke")
        revoked_at = time.time()
        eq(
            (reader.lst("users.ann.notifications"), feed.pub("dispatch.broadcast")),
            ("CREDENTIALS_REVOKED",) * 2,
            "at once",
        )
        for what in (stream, publishing):
            reason, _ = ending(what)
            eq(reason, "CREDENTIALS_REVOKED", "an open stream")
        took.append(time.time() - revoked_at)
        done.set()
        eq((reader.sub("users.ann.notifications"), feed.pubstream("dispatch.broadcast")), ("CREDENTIALS_REVOKED",) * 2)
        eq((other.status(), warden.status()), ("ok", "ok"), "others go on")
        # Tokens of a later second are good.
        eq(until(lambda: caller(tok("feed")).status() == "ok"), True, "signed in again")
        eq(until(lambda: caller(tok("reader")).status() == "ok"), True, "signed in again")
    eq(min(took) < 1, True, "within a second: %r" % took)
    # One token, by its id.
    one, two = [caller(tok("feed", "1h", "--claim", "jti=" + jti)) for jti in ("one", "two")]
    eq((one.status(), two.status()), ("ok", "ok"))
    eq(warden.revoke(token_id="one"), "ok")
    eq((one.status(), two.status()), ("CREDENTIALS_REVOKED", "ok"), "one token")
    # It is in the log, and no token is taken before that was read.
    for _ in range(3):
        s.kill()
        s = Server(RULES, "--listen", "127.0.0.1:0")
        eq(
            (caller(reader.token).status(), caller(one.token).status(), caller(two.token).status()),
            ("CREDENTIALS_REVOKED", "CREDENTIALS_REVOKED", "ok"),
            "after a kill",
        )
    metrics = lambda: subprocess.run(["curl", "-s", s.admin + "/metrics"], capture_output=True, text=True).stdout
    page = metrics()
    eq('weir_access_refused_total{reason="CREDENTIALS_REVOKED"} 2\n' in page, True, "counted")
    eq(("\nweir_revocations 4\n" in page, "\nweir_revocations_complete 1\n" in page), (True, True), "held")
    # Without room for all no token is taken; there is room after a reload.
    s.kill()
    small = RULES.replace("leeway: 0s}", "leeway: 0s, revocations_max: 3}")
    s = Server(small, "--listen", "127.0.0.1:0")
    ready = lambda: subprocess.run(["curl", "-s", s.admin + "/readyz"], capture_output=True, text=True).stdout
    eq(caller(two.token).status(), "REVOCATIONS_UNKNOWN", "full")
    eq("auth.revocations_max" in ready(), True, ready())
    eq("\nweir_revocations_complete 0\n" in metrics(), True, "full")
    (D / "s.yaml").write_text(RULES)
    s.p.send_signal(signal.SIGHUP)
    eq(until(lambda: caller(two.token).status() == "ok"), True, "room")
    eq(caller(one.token).status(), "CREDENTIALS_REVOKED", "room")
    eq(caller(tok("feed", "721h")).status(), "CREDENTIALS_INVALID", "a token that lasts longer than a revocation")
    s.stop()


def exposed():
    r = subprocess.run(
        [SRV, "--engine", "memory", "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=120
    )
    eq((r.returncode, "neither TLS nor authentication" in r.stderr), (2, True), "refuses to start")


mtls()
loopback()
revoked()
exposed()
shutil.rmtree(D)
sys.exit(1 if bad else 0)
