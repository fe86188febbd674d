"""What happens in the demo's town: incidents, one after another, and what becomes of them."""

import itertools
import uuid

from apps.dispatch.v1 import dispatch_pb2
from publish_dispatch import flash

INCIDENTS = [
    ("Fire alarm", "Harbour Street 4", 1, "Harbour Street is closed to traffic"),
    ("Person in the water", "North Pier", 1, "Boats keep clear of the North Pier"),
    ("Traffic accident", "Ring Road, exit 7", 2, "Ring Road: one lane open at exit 7"),
    ("Fallen tree", "Park Avenue 19", 3, "Park Avenue: use the eastern pavement"),
    ("Smell of gas", "Mill Lane 2", 1, "Mill Lane: no open fire, windows shut"),
]
UNITS = ["A1", "A2", "B3", "B4", "C5"]


def incidents():
    """Messages without end: an incident is opened, a unit drives there, all are told, the unit is free again."""
    for (title, place, priority, notice), unit in zip(itertools.cycle(INCIDENTS), itertools.cycle(UNITS)):
        opened = dispatch_pb2.EventCreated(event_id=uuid.uuid4().hex, title=f"{title}, {place}", priority=priority)
        opened.started_at.GetCurrentTime()
        yield opened
        yield dispatch_pb2.BilstatusUpdate(call_sign=unit, status="en_route", position=place)
        yield flash(notice, "critical" if priority == 1 else "info", "control room")
        yield dispatch_pb2.BilstatusUpdate(call_sign=unit, status="on_scene", position=place)
        yield dispatch_pb2.BilstatusUpdate(call_sign=unit, status="available", position="station")
