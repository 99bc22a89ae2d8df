"""What an attack is, and how a list of them is run: with all fences up, with the fences down that stop it, and with each
of these fences alone."""

import os
import re
import signal
import time
import traceback

from world import USER_LACKS, World, wait_until

# The fences around what a worker can reach. An attack on reach is stopped by each of its fences alone: all of the jail is
# taken down, and then one fence at a time put up again.
JAIL = ("user-namespace", "pid-namespace", "mount-namespace", "network-namespace", "ipc-namespace", "own-uid", "seccomp",
        "landlock")

attacks = []


class Attack:
    def __init__(self, function, fences, row, down, user, always, native, config, opened, order, machine):
        self.name = function.__name__.replace("_", "-")
        self.function, self.row, self.fences = function, row, tuple(fences)
        self.says = " ".join(function.__doc__.split())
        self.down = down if down is not None else JAIL if set(fences) & set(JAIL) else self.fences
        self.user, self.always, self.native, self.order = user, always, native, order
        self.config, self.opened, self.machine = config, opened, machine
        self.results = {}  # configuration -> verdict

    def configurations(self, mode):
        """(kind, fences that are down, configuration) of each run."""
        lacks = USER_LACKS if mode == "user" else ()
        runs = [("up", lacks, self.config)]
        if self.opened:
            runs.append(("down", lacks, self.opened))
        elif self.down and not self.always:
            runs.append(("down", tuple(sorted({*self.down, *lacks})), self.config))
        elif self.always:
            runs.append(("open", tuple(sorted({*JAIL, *lacks})), self.config))
        if self.native and mode == "root":
            runs.append(("native", (), self.config))
        alone = [fence for fence in self.fences if fence not in lacks] if mode == "root" and len(self.fences) > 1 else []
        runs += [(fence, tuple(sorted({*self.down, *lacks} - {fence})), self.config) for fence in alone]
        return runs


def attack(*fences, row="", down=None, user=True, always="", native=False, config="", opened="", order=0,
           machine="shared"):
    """Registers an attack: a function of a World that returns whether it succeeded, or that and what was seen.

    fences  each of them stops it alone
    row     of the table of attacks that have worked once
    down    what must be down for it to succeed, if that is not the fences or the jail
    user    whether a pool without root holds it; else the reason why it does not. None: what is seen of it takes root, so
            that it is tried with root alone
    always  it is stopped by how things are built, which nothing switches off: the words say by what. It is run with the
            jail down, too
    native  it succeeds in a process of root's that is in no pool
    config  of tenants, instead of the usual; `opened`: with which it succeeds
    order   when in its group it runs: those that end the daemon come last
    machine "own": nothing else may run beside it, because it measures time or load, or takes or looks at what all
            processes of the machine share
    """
    def register(function):
        attacks.append(Attack(function, fences, row, down, user, always, native, config, opened, order, machine))
        return function
    return register


class Outcome:
    def __init__(self, succeeded, detail, seconds):
        self.succeeded, self.detail, self.seconds = succeeded, detail, seconds


def carry_out(one, world):
    """None for succeeded: it could not be tried."""
    started = time.monotonic()
    try:
        answer = one.function(world)
        succeeded, detail = answer if isinstance(answer, tuple) else (answer, "")
    except Exception:  # what breaks is shown, and is no success of a fence
        succeeded, detail = None, traceback.format_exc()
    clear(world)
    return Outcome(succeeded, str(detail), time.monotonic() - started)


def clear(world):
    """Nothing of an attack may reach the next one."""
    for pid in world.strays():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    world.revive()
    wait_until(lambda: not any(one["tenant"] != "bystander" for one in world.pool.sessions()), 10, 0.05)


def run_groups(build, mode, chosen, kinds, say):
    """Runs each attack in each of its configurations; those of one configuration share a pool. Leftovers of the pool with
    all fences up, in words."""
    groups = {}
    for one in chosen:
        for kind, without, config in one.configurations(mode):
            if kinds is None or kind in kinds or (kind not in ("up", "down", "open") and "alone" in kinds):
                groups.setdefault((kind == "native", without, config), []).append((kind, one))
    left = []
    for (native, without, config), members in sorted(groups.items(), key=lambda item: item[0]):
        say("---- in a process that no pool jails" if native else f"---- without {', '.join(without) or 'nothing: all fences are up'}{' (' + config.strip() + ')' if config else ''}")
        try:
            with World(build, mode, without, config, native=native) as world:
                for kind, one in sorted(members, key=lambda member: member[1].order):
                    one.results[kind] = outcome = carry_out(one, world)
                    say(line_of(kind, one, outcome))
            if "up" in {kind for kind, _ in members}:
                left += world.pool.leftovers
        except Exception:
            say(traceback.format_exc())
            for kind, one in members:
                one.results.setdefault(kind, Outcome(None, "the pool did not start or end", 0))
    return left


def line_of(kind, one, outcome):
    word = {True: "succeeded", False: "held", None: "ERROR"}[outcome.succeeded]
    detail = re.sub(r"\s+", " ", outcome.detail)[-200 if outcome.succeeded is None else 0:][:200]
    return f"{outcome.seconds:5.1f} s  {one.name:28} {kind:18} {word:10} {detail}"


# ---- verdicts ----

def up(one, mode):
    outcome = one.results.get("up")
    if outcome is None:
        return "-"
    if outcome.succeeded is None:
        return "ERROR"
    if outcome.succeeded:
        return "not promised" if mode == "user" and one.user is not True else "BROKEN"
    return "held"


def down(one):
    kinds = ("down",) if one.opened or not one.always else ("open", "native")
    outcomes = {kind: one.results[kind].succeeded for kind in kinds if kind in one.results}
    if not outcomes:
        return "-"
    if None in outcomes.values():
        return "ERROR"
    if outcomes.get("open"):
        return "BROKEN"
    shown = [kind for kind in ("down", "native") if kind in outcomes]
    if not shown:
        return "held"
    return ("succeeded" if outcomes[shown[0]] else "NOT SHOWN") + (" natively" if shown[0] == "native" else "")


def alone(one):
    """Of each of the fences that can stop it: those that do not."""
    return [fence for fence in one.fences if fence in one.results and one.results[fence].succeeded is not False]


def failed(one, mode):
    return (up(one, mode) in ("BROKEN", "ERROR") or down(one).startswith(("NOT SHOWN", "BROKEN", "ERROR")) or bool(alone(one)))
