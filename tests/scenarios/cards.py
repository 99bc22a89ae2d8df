#!/usr/bin/python3
"""A CPU device that is split into two cards of one core each: programs of two tenants run at once, one on each card, see
one compute unit, and no thread of their workers leaves the card's core. When the driver is gone, both cards are marked and
take no new tenants, until it is back."""

import os
import shutil
import subprocess

from pool import VENDORS, wait_until
from scenario import run

CPUS = sorted(os.sched_getaffinity(0))[:2]
CARDS = f'[[device]]\nname = "*"\ncpus = ["{CPUS[0]}", "{CPUS[1]}"]\n'
STEADY_S = 3


def cpus_of(pid):
    """Where each of the process's threads may run, as the kernel says."""
    allowed = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
            allowed |= {line.split()[1] for line in file if line.startswith("Cpus_allowed_list:")}
    return allowed


def units_seen(pool, tenant):
    ended = pool.run(["clinfo", "--raw"], tenant=tenant, gpu="1")
    return [line.split()[-1] for line in ended.stdout.splitlines() if "CL_DEVICE_MAX_COMPUTE_UNITS" in line]


def lists_two_cards(scenario):
    devices = scenario.pool.ask("devices")["devices"]
    scenario.check([device["compute_units"] for device in devices] == [1, 1], "there are two cards of one unit each",
                   devices)
    scenario.check([device["card"]["cpus"] for device in devices] == [str(cpu) for cpu in CPUS],
                   "each has a core of its own", devices)
    scenario.check(len({device["name"] for device in devices}) == 1 and len({device["uuid"] for device in devices}) == 2,
                   "they have the device's name, and two UUIDs", devices)


def run_side_by_side(scenario):
    pool = scenario.pool
    children = [pool.popen([scenario.program("steady"), str(STEADY_S)], tenant=tenant, gpu="1", stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True) for tenant in ("first", "second")]
    scenario.check(all(child.stdout.readline() == "ready\n" for child in children), "both tenants' programs work",
                   pool.log())
    sessions = pool.sessions()
    scenario.check({session["device"] for session in sessions} == {0, 1}, "each on a card of its own", sessions)
    for session in sessions:
        allowed = cpus_of(session["worker_pid"])
        scenario.check(allowed == {str(CPUS[session["device"]])},
                       f"all threads of the worker on device {session['device']} stay on its core", allowed)
    shown = pool.command("devices")
    scenario.note(shown.stdout.replace("\n", "\n     "))
    ended = [child.communicate(timeout=60)[0] for child in children]
    scenario.check(all(child.returncode == 0 for child in children), "both got right results to the end", ended)


def vanish_and_return(scenario, pool):
    """The driver is what its ICD file says: without the file no process finds it."""
    states = lambda: {device["health"]["state"] for device in pool.ask("devices")["devices"]}
    child = pool.popen([scenario.program("steady"), "60", "60000"], tenant="first", gpu="500m", stdout=subprocess.PIPE, text=True)
    scenario.check(child.stdout.readline() == "ready\n", "a program is at rest on a card")
    driver = os.path.join(own_drivers(scenario), "driver.icd")
    os.rename(driver, driver + ".away")
    scenario.check(wait_until(lambda: states() == {"gone"}, 20, 0.1), "without their driver both cards are gone",
                   pool.command("devices").stdout + pool.log())
    scenario.note(pool.command("devices").stdout.replace("\n", "\n     "))
    refused = pool.run(["clinfo", "--list"], tenant="second", gpu="1")
    scenario.check("is gone: its driver does not list it any more" in refused.stderr, "a new tenant is told so",
                   refused.stdout + refused.stderr)
    scenario.check(child.poll() is None, "who works there goes on")
    os.rename(driver + ".away", driver)
    scenario.check(wait_until(lambda: states() == {"ok"}, 20, 0.1), "with their driver they are back",
                   pool.command("devices").stdout + pool.log())
    scenario.check(units_seen(pool, "second") == ["1"], "and take new tenants", pool.log())
    child.kill()
    child.communicate()


def own_drivers(scenario):
    """A folder with the ICD file of this make, to be taken away."""
    folder = os.path.join(scenario.work, "drivers")
    if not os.path.isdir(folder):
        os.makedirs(folder)
        for make in scenario.makes:
            shutil.copy(os.path.join(VENDORS, make + ".icd"), os.path.join(folder, "driver.icd"))
    return folder


def survive_the_daemon(scenario):
    pool = scenario.pool
    child = pool.popen([scenario.program("steady"), "60"], tenant="first", gpu="1", stdout=subprocess.PIPE, text=True)
    scenario.check(child.stdout.readline() == "ready\n", "a program works on a card")
    before = [(session["id"], session["device"]) for session in pool.sessions()]
    pool.kill_daemon()
    pool.start()
    again = wait_until(lambda: [(one["id"], one["device"]) for one in pool.sessions()] == before, 20, 0.05)
    scenario.check(again, "the next daemon takes over the session on its card", pool.log())
    pool.kill_daemon()
    with open(pool.config_path, encoding="utf-8") as file:
        whole = file.read().replace(CARDS, "")
    with open(pool.config_path, "w", encoding="utf-8") as file:
        file.write(whole)
    pool.start()
    scenario.check(child.wait(20) != 0 and not pool.sessions(), "one without cards does not", pool.log())
    scenario.check("could not be taken over, and is ended: it runs on card" in pool.log(), "and says why", pool.log())
    child.communicate()


def main(scenario):
    lists_two_cards(scenario)
    for tenant in ("first", "second"):
        seen = units_seen(scenario.pool, tenant)
        scenario.check(seen == ["1"], f"a program of the {tenant} tenant sees one compute unit", seen)
    run_side_by_side(scenario)
    with scenario.new_pool(name="vanishing", config=CARDS, workers="probe_s = 1", vendors=own_drivers(scenario)) as pool:
        vanish_and_return(scenario, pool)
    survive_the_daemon(scenario)


if len(CPUS) < 2:
    print("skipped: two cards need two CPUs")
else:
    run(main, config=CARDS)
