"""The sanitizers' part in a scenario of a sanitizer build: how their runtimes are told to work under the preloaded shim
and in the jailed worker, and what they reported.

Every process of a pool, the programs in it included, writes its reports into one folder, which must be empty when the
pool has stopped, whatever became of the process. Some UndefinedBehaviorSanitizers know no such folder beside
AddressSanitizer and write to stderr: the log, to which the daemon passes on what its workers write, or the program's.

PoCL is not instrumented, but its locks are the C library's, which the runtimes see.
"""

import os
import re

SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "suppressions", "threads")
LINES_MAX = 60  # of one report


def sanitizers_of(build):
    """What the build was made with, by its CMake cache: "address,undefined", "thread" or ""."""
    try:
        with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as cache:
            found = re.search(r"^SLUICE_SANITIZE:\w+=(.*)$", cache.read(), re.MULTILINE)
    except OSError:  # an installation, not a build
        return ""
    return found.group(1) if found else ""


class Reports:
    def __init__(self, build, folder):
        self.sanitizers = sanitizers_of(build)
        self.folder = folder
        self._heard = []
        if self.sanitizers:
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, 0o1777)  # workers are users of their own

    def _options(self, name, **more):
        options = {"log_path": os.path.join(self.folder, name), "log_exe_name": 1, **more}
        return ":".join(f"{key}={value}" for key, value in options.items())

    def environment(self):
        """For everything that runs in the pool."""
        if not self.sanitizers:
            return {}
        return {
            # The shim comes first, as a preloaded library does. It has none of the functions that the runtime replaces.
            "ASAN_OPTIONS": self._options("address", verify_asan_link_order=0),
            "UBSAN_OPTIONS": self._options("undefined", print_stacktrace=1),
            "TSAN_OPTIONS": self._thread_options(),
        }

    def _thread_options(self, **more):
        return self._options("thread", second_deadlock_stack=1, suppressions=SUPPRESSIONS, **more)

    def worker_environment(self):
        """For workers alone: the folder that their jail leaves open to reports. They end without joining their threads."""
        if not self.sanitizers:
            return {}
        return {"SLUICE_SANITIZER_REPORTS": self.folder, "TSAN_OPTIONS": self._thread_options(report_thread_leaks=0)}

    def readable_by_workers(self):
        """Folders that the runtime in a worker reads, for jail.readable."""
        return [os.path.dirname(SUPPRESSIONS)] if "thread" in self.sanitizers else []

    def listen(self, text):
        """Notes what was reported in `text`, which a process wrote to stderr."""
        lines = text.splitlines() if self.sanitizers else []
        self._heard += ["\n".join(lines[at:at + LINES_MAX]) for at, line in enumerate(lines) if ": runtime error: " in line]

    def found(self):
        """Each report in words, as far as LINES_MAX goes."""
        texts = list(self._heard)
        for name in sorted(os.listdir(self.folder)) if self.sanitizers else []:
            with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                texts.append("\n".join([name] + file.read().splitlines()[:LINES_MAX]))
        return texts
