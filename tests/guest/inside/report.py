"""What the guest says to its host: JSON objects, one a line, on the second serial port. check() in the words of scenarios."""

import json
import os
import subprocess
import tty

PORT = "/dev/ttyS1"
COMMAND_S_MAX = 600


class Report:
    def __init__(self):
        self.port = os.open(PORT, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.port)

    def send(self, **words):
        left = (json.dumps(words) + "\n").encode()
        while left:
            left = left[os.write(self.port, left):]

    def check(self, holds, what, detail=""):
        self.send(check=what, holds=bool(holds), detail=str(detail))
        return holds

    def note(self, text):
        self.send(note=text)

    def ended(self):
        self.send(ended=True)


def run(*argv, seconds=COMMAND_S_MAX):
    """A command that has ended, with its outputs. One that takes too long has status None."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(argv, None, str(late.stdout), str(late.stderr))


def said(ended):
    return f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"


def read(path):
    """Empty if there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
