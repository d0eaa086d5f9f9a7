"""Stand-ins for time and for servers that several suites share."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


class FakeClock:
    """Time passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds


@contextmanager
def tcp_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on 127.0.0.1 that hands each connection to `answer` and closes it; yields host:port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def free_address() -> str:
    """host:port on 127.0.0.1 where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def served(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[str]:
    """A real port behind which a handler of `httpx.MockTransport` answers; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = httpx.Request(self.command, f"http://fake{self.path}", headers=dict(self.headers), content=body)
            response = answer(request)
            self.send_response(response.status_code)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the names http.server asks for

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Answer = tuple[int, Any]
"""HTTP status and JSON body; None stands for an empty body."""


class FakeConnect:
    """Kafka Connect's REST API over two dictionaries: enough to create, change, break and delete connectors."""

    def __init__(self) -> None:
        self.configs: dict[str, dict[str, str]] = {}
        self.states: dict[str, str] = {}
        self.task_states: dict[str, list[dict[str, Any]]] = {}
        self.requests: list[str] = []
        """`METHOD /path?query` of everything that was asked."""
        self.headers: list[dict[str, str]] = []
        self.next_answers: list[Answer] = []
        """Given before anything else, one for each request."""
        self.trace_for_new_tasks: str | None = None
        """Set to a stack trace to make every connector that is created or restarted fail."""

    def handle(self, method: str, path: str, query: str, body: Any) -> Answer:
        self.requests.append(f"{method} {path}" + (f"?{query}" if query else ""))
        if self.next_answers:
            return self.next_answers.pop(0)
        if path == "/connectors":
            return 200, sorted(self.configs)
        if path == "/connector-plugins":
            return 200, [{"class": "org.x.Sink", "type": "sink", "version": "1.0"}]
        if match := re.fullmatch(r"/connector-plugins/([^/]+)/config/validate", path):
            return 200, self._validation(match[1], body)
        if match := re.fullmatch(r"/connectors/([^/]+)(?:/(config|status|restart|resume))?", path):
            return self._connector(method, match[1], match[2], body)
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def transport(self) -> httpx.MockTransport:
        """The API for a client in this process."""
        return httpx.MockTransport(self._respond)

    def serve(self) -> AbstractContextManager[str]:
        """The same over a real port; yields the URL."""
        return served(self._respond)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(dict(request.headers))
        body = json.loads(request.content) if request.content else None
        path, _, query = request.url.raw_path.decode().partition("?")
        status, content = self.handle(request.method, path, query, body)
        return httpx.Response(status, content=b"") if content is None else httpx.Response(status, json=content)

    def fail_task(self, name: str, trace: str) -> None:
        self.task_states[name][0] = {"id": 0, "state": "FAILED", "worker_id": "w:8083", "trace": trace}

    def _connector(self, method: str, name: str, part: str | None, body: Any) -> Answer:
        if method == "PUT" and part == "config":
            created = name not in self.configs
            changed = self.configs.get(name) != body
            self.configs[name] = dict(body)
            if changed:
                self._start(name)
            return (201 if created else 200), {"name": name, "config": body, "tasks": []}
        if name not in self.configs:
            return 404, {"error_code": 404, "message": f"Connector {name} not found"}
        if method == "DELETE":
            del self.configs[name]
            return 204, None
        if method == "GET" and part == "config":
            return 200, self.configs[name]
        if method == "GET" and part == "status":
            return 200, self._status(name)
        if (method, part) == ("POST", "restart"):
            self._start(name)
            return 202, self._status(name)
        if (method, part) == ("PUT", "resume"):
            self.states[name] = "RUNNING"
            return 202, None
        return 405, {"error_code": 405, "message": "HTTP 405 Method Not Allowed"}

    def _start(self, name: str) -> None:
        self.states[name] = "RUNNING"
        count = int(self.configs[name].get("tasks.max", "1"))
        running = {"state": "RUNNING", "worker_id": "w:8083"}
        self.task_states[name] = [{"id": i, **running} for i in range(count)]
        if self.trace_for_new_tasks:
            self.fail_task(name, self.trace_for_new_tasks)

    def _status(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "connector": {"state": self.states[name], "worker_id": "w:8083"},
            "tasks": self.task_states[name],
            "type": "sink",
        }

    def _validation(self, class_name: str, config: dict[str, str]) -> dict[str, Any]:
        errors = [] if "topics" in config else ["Must configure one of topics or topics.regex"]
        return {
            "name": class_name,
            "error_count": len(errors),
            "configs": [{"value": {"name": "topics", "value": config.get("topics"), "errors": errors}}],
        }
