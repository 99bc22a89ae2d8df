#!/usr/bin/python3
"""A process that attacks are aimed at. Says its pid and the address of eight bytes, then answers each line on its input
with those bytes and with how often SIGURG has come."""

import ctypes
import json
import os
import signal
import sys

signals = []
signal.signal(signal.SIGURG, lambda *_: signals.append(1))
room = ctypes.create_string_buffer(b"original", 8)
descriptor = os.memfd_create("victims-own")
print(json.dumps({"pid": os.getpid(), "address": ctypes.addressof(room), "descriptor": descriptor}), flush=True)
for _ in sys.stdin:
    print(json.dumps({"bytes": room.raw.decode("latin-1"), "signals": len(signals)}), flush=True)
