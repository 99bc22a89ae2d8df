"""A program that holds memory, and takes more when told: `quota` of tests/programs."""

import subprocess


class Holder:
    """A session that holds `hold` bytes of device memory."""

    def __init__(self, scenario, tenant, limit, hold, **options):
        self.child = scenario.pool.popen([scenario.program("quota"), str(limit), "hold", str(hold)], tenant=tenant,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.first = self.child.stdout.readline().strip()

    def more(self, count):
        """Takes so many bytes more: "held", "refused", or something else."""
        self.child.stdin.write(f"+{count}\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def end(self):
        self.child.stdin.close()
        return self.child.wait(20)

    def kill(self):
        self.child.kill()
        self.child.wait()
