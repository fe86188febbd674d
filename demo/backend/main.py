#!/usr/bin/env python3
"""The demo's small backend: publishes dispatch's events, gives tokens, takes test broadcasts.

    main.py --server 127.0.0.1:50051 --token-file backend.jwt --key hs256.key --origin http://127.0.0.1:8080

The generated code and clients/python belong on PYTHONPATH. Says `weir-demo-backend ready: http=HOST:PORT` on stdout.
"""

import argparse
import logging
import signal
import threading
import time

import grpc

from incidents import incidents
from publish_dispatch import event_of, flash, publish
from tokens import token
from web import Refused, Server
from weir.v1 import event_bus_pb2_grpc

BROADCAST_PATIENCE = 3  # seconds that somebody at the page waits for the server
FEED_PATIENCE = 30

# What demo/edge.yaml asks of tokens.
ISSUER = "weir-demo"
AUDIENCE = "weir-edge"


def feed(bus, token_file, interval):
    """Publishes incidents without end, in order. While the server is away, they wait."""
    for message in incidents():
        event = event_of(message)
        while True:
            try:
                result = publish(bus, event, FEED_PATIENCE, token_file)
                break
            except grpc.RpcError as error:
                logging.warning("an incident waits: %s: %s", error.code().name, error.details())
        if result.HasField("error"):
            logging.warning("an incident was refused: %s", result.error.message)
        time.sleep(interval)


def broadcast(bus, token_file, text):
    try:
        result = publish(bus, event_of(flash(text, "warning", "you")), BROADCAST_PATIENCE, token_file)
    except grpc.RpcError as error:
        raise Refused(503, f"the server cannot be reached: {error.code().name}") from None
    if result.HasField("error"):
        raise Refused(400, result.error.message)
    return result.ack.cursor


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:50051", help="HOST:PORT of weir-server (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="listens on 127.0.0.1; 0, the default, takes a free one")
    parser.add_argument("--token-file", help="holds the token that tells the server who publishes")
    parser.add_argument("--key", required=True, help="the file that the edge verifies HS256 by")
    parser.add_argument("--origin", action="append", required=True, help="whose pages may ask; may be given again")
    parser.add_argument("--token-ttl", type=int, default=300, help="seconds until a token ends (default %(default)s)")
    parser.add_argument(
        "--interval", type=float, default=3, help="seconds between incidents; 0: none (default %(default)s)"
    )
    return parser.parse_args()


def main():
    options = arguments()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    # Before there are threads, which inherit it: only sigwait sees these.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with open(options.key, "rb") as file:
        key = file.read().removesuffix(b"\n")

    bus = event_bus_pb2_grpc.EventBusStub(grpc.insecure_channel(options.server))
    server = Server(
        ("127.0.0.1", options.port),
        options.origin,
        lambda user, tenant: token(key, options.token_ttl, iss=ISSUER, aud=AUDIENCE, sub=user, tenant_id=tenant),
        lambda text: broadcast(bus, options.token_file, text),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.interval > 0:
        threading.Thread(target=feed, args=(bus, options.token_file, options.interval), daemon=True).start()
    print(f"weir-demo-backend ready: http=127.0.0.1:{server.server_port}", flush=True)
    signal.sigwait(ends)


if __name__ == "__main__":
    main()
