"""The backend's HTTP, for the demo's page alone.

GET /token?user=alice&tenant=tenant-1   a token, as text
POST /broadcast {"text": "…"}           a message to all dispatchers; answers {"cursor": "…"}

Whoever asks gets a token for any name: this stands where an application has its login. So only the page's own origin
may read what it answers, and only under the name of this machine.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
BODY_BYTES_MAX = 4096
TEXT_CHARACTERS_MAX = 200
CONNECTIONS_MAX = 64


class Refused(Exception):
    """What was asked for is not given: a status, and why."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, origins, give_token, broadcast):
        super().__init__(address, Handler)
        self.origins = set(origins)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}
        self.give_token = give_token
        self.broadcast = broadcast
        self.places = threading.BoundedSemaphore(CONNECTIONS_MAX)

    def process_request(self, request, client_address):
        if self.places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()


class Handler(BaseHTTPRequestHandler):
    server_version = "weir-demo-backend"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds without a byte

    def do_GET(self):
        self.answer(self.token)

    def do_POST(self):
        self.answer(self.broadcast)

    def do_OPTIONS(self):
        self.answer(lambda: (204, "text/plain", ""))

    def answer(self, act):
        try:
            self.check_origin()
            status, kind, text = act()
        except Refused as refused:
            status, kind, text = refused.status, "application/json", json.dumps({"error": str(refused)})
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Vary", "Origin")
        if self.headers["Origin"] in self.server.origins:
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
            self.send_header("Access-Control-Allow-Methods", "GET, POST")
            self.send_header("Access-Control-Allow-Headers", "Content-Type")
        if status >= 400:  # the body may not have been read
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def check_origin(self):
        if self.headers["Host"] not in self.server.hosts:
            raise Refused(421, "this is not the host that was meant")
        if self.headers["Origin"] is not None and self.headers["Origin"] not in self.server.origins:
            raise Refused(403, "another origin has no access")

    def token(self):
        target = urlsplit(self.path)
        if target.path != "/token":
            raise Refused(404, "there is /token and /broadcast")
        query = parse_qs(target.query)
        user, tenant = query.get("user", [""])[0], query.get("tenant", [None])[0]
        for name in (user, tenant):
            if name is not None and not NAME.fullmatch(name):
                raise Refused(400, "user and tenant are 1 to 64 of [A-Za-z0-9_-]")
        return 200, "text/plain", self.server.give_token(user, tenant)

    def broadcast(self):
        if urlsplit(self.path).path != "/broadcast":
            raise Refused(404, "there is /token and /broadcast")
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "the body is JSON")
        length = self.headers["Content-Length"] or ""
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > BODY_BYTES_MAX:
            raise Refused(413, f"a body has at most {BODY_BYTES_MAX} bytes, and says how many")
        try:
            text = json.loads(self.rfile.read(int(length)))["text"].strip()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Refused(400, 'the body is {"text": "…"}') from None
        if not 1 <= len(text) <= TEXT_CHARACTERS_MAX:
            raise Refused(400, f"a text has 1 to {TEXT_CHARACTERS_MAX} characters")
        return 200, "application/json", json.dumps({"cursor": self.server.broadcast(text)})

    def log_message(self, *_):
        """Requests are not logged: their answers are tokens."""
