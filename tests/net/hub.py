# SPDX-License-Identifier: ISC
"""headgated under test: started in a folder of its own, asked through `headgate`, ended by its pid."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.environ["HEADGATE_BUILD"]


def until(what, seconds=8, step=0.05):
    """Asks again until it is true or time is up; the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(step)


class Hub:
    def __init__(self, text, *options, environment=None, wait=True):
        self.folder = tempfile.TemporaryDirectory(prefix="headgate-test-")
        self.file = os.path.join(self.folder.name, "test.conf")
        self.socket = os.path.join(self.folder.name, "control")
        self.log_file = open(os.path.join(self.folder.name, "log"), "w+b")
        self.write(text)
        self.process = subprocess.Popen(
            [f"{BUILD}/headgated", "-c", self.file, "-s", self.socket, *options],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
            env={**os.environ, **(environment or {})})
        if wait and not until(lambda: self.answers() or self.process.poll() is not None, 20):
            raise AssertionError("headgated does not start")

    def answers(self):
        """Its socket is there before its neighbors are; it answers when all is set up."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            try:
                s.connect(self.socket)
                s.sendall(b"show neighbors\n")
                return bool(s.recv(1))
            except OSError:
                return False

    def write(self, text):
        with open(self.file, "w") as f:
            f.write(text)

    def log(self):
        with open(self.log_file.name) as f:
            return f.read()

    def run(self, *words, stdin=None):
        return subprocess.run([f"{BUILD}/headgate", "-s", self.socket, *words], input=stdin,
                              capture_output=True, text=True, timeout=20)

    def ask(self, *words):
        """The lines of `headgate WORDS -j` as objects."""
        done = self.run(*words, "-j")
        if done.returncode != 0:
            raise AssertionError(f"headgate {' '.join(words)}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def neighbor(self, address):
        return next(n for n in self.ask("show", "neighbors") if n["neighbor"] == address)

    def rules(self):
        return self.ask("show", "rules")

    def reload(self, text, number=signal.SIGHUP):
        self.write(text)
        self.process.send_signal(number)

    def alive(self):
        return self.process.poll() is None

    def end(self, number=signal.SIGTERM, seconds=8):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "did not leave"
        return status

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end()
        self.log_file.close()
        self.folder.cleanup()


class Tap:
    """Cases are functions; what they print on failure is the assertion or the exception."""

    def __init__(self):
        self.cases = []

    def case(self, sentence):
        def keep(function):
            self.cases.append((sentence, function))
            return function
        return keep

    def run(self):
        print(f"1..{len(self.cases)}", flush=True)
        failed = 0
        for number, (sentence, function) in enumerate(self.cases, 1):
            try:
                function()
                print(f"ok {number} - {sentence}", flush=True)
            except Exception as e:  # a case that fails must not hide the others
                failed += 1
                print(f"not ok {number} - {sentence}")
                print("# " + f"{type(e).__name__}: {e}".replace("\n", "\n# "), flush=True)
        return 1 if failed else 0
