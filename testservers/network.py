"""Machines with addresses of their own: network namespaces that a bridge joins. Linux only, and only for root."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testservers.stopping import StopsAtExit

NETWORK = "10.77.0"  # it is seen in the namespaces only, so that several runs may use it at once
CLONE_NEWNET = 0x40000000
# Debian keeps them where only root looks.
SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
CUT = """
table ip cut {
 set senders { type ipv4_addr
 }
 chain input { type filter hook input priority 0; ip saddr @senders drop
 }
}
"""
TO_THE_EDGE = """
table ip forward_loopback {{
 chain output {{ type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport {{ {ports} }} dnat to {edge}
 }}
 chain postrouting {{ type nat hook postrouting priority 100; ip saddr 127.0.0.1 oifname "eth0" masquerade
 }}
}}
"""
FROM_MACHINES = """
table ip forward_loopback {{
 chain prerouting {{ type nat hook prerouting priority -100; ip daddr {edge} tcp dport {{ {ports} }} dnat to 127.0.0.1
 }}
}}
"""


def why_not() -> str:
    """Why no namespaces can be made here; empty if they can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    if missing := [name for name in ("ip", "nft") if not shutil.which(name, path=SYSTEM_PATH)]:
        return f"{' and '.join(missing)} not installed"
    name = f"ts{os.getpid()}-try"
    try:
        _run("ip", "netns", "add", name)
        try:
            _run("ip", "netns", "exec", name, "nft", "add", "table", "ip", "nat")
        finally:
            _run("ip", "netns", "del", name)
    except (OSError, subprocess.CalledProcessError) as error:
        words = getattr(error, "stderr", "") or str(error)
        return f"network namespaces cannot be made here: {words.strip()}"
    return ""


class Network(StopsAtExit):
    """`edge`, where the bridge is, and a namespace for each name.

    The calling thread is moved to the edge, so what it starts lives there; `inside` moves it to another one. `ports` of
    the edge's loopback are reached on everybody's loopback.
    """

    def __init__(self, names: Sequence[str], *, ports: Sequence[int] = ()) -> None:
        self.names = ["edge", *names]
        self._addresses = {name: f"{NETWORK}.{1 if name == 'edge' else 10 + n}" for n, name in enumerate(self.names)}
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self._make()
            _set_namespace(self._path("edge"))
        except BaseException:  # also KeyboardInterrupt: nobody else would remove them
            self.stop()
            raise
        self.forward(ports)

    def address(self, name: str) -> str:
        return self._addresses[name]

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """What this thread starts or connects to is in that namespace meanwhile."""
        _set_namespace(self._path(name))
        try:
            yield
        finally:
            _set_namespace(self._path("edge"))

    def cut(self, sender: str, receiver: str) -> None:
        """Nothing that one sends reaches the other any more. The other direction stays."""
        self._nft(receiver, f"add element ip cut senders {{ {self.address(sender)} }}")

    def heal(self) -> None:
        for name in self.names:
            self._nft(name, "flush set ip cut senders")

    def forward(self, ports: Sequence[int]) -> None:
        """Have these ports of the edge's loopback reached on everybody's loopback, in place of those before."""
        listed, edge = ", ".join(map(str, ports or [1])), self.address("edge")
        for name in self.names:
            forwarding = FROM_MACHINES if name == "edge" else TO_THE_EDGE
            self._nft(name, f"flush ruleset\n{CUT}{forwarding.format(ports=listed, edge=edge)}")

    def stop(self) -> None:
        _set_namespace(f"/proc/self/fd/{self._outside}")
        for name in self.names:
            if Path(self._path(name)).exists():
                _run("ip", "netns", "del", self._full(name))
        os.close(self._outside)

    def _make(self) -> None:
        for name in self.names:
            _run("ip", "netns", "add", self._full(name))
            _run("ip", "-n", self._full(name), "link", "set", "lo", "up")
            with self._inside_unchecked(name):
                Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1")
        edge = self._full("edge")
        _run("ip", "-n", edge, "link", "add", "bridge", "type", "bridge")
        _run("ip", "-n", edge, "addr", "add", f"{self.address('edge')}/24", "dev", "bridge")
        _run("ip", "-n", edge, "link", "set", "bridge", "up")
        for name in self.names[1:]:
            host = self._full(name)
            _run("ip", "-n", edge, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", host)
            _run("ip", "-n", edge, "link", "set", name, "master", "bridge", "up")
            _run("ip", "-n", host, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
            _run("ip", "-n", host, "link", "set", "eth0", "up")

    @contextmanager
    def _inside_unchecked(self, name: str) -> Iterator[None]:
        _set_namespace(self._path(name))
        try:
            yield
        finally:
            _set_namespace(f"/proc/self/fd/{self._outside}")

    def _nft(self, name: str, commands: str) -> None:
        _run("ip", "netns", "exec", self._full(name), "nft", "-f", "-", given=commands)

    @staticmethod
    def _full(name: str) -> str:
        return f"ts{os.getpid()}-{name}"

    def _path(self, name: str) -> str:
        return f"/run/netns/{self._full(name)}"


def _set_namespace(path: str) -> None:
    """Move the calling thread; os.setns is Python 3.12's."""
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(namespace)


def _run(*command: str, given: str = "") -> None:
    environment = {**os.environ, "PATH": SYSTEM_PATH}
    subprocess.run(command, input=given, text=True, check=True, capture_output=True, timeout=30, env=environment)
