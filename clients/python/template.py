"""A client for rushes, written by `generate.py` from the OpenAPI document. Do not edit it by hand.

    from rushes_client import Rushes

    rushes = Rushes("https://rushes.example:7420", key="rk_…")
    hits = rushes.search(body={"text": "a car exploding"})["hits"]
    cut = rushes.export(body={"picks": [{"shot": hit["shot"]} for hit in hits], "format": "otio"})
"""

import base64
import json
import mimetypes
import pathlib
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

CHUNK = 1 << 20


class RushesError(Exception):
    """A refused request. `code` is stable and meant for programs, `detail` for people."""

    def __init__(self, status, problem, retry_after=None):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = problem.get("code")
        self.detail = problem.get("detail")
        self.request_id = problem.get("request_id")
        self.retry_after = retry_after


def _quoted(part):
    return urllib.parse.quote(str(part), safe="")


class _Form:
    """A multipart form that is read file by file, so that files may be larger than the memory."""

    def __init__(self, fields):
        self.boundary = uuid.uuid4().hex
        self.parts = [self._part(name, value) for name, value in fields]
        self.end = f"--{self.boundary}--\r\n".encode()
        self.length = len(self.end) + sum(len(head) + size + 2 for head, _, size in self.parts)

    def _part(self, name, value):
        lines = [f"--{self.boundary}"]
        if isinstance(value, pathlib.Path):
            kind = mimetypes.guess_type(value.name)[0] or "application/octet-stream"
            file_name = value.name.replace("\\", "_").replace('"', "%22").replace("\r", " ").replace("\n", " ")
            lines.append(f'content-disposition: form-data; name="{name}"; filename="{file_name}"')
            lines.append(f"content-type: {kind}")
            size = value.stat().st_size
        else:
            lines.append(f'content-disposition: form-data; name="{name}"')
            value = (value if isinstance(value, str) else json.dumps(value)).encode()
            size = len(value)
        return ("\r\n".join(lines) + "\r\n\r\n").encode(), value, size

    def __iter__(self):
        for head, value, _ in self.parts:
            yield head
            if isinstance(value, bytes):
                yield value
            else:
                with value.open("rb") as file:
                    while chunk := file.read(CHUNK):
                        yield chunk
            yield b"\r\n"
        yield self.end


def _events(answer):
    """The events of a stream: dictionaries with `id`, `event` and `data`."""
    event = {"id": None, "event": None, "data": ""}
    with answer:
        for line in answer:
            line = line.decode().rstrip("\r\n")
            name, _, value = line.partition(": ")
            if name in ("id", "event"):
                event[name] = value
            elif name == "data":
                event["data"] += value
            elif not line and event["data"]:
                yield {**event, "data": json.loads(event["data"])}
                event = {"id": None, "event": None, "data": ""}


class Rushes:
    """A server. `key` is needed but for a server on this machine; `context` is an `ssl.SSLContext`."""

    def __init__(self, server="http://127.0.0.1:7420", key=None, timeout=300, context=None):
        self.server = server.rstrip("/")
        self.key = key
        self.timeout = timeout
        self.context = context

    def _call(self, method, path, query=None, headers=None, body=None, form=None, answer="json"):
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = self.server + path + ("?" + urllib.parse.urlencode(given) if given else "")
        request = urllib.request.Request(url, method=method)
        for name, value in (headers or {}).items():
            if value is not None:
                request.add_header(name, str(value))
        if form is not None:
            data = _Form(form)
            request.add_header("content-type", f"multipart/form-data; boundary={data.boundary}")
            request.add_header("content-length", str(data.length))
            request.data = iter(data)
        elif body is not None:
            request.add_header("content-type", "application/json")
            request.data = json.dumps(body).encode()
        opened = self._opened(request)
        if answer == "events":
            return _events(opened)
        with opened:
            read = opened.read()
        if answer == "json" and opened.headers.get("content-type", "").startswith("application/json"):
            return json.loads(read)
        return read or None

    def _opened(self, request):
        if self.key:
            request.add_header("authorization", f"Bearer {self.key}")
        try:
            return urllib.request.urlopen(request, timeout=self.timeout, context=self.context)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {"code": "no-problem", "detail": text[:200].decode(errors="replace")}
            raise RushesError(error.code, problem, error.headers.get("retry-after")) from None

    def upload(self, path, title=None, piece=64 << 20, attempts=20, replaces=None):
        """Uploads a video in pieces by tus 1.0 and resumes when the connection breaks. Returns the ids of the asset
        and of its job. `replaces` is the id of an asset whose file it becomes.
        """
        path = pathlib.Path(path)
        coded = {"filename": path.name, "title": title, "asset": replaces}
        coded = [f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in coded.items() if text]
        length = path.stat().st_size
        begin = {"upload-length": length, "upload-metadata": ",".join(coded)}
        place = self._tus("POST", self.server + "/v1/uploads", begin)["location"]
        place, failed = urllib.parse.urljoin(self.server + "/", place), 0
        with path.open("rb") as file:
            while True:
                try:
                    said = self._tus("HEAD", place, {})
                    at = int(said["upload-offset"])
                    if at == length:
                        return {"asset": said["rushes-asset"], "job": said["rushes-job"]}
                    file.seek(at)
                    headers = {"upload-offset": at, "content-type": "application/offset+octet-stream"}
                    self._tus("PATCH", place, headers, file.read(piece))
                    failed = 0
                except (OSError, RushesError) as error:
                    failed += 1
                    passes = not isinstance(error, RushesError) or error.status in (408, 409, 429, 503)
                    if not passes or failed == attempts:
                        raise
                    time.sleep(min(2**failed / 10, 30))

    def _tus(self, method, url, headers, data=None):
        request = urllib.request.Request(url, data=data, method=method)
        for name, value in {**headers, "tus-resumable": "1.0.0"}.items():
            request.add_header(name, str(value))
        return self._opened(request).headers

    # METHODS
