#!/usr/bin/python3
"""A pool on a machine with drivers of two makes offers a device of each, and a program runs on either; what is installed
but offers no device (Mesa's Clover) is not in the way."""

from pool import POCL, RUSTICL
from scenario import run

CLOVER = ("mesa",)


def platforms_of(pool):
    return [device["platform"] for device in pool.ask("devices")["devices"]]


def uuids_of(pool):
    return {device["uuid"] for device in pool.ask("devices")["devices"]}


def main(scenario):
    load = [scenario.program("load"), "libOpenCL.so.1"]
    with scenario.new_pool(makes=POCL + RUSTICL + CLOVER) as both:
        platforms = platforms_of(both)
        uuids = uuids_of(both)
        scenario.check(sorted(platforms) == ["Portable Computing Language", "rusticl"], "there is a device of each make",
                       platforms)
    scenario.check_left(both)
    for make in (POCL, RUSTICL):
        with scenario.new_pool(makes=make) as single:
            scenario.check(uuids_of(single) < uuids, f"the device of {make[0]} is the same one when it is alone",
                           f"{uuids_of(single)} {uuids}")
    for index, platform in enumerate(platforms):
        others = "\n".join(f"[[device]]\nindex = {other}\nenabled = false" for other in range(len(platforms))
                           if other != index)
        with scenario.new_pool(makes=POCL + RUSTICL + CLOVER, config=others) as pool:
            ended = pool.run(load)
            scenario.check(ended.returncode == 0 and "sum 4950" in ended.stdout, f"a program runs on {platform}",
                           ended.stdout + ended.stderr)
            sessions = pool.ended_sessions()
            scenario.check([session["device"] for session in sessions] == [index], "on that device", sessions)
            scenario.check_clean(pool)
        scenario.check_left(pool)


if __name__ == "__main__":
    run(main, needs_pool=False)
