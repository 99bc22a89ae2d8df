#!/usr/bin/python3
"""The memory limit holds to the byte, for one session and for two of one tenant together."""

import subprocess

from pool import wait_until
from scenario import run

LIMIT = 64 * 1024 * 1024 + 12_345


class Holder:
    """A session that holds memory, and takes more when told."""

    def __init__(self, scenario, tenant, limit, hold):
        self.child = scenario.pool.popen([scenario.program("quota"), str(limit), "hold", str(hold)], tenant=tenant,
                                         memory=limit, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.child.stdout.readline().strip()

    def more(self, count):
        self.child.stdin.write(f"+{count}\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def end(self):
        self.child.stdin.close()
        return self.child.wait(20)

    def kill(self):
        self.child.kill()
        self.child.wait()


def two_sessions(scenario):
    first = Holder(scenario, "pair", LIMIT, LIMIT // 2)
    second = Holder(scenario, "pair", LIMIT, LIMIT - LIMIT // 2)
    scenario.check(first.first == "held" and second.first == "held", "two sessions together take the whole limit",
                   f"{first.first} {second.first}")
    scenario.check(first.more(1) == "refused" and second.more(1) == "refused", "then neither gets a byte more")
    other = Holder(scenario, "third-party", LIMIT, LIMIT)
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
