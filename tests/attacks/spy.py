#!/usr/bin/python3
"""spy.py PID TEXT: ends with 0 if TEXT is found in the memory that the process shares with a worker of the pool."""

import re
import sys

with open(f"/proc/{sys.argv[1]}/maps", encoding="utf-8") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
    for line in maps:
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r.*/memfd:sluice-arena", line)
        if found:
            start, end = int(found[1], 16), int(found[2], 16)
            memory.seek(start)
            if sys.argv[2].encode() in memory.read(min(end - start, 4 << 20)):
                sys.exit(0)
sys.exit(1)
