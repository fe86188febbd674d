#!/usr/bin/env python3
"""Publishes messages to all dispatchers, with nothing but generated code and grpcio.

Generate the code first (see README.md), and put its directory on PYTHONPATH. Then, for each line of stdin, an event:

    printf 'Road closed\n' | ./publish_dispatch.py --server 127.0.0.1:50051

prints the cursor of each event when it is durable. A fault that passes is waited for, and the event is sent again with
the same id, so that it is stored once; an event that is refused ends the program with exit code 1.
"""

import argparse
import os
import pathlib
import random
import sys
import time
import uuid

import grpc

from apps.dispatch.v1 import dispatch_pb2
from weir.v1 import event_bus_pb2, event_bus_pb2_grpc, event_pb2

TOPIC = "dispatch.broadcast"
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}


def channel_to(options):
    """A connection, over TLS where the server's authorities are given."""
    if not options.tls_ca:
        return grpc.insecure_channel(options.server)
    files = (options.tls_ca, options.tls_key, options.tls_certificate)
    pems = [pathlib.Path(name).read_bytes() if name else None for name in files]
    return grpc.secure_channel(options.server, grpc.ssl_channel_credentials(*pems))


def on_this_machine(server):
    return server.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")


def shown(token_file):
    """The metadata that tells the server who calls. The file is read anew each time: another program may renew it."""
    if not token_file:
        return ()
    return (("authorization", "Bearer " + pathlib.Path(token_file).read_text().strip()),)


def event_of(payload):
    """An event with an id of its own: made once, so that a retry is recognised."""
    event = event_pb2.Event(topic=TOPIC, id=uuid.uuid4().hex)
    event.payload.Pack(payload)
    event.time.GetCurrentTime()
    return event


def flash(text, severity, sender):
    return dispatch_pb2.FlashMessage(id=uuid.uuid4().hex, text=text, severity=severity, sender=sender)


def publish(bus, event, patience, token_file=None):
    """Returns the result of the event; raises grpc.RpcError when `patience` seconds did not suffice."""
    request = event_bus_pb2.PublishRequest(events=[event])
    deadline = time.monotonic() + patience
    ceiling = 0.1
    while True:
        try:
            return bus.Publish(request, timeout=min(10, patience), metadata=shown(token_file)).results[0]
        except grpc.RpcError as error:
            wait = random.uniform(0, ceiling)
            if error.code() not in PASSING or time.monotonic() + wait > deadline:
                raise
            time.sleep(wait)
            ceiling = min(2 * ceiling, 5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:50051", help="HOST:PORT of weir-server (default %(default)s)")
    parser.add_argument("--severity", default="info", choices=["info", "warning", "critical"])
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for a server (default %(default)s)")
    parser.add_argument("--tls-ca", metavar="FILE", help="use TLS; the authorities of the server's certificate")
    parser.add_argument("--tls-certificate", metavar="FILE", help="yours, for a server that asks for one")
    parser.add_argument("--tls-key", metavar="FILE", help="its key")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        default=os.environ.get("WEIR_TOKEN_FILE"),
        help="holds the token that tells the server who you are (default $WEIR_TOKEN_FILE)",
    )
    options = parser.parse_args()
    if options.token_file and not options.tls_ca and not on_this_machine(options.server):
        parser.error("--token-file: a token goes to another machine over TLS alone; give --tls-ca")

    with channel_to(options) as channel:
        bus = event_bus_pb2_grpc.EventBusStub(channel)
        for line in sys.stdin:
            event = event_of(flash(line.rstrip("\n"), options.severity, "python"))
            try:
                result = publish(bus, event, options.patience, options.token_file)
            except grpc.RpcError as error:
                sys.exit(f"publish_dispatch: {error.code().name}: {error.details()}")
            if result.HasField("error"):
                sys.exit(f"publish_dispatch: refused: {result.error.message}")
            print(result.ack.cursor, flush=True)


if __name__ == "__main__":
    main()
