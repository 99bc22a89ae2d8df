#!/usr/bin/python3
"""clinfo, linked with the loader, asks every query there is. Natively and in the pool every one is answered; in the
pool there is one platform with one GPU, whose memory is the slice's."""

from scenario import run

MEMORY = 256 * 1024 * 1024

# Asked only where an extension offers them, which a virtual GPU need not; and of the system's own loader.
OPTIONAL = ("CL_DEVICE_COMMAND_BUFFER_", "CL_DEVICE_SPIR_VERSIONS", "CL_ICDL_")


def lines_of(text):
    """{query: value} of `clinfo --raw`, by the query's own name."""
    found = {}
    for line in text.splitlines():
        words = line.split(None, 1)
        words = words[1].split(None, 1) if words and words[0].startswith("[") and len(words) > 1 else words
        if words:
            found[words[0]] = words[1] if len(words) > 1 else ""
    return found


def main(scenario):
    native = scenario.native.run(["clinfo", "--raw"])
    pooled = scenario.pool.run(["clinfo", "--raw"], memory=MEMORY)
    scenario.check(native.returncode == 0, "runs natively", native.stderr)
    scenario.check(pooled.returncode == 0, "runs in the pool", pooled.stderr)
    wanted, got = lines_of(native.stdout), lines_of(pooled.stdout)
    missing = [name for name in wanted if name.startswith("CL_") and name not in got and
               not name.startswith(OPTIONAL)]
    scenario.check(not missing, "every query that is answered natively is answered in the pool", "\n".join(missing))
    unanswered = [f"{name} {value}" for name, value in got.items() if "error" in value.lower() and
                  "error" not in wanted.get(name, "").lower()]
    scenario.check(not unanswered, "no query ends with an error", "\n".join(unanswered))
    for name, value in (("CL_DEVICE_TYPE", "CL_DEVICE_TYPE_GPU"), ("CL_DEVICE_GLOBAL_MEM_SIZE", str(MEMORY))):
        scenario.check(value in got.get(name, ""), f"{name} is {value}", got.get(name))
    short = scenario.pool.run(["clinfo", "-l"])
    scenario.check(short.stdout.count("Platform #") == 1 and short.stdout.count("Device #") == 1,
                   "there is one platform and one device", short.stdout)
    human = scenario.pool.run(["clinfo"])
    scenario.check(human.returncode == 0 and "NULL platform behavior" in human.stdout,
                   "the long form runs to its end", human.stdout[-500:] + human.stderr)


if __name__ == "__main__":
    run(main)
