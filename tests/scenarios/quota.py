#!/usr/bin/python3
"""The memory limit holds to the byte, for one session and for two of one tenant together."""

from holder import Holder
from pool import wait_until
from scenario import run

LIMIT = 64 * 1024 * 1024 + 12_345


def two_sessions(scenario):
    first = Holder(scenario, "pair", LIMIT, LIMIT // 2, memory=LIMIT)
    second = Holder(scenario, "pair", LIMIT, LIMIT - LIMIT // 2, memory=LIMIT)
    scenario.check(first.first == "held" and second.first == "held", "two sessions together take the whole limit",
                   f"{first.first} {second.first}")
    scenario.check(first.more(1) == "refused" and second.more(1) == "refused", "then neither gets a byte more")
    other = Holder(scenario, "third-party", LIMIT, LIMIT, memory=LIMIT)
    scenario.check(other.first == "held", "another tenant is not concerned", other.first)
    sessions = scenario.pool.sessions()
    held = {session["tenant"]: session["tenant_memory_bytes"] for session in sessions}
    scenario.check(held == {"pair": LIMIT, "third-party": LIMIT}, "`sluice sessions` shows what is held, to the byte",
                   sessions)
    first.kill()
    freed = wait_until(lambda: second.more(LIMIT // 2) == "held", 5, 0.05)
    scenario.check(freed, "what a killed session held is free for the other")
    scenario.check(second.end() == 0 and other.end() == 0, "the holders end well")


def main(scenario):
    for limit in (LIMIT, 4096, 1, 1024 * 1024 * 1024 + 1):
        ended = scenario.pool.run([scenario.program("quota"), str(limit)], memory=limit, tenant=f"exact-{limit}")
        failed = [line for line in ended.stdout.splitlines() if not line.startswith("ok ")]
        scenario.check(ended.stdout.count("ok ") >= 5 and not failed, f"a limit of {limit} bytes holds to the byte",
                       ended.stdout + ended.stderr)
    two_sessions(scenario)


if __name__ == "__main__":
    run(main)
