"""Servers under comparison: their commands, their start by handle, their end by the same handle.

A command may hold {address} and {port} (where it shall serve) and, in front of a back end,
{target}; nothing else is replaced. haproxy and nginx get a configuration of their own in a
temporary folder: one thread, TCP only, no logs, everything else as it comes.
"""
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HAPROXY = """global
    maxconn 8000
    nbthread 1
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen bench
    bind {address}
    server target {target}
"""

NGINX = """{load_module}
worker_processes 1;
worker_rlimit_nofile 16000;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 8000; }}
stream {{
    server {{
        listen {address} backlog=4096;
        proxy_pass {target};
    }}
}}
"""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers_stream(port):
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def answers_datagram(port):
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        probe.connect(("127.0.0.1", port))
        probe.send(b"is anybody there")
        probe.recv(64)


STOP_SECONDS_MAX = 3


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        print(f"warning: {process.args[0]} did not stop on SIGINT within {STOP_SECONDS_MAX} s and "
              "was killed", file=sys.stderr)


def allow_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Contender:
    """A server by its command; `start` makes a process of it on one CPU, answering at `port`."""

    def __init__(self, name, command, answers=answers_stream):
        self.name = name
        self.command = command
        self.answers = answers

    def words(self, port, target):
        text = self.command.replace("{address}", f"127.0.0.1:{port}").replace("{port}", str(port))
        return shlex.split(text.replace("{target}", target))

    def start(self, cpu, target="", output=subprocess.DEVNULL):
        port = free_port(socket.SOCK_DGRAM if self.answers is answers_datagram
                         else socket.SOCK_STREAM)

        def settle():
            os.sched_setaffinity(0, {cpu})
            allow_descriptors()

        process = subprocess.Popen(self.words(port, target), stdin=subprocess.DEVNULL,
                                   stdout=output, preexec_fn=settle)
        try:
            self.wait_until_answering(process, port)
        except RuntimeError:
            stop(process)
            raise
        return process, port

    def wait_until_answering(self, process, port, deadline_s=10):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if process.poll() is not None:
                raise RuntimeError(f"server ended with code {process.returncode} before it served")
            try:
                return self.answers(port)
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("server does not answer")

    def watched_pid(self, process):
        """The process that does the work."""
        return process.pid


class BackEnd:
    """The echo server behind the proxies, one a run: at its end it tells what really reached it."""

    def __init__(self, command, cpu):
        self.output = tempfile.TemporaryFile("w+")
        self.process, port = Contender("back end", command).start(cpu, output=self.output)
        self.address = f"127.0.0.1:{port}"

    def stop(self):
        """The bytes it received."""
        stop(self.process)
        with self.output:
            self.output.seek(0)
            return int(re.search(r"bytes_in=(\d+)", self.output.read()).group(1))


class Haproxy(Contender):
    def __init__(self, folder):
        super().__init__("haproxy", "")
        self.folder = folder

    @staticmethod
    def why_absent():
        return "" if shutil.which("haproxy") else "haproxy is not installed"

    def words(self, port, target):
        path = os.path.join(self.folder, f"haproxy-{port}.cfg")
        with open(path, "w") as config:
            config.write(HAPROXY.format(address=f"127.0.0.1:{port}", target=target))
        return [shutil.which("haproxy"), "-q", "-db", "-f", path]


class Nginx(Contender):
    def __init__(self, folder):
        super().__init__("nginx", "")
        self.folder = folder
        self.load_module = self.stream_module()

    @staticmethod
    def stream_module():
        """The line that loads the stream module, empty where it is built in, None without one."""
        if not shutil.which("nginx"):
            return None
        built = subprocess.run(["nginx", "-V"], capture_output=True, text=True).stderr
        if re.search(r"--with-stream(\s|$)", built):
            return ""
        modules = re.search(r"--modules-path=(\S+)", built)
        path = os.path.join(modules.group(1) if modules else "", "ngx_stream_module.so")
        return f"load_module {path};" if os.path.exists(path) else None

    @staticmethod
    def why_absent():
        if not shutil.which("nginx"):
            return "nginx is not installed"
        if Nginx.stream_module() is None:
            return "nginx has no stream module (package libnginx-mod-stream)"
        return ""

    def words(self, port, target):
        path = os.path.join(self.folder, f"nginx-{port}.conf")
        with open(path, "w") as config:
            config.write(NGINX.format(load_module=self.load_module, folder=self.folder,
                                      address=f"127.0.0.1:{port}", target=target))
        return [shutil.which("nginx"), "-p", self.folder, "-c", path,
                "-e", os.path.join(self.folder, "error.log")]

    def watched_pid(self, process):
        """The one worker: the master only waits for it."""
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            return int(children.read().split()[0])
