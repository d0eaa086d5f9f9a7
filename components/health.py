"""Commands of health checks: an HTTP request inside the container, with what its image has for that."""

from __future__ import annotations


def curl(port: int, path: str, scheme: str = "http", authority: str = "") -> str:
    """For the images of Java services. `authority` is a file to verify https by, where no `.curlrc` names one."""
    verified = f"--cacert {authority} " if authority else ""
    return f"curl -fsS {verified}{scheme}://localhost:{port}{path}"


def wget(port: int, path: str) -> str:
    """For the images around Prometheus."""
    return f"wget -q -O /dev/null http://127.0.0.1:{port}{path}"


def python(port: int, path: str) -> str:
    """For our own image, which has neither; shorter than the check's own time limit."""
    return f"python3 -c 'from urllib.request import urlopen; urlopen(\"http://127.0.0.1:{port}{path}\", timeout=4)'"
