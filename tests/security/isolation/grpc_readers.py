"""Readers over gRPC for the test of isolation, on generated code alone: `PYTHONPATH=GENERATED grpc_readers.py SERVER`.

Each line of stdin is an order, a JSON object; each is answered by a line {"n", "ids", "cursor", "token", "reason"}: the ids of
the events that were shown, how far it was read, the last page token, and why it was refused or ended, or null.

  n                  names the order
  how                "subscribe" or "list"
  token              of who reads; null: none is shown
  filters
  start, cursor      "earliest", "latest" or "last"; or after this cursor
  page_token, page   of a list: where to go on, and the events on a page
  over               after so many milliseconds the reading ends; or
  wanted             it ends with so many events, and must come to them
"""

import json
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import grpc
from apps.dispatch.v1 import dispatch_pb2
from google.rpc import status_pb2
from weir.v1 import event_bus_pb2, event_bus_pb2_grpc

PATIENCE = 180
AT_ONCE = 400
# The server comes back soon.
BACKOFF = [(f"grpc.{which}_reconnect_backoff_ms", 100) for which in ("initial", "min", "max")]


def start_of(order):
    if order.get("cursor"):
        return event_bus_pb2.Start(after_cursor=order["cursor"])
    return {
        "earliest": event_bus_pb2.Start(earliest=event_bus_pb2.Start.Earliest()),
        "latest": event_bus_pb2.Start(latest=event_bus_pb2.Start.Latest()),
        "last": event_bus_pb2.Start(last_per_topic=event_bus_pb2.Start.LastPerTopic()),
        None: None,
    }[order.get("start")]


def id_of(event):
    message = dispatch_pb2.FlashMessage()
    assert event.payload.Unpack(message), event.payload.type_url
    return message.id


# ErrorInfo's reason where there is one; its bytes are searched for it, so that nothing more is to be generated.
def reason_of(error):
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                if detail.type_url.endswith("google.rpc.ErrorInfo"):
                    return detail.value[2 : 2 + detail.value[1]].decode()
    return error.code().name


class Reading:
    def __init__(self, bus, order):
        self.bus = bus
        self.order = order
        self.metadata = [("authorization", "Bearer " + order["token"])] if order.get("token") else []
        self.shown = {"n": order["n"], "ids": [], "cursor": None, "token": None, "reason": None}
        self.begun = False
        self.ends = time.monotonic() + (order["over"] / 1000 if "over" in order else PATIENCE)

    def left(self):
        return max(0, self.ends - time.monotonic())

    def enough(self):
        return len(self.shown["ids"]) >= self.order.get("wanted", float("inf"))

    def run(self):
        try:
            {"subscribe": self.subscribe, "list": self.list}[self.order["how"]]()
        except grpc.RpcError as error:
            over = error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and "over" in self.order
            # An answer that never began: the server was away.
            self.shown["reason"] = ("UNAVAILABLE" if not self.begun else None) if over else reason_of(error)
        return self.shown

    def subscribe(self):
        request = event_bus_pb2.SubscribeRequest(filters=self.order["filters"], start=start_of(self.order))
        call = self.bus.Subscribe(request, metadata=self.metadata, timeout=self.left(), wait_for_ready=True)
        for message in call:
            self.begun = True
            kind = message.WhichOneof("kind")
            if kind == "batch":
                self.shown["ids"] += map(id_of, message.batch.events)
                self.shown["cursor"] = message.batch.events[-1].cursor
            elif kind == "progress":
                self.shown["cursor"] = message.progress.cursor
            if self.enough():
                call.cancel()
                return

    def list(self):
        request = event_bus_pb2.ListEventsRequest(filters=self.order["filters"], start=start_of(self.order))
        request.page_size = self.order.get("page", 100)
        request.page_token = self.order.get("page_token") or ""
        while not self.begun or self.left():
            page = self.bus.ListEvents(request, metadata=self.metadata, timeout=PATIENCE, wait_for_ready=True)
            self.begun = True
            self.shown["ids"] += map(id_of, page.events)
            self.shown["cursor"] = page.cursor
            if not page.next_page_token:
                return
            self.shown["token"] = request.page_token = page.next_page_token


def main():
    bus = event_bus_pb2_grpc.EventBusStub(grpc.insecure_channel(sys.argv[1], BACKOFF))
    one = threading.Lock()

    def serve(line):
        try:
            answer = json.dumps(Reading(bus, json.loads(line)).run())
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # or nobody would hear of it until the end
        with one:
            print(answer, flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for served in [pool.submit(serve, line) for line in sys.stdin]:
            served.result()


main()
