"""An honest guest in Python: reads and writes a file, and looks at the clock, at random numbers and at a folder."""

import datetime
import encodings.idna  # A component has only the modules that are imported when it is built, and this one is looked up.
import os
import secrets
import socket
import subprocess
import threading
import time
from pathlib import Path

from componentize_py_types import Err
from wit_world import Note, Surroundings, WitWorld as Notes


class WitWorld(Notes):
    def load(self, path):
        try:
            return Note(path, Path(path).read_text().splitlines())
        except OSError as error:
            raise Err(type(error).__name__)

    def save(self, note):
        try:
            with open(note.path, "w") as file:
                file.writelines(f"{line}\n" for line in note.lines)
            return os.stat(note.path).st_size
        except OSError as error:
            raise Err(type(error).__name__)

    def look_around(self):
        before = time.monotonic()
        time.sleep(3600)
        return Surroundings(
            year=datetime.datetime.now(datetime.timezone.utc).year,
            slept=int(time.monotonic() - before),
            random=secrets.token_bytes(16),
            names=os.listdir("/in/names"),
            refused=[
                ("a file that is not there", refused(lambda: open("/in/missing"))),
                ("a path that leads out", refused(lambda: open("/in/../secret"))),
                ("writing where reading is granted", refused(lambda: open("/in/a.md", "a"))),
                ("a name with a dot", refused(lambda: open("/out/.hidden", "w"))),
                ("a socket", refused(socket.socket)),
                ("a name of a host", refused(lambda: socket.getaddrinfo("localhost", 80))),
                ("a process", refused(lambda: subprocess.run(["ls"]))),
                ("a thread", refused(lambda: threading.Thread(target=print).start())),
            ],
        )


def refused(attempt):
    try:
        attempt()
        return "allowed"
    except Exception as error:
        return type(error).__name__
