"""A server on loopback with the Hugging Face Hub's paths. It redirects requests for large files to a second
server, as the hub does."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves folders as repositories: ``repositories`` are the folders by the names."""

    def __init__(self, repositories):
        self.requests = []
        self.repositories = {name: _files(folder) for name, folder in repositories.items()}
        self._store, self._hub = _start(self._send_stored), _start(self._send)
        self.url = f"http://127.0.0.1:{self._hub.server_port}"

    def close(self):
        for server in (self._hub, self._store):
            server.shutdown()
            server.server_close()

    def _send(self, request):
        self.requests.append(request.path)
        for name, files in self.repositories.items():
            if request.path.startswith(f"/api/models/{name}/revision/main"):
                siblings = [_sibling(path, *file) for path, file in files.items()]
                return _reply(request, json.dumps({"sha": COMMIT, "siblings": siblings}).encode())
            start = f"/{name}/resolve/{COMMIT}/"
            file = files.get(request.path.removeprefix(start)) if request.path.startswith(start) else None
            if file:
                content, digest, is_large = file
                if not is_large:
                    return _reply(request, content)
                to = f"http://127.0.0.1:{self._store.server_port}/{digest}"
                return _reply(request, status=302, location=to, **{"x-linked-etag": digest})
        _reply(request, status=404, **{"x-error-code": "RepoNotFound"})

    def _send_stored(self, request):
        stored = [file for files in self.repositories.values() for file in files.values()]
        _reply(request, next(content for content, digest, _ in stored if f"/{digest}" == request.path))


def _files(folder):
    """The files of a folder with their hashes: as on the hub, weights are in the store and texts in git."""
    files = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content, is_large = path.read_bytes(), path.suffix == ".onnx"
            digest = (
                hashlib.sha256(content) if is_large else hashlib.sha1(b"blob %d\0" % len(content) + content)
            )
            files[path.relative_to(folder).as_posix()] = (content, digest.hexdigest(), is_large)
    return files


def _sibling(path, content, digest, is_large):
    sibling = {"rfilename": path, "size": len(content), "blobId": "f" * 40 if is_large else digest}
    return sibling | ({"lfs": {"sha256": digest, "size": len(content)}} if is_large else {})


def _reply(request, content=b"", status=200, **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("content-length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def _start(answer):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
