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

    def healthz(self):
        """Answers while the process lives."""
        return self._call("GET", "/healthz", answer="nothing")

    def metrics(self):
        """Metrics in the text format of Prometheus."""
        return self._call("GET", "/metrics", answer="bytes")

    def readyz(self):
        """Answers once the catalogue and the index can be read."""
        return self._call("GET", "/readyz", answer="json")

    def announce_objects(self, *, body=None):
        """Announce objects that a store has received: an S3 event message, as other stores post it too, or an
        event of `EventBridge`. Watches look at their objects at once instead of at their next listing. The
        same message again does nothing.
        """
        return self._call("POST", "/v1/arrivals", body=body, answer="json")

    def list_assets(self, *, title=None, tag=None, state=None, name=None, limit=None, page=None):
        """Assets, page by page.

        title: Only of this title, by id or name.
        tag: Only those with this tag.
        state: Only those in this state: `pending`, `running`, `ready`, `failed` or `cancelled`.
        name: Only those with this text in their path or name.
        limit: How many, 1 to 1000; 100 if absent.
        page: `next` of the page before.
        """
        return self._call("GET", "/v1/assets", query={"title": title, "tag": tag, "state": state, "name": name, "limit": limit, "page": page}, answer="json")

    def register_assets(self, *, body=None, form=None):
        """Register a video by name (JSON) or by upload (`multipart/form-data` with `file`, and optionally
        `title` and `subtitles`). Answers at once; the work is a job.

        form: a list of (field, value); a value that is a pathlib.Path is sent as that file.
        """
        return self._call("POST", "/v1/assets", body=body, form=form, answer="json")

    def get_asset(self, id):
        """One asset: what the file says of itself, and how far its features are."""
        return self._call("GET", f"/v1/assets/{_quoted(id)}", answer="json")

    def change_asset(self, id, *, body=None):
        """Change an asset's title, metadata or tags."""
        return self._call("PATCH", f"/v1/assets/{_quoted(id)}", body=body, answer="nothing")

    def delete_asset(self, id):
        """Delete an asset with all that was computed of it. A video that was registered by name stays where it
        is; an upload is deleted.
        """
        return self._call("DELETE", f"/v1/assets/{_quoted(id)}", answer="nothing")

    def replace_file(self, id, *, body=None, form=None):
        """Replace the file of an asset, by name (JSON) or by upload (`multipart/form-data`). The id, title,
        tags, metadata, bins and added subtitles stay. Everything is computed again. Readers see the old
        file and its shots until the new results are published. Subtitle files that came with the old file
        go with it.

        form: a list of (field, value); a value that is a pathlib.Path is sent as that file.
        """
        return self._call("PUT", f"/v1/assets/{_quoted(id)}/file", body=body, form=form, answer="json")

    def withdraw_file(self, id):
        """Give up a replacement that is not published yet. The asset keeps the file that readers see. Work on
        that file that the replacement interrupted, and subtitle tracks that were added or removed
        meanwhile, are requested again.
        """
        return self._call("DELETE", f"/v1/assets/{_quoted(id)}/file", answer="json")

    def reprocess_asset(self, id):
        """Compute what is missing of an asset: after a failure, with another model or with changed settings."""
        return self._call("POST", f"/v1/assets/{_quoted(id)}/reprocess", answer="json")

    def list_shots(self, id, *, from_=None, limit=None):
        """The shots of an asset in order, page by page.

        from_: Only those that begin at this frame or after.
        limit: How many, 1 to 1000; 100 if absent.
        """
        return self._call("GET", f"/v1/assets/{_quoted(id)}/shots", query={"from": from_, "limit": limit}, answer="json")

    def list_subtitles(self, id):
        """The subtitle tracks of an asset: text streams of the video, files beside it, and uploaded files."""
        return self._call("GET", f"/v1/assets/{_quoted(id)}/subtitles", answer="json")

    def add_subtitles(self, id, *, form=None):
        """Add a subtitle file. The dialogue is computed again from all tracks; the old one is found until
        then. The same bytes and language again return the track that they made.

        form: a list of (field, value); a value that is a pathlib.Path is sent as that file.
        """
        return self._call("POST", f"/v1/assets/{_quoted(id)}/subtitles", form=form, answer="json")

    def subtitles_from_pictures(self, id, *, body=None):
        """Make a subtitle track of the subtitles that are part of the picture. They are found as dialogue from
        then on, and the video is not listened to. Its pictures must have been read: see the coverage of
        `text`.
        """
        return self._call("POST", f"/v1/assets/{_quoted(id)}/subtitles/from-pictures", body=body, answer="json")

    def remove_subtitles(self, id, track):
        """Remove a subtitle track. The dialogue is computed again without it. An uploaded file is deleted; a
        stream of the video, or a file beside it, is not read any more.
        """
        return self._call("DELETE", f"/v1/assets/{_quoted(id)}/subtitles/{_quoted(track)}", answer="json")

    def get_transcript(self, id):
        """What is said in an asset: the lines of its subtitles, or if it has none, those that were heard, with
        the times of words. It has no lines until its job is done.
        """
        return self._call("GET", f"/v1/assets/{_quoted(id)}/transcript", answer="json")

    def get_transcript_srt(self, id):
        """The same as a SubRip file."""
        return self._call("GET", f"/v1/assets/{_quoted(id)}/transcript.srt", answer="bytes")

    def get_transcript_vtt(self, id):
        """The same as a WebVTT file."""
        return self._call("GET", f"/v1/assets/{_quoted(id)}/transcript.vtt", answer="bytes")

    def list_audit_entries(self, *, limit=None, before=None):
        """Requests that changed something, or tried to, newest first.

        limit: How many, 1 to 1000; 100 if absent.
        before: Only those before the entry of this id.
        """
        return self._call("GET", "/v1/audit", query={"limit": limit, "before": before}, answer="json")

    def list_bins(self):
        """All bins."""
        return self._call("GET", "/v1/bins", answer="json")

    def create_bin(self, *, body=None):
        """Make a bin, empty or with picks in it."""
        return self._call("POST", "/v1/bins", body=body, answer="json")

    def get_bin(self, bin):
        """A bin with its items in order. Its `etag` is good for `if-match`.

        bin: Id or name
        """
        return self._call("GET", f"/v1/bins/{_quoted(bin)}", answer="json")

    def rename_bin(self, bin, *, if_match=None, body=None):
        """Rename a bin.

        bin: Id or name
        if_match: The revision that the bin must be at
        """
        return self._call("PATCH", f"/v1/bins/{_quoted(bin)}", headers={"if-match": if_match}, body=body, answer="json")

    def delete_bin(self, bin, *, if_match=None):
        """Delete a bin. The videos stay.

        bin: Id or name
        if_match: The revision that the bin must be at
        """
        return self._call("DELETE", f"/v1/bins/{_quoted(bin)}", headers={"if-match": if_match}, answer="nothing")

    def add_to_bin(self, bin, *, if_match=None, body=None):
        """Add shots or spans of frames at the end of a bin, all or none.

        bin: Id or name
        if_match: The revision that the bin must be at
        """
        return self._call("POST", f"/v1/bins/{_quoted(bin)}/items", headers={"if-match": if_match}, body=body, answer="json")

    def change_bin_item(self, bin, item, *, if_match=None, body=None):
        """Trim, note or move an item.

        bin: Id or name
        if_match: The revision that the bin must be at
        """
        return self._call("PATCH", f"/v1/bins/{_quoted(bin)}/items/{_quoted(item)}", headers={"if-match": if_match}, body=body, answer="json")

    def remove_bin_item(self, bin, item, *, if_match=None):
        """Take an item out of a bin.

        bin: Id or name
        if_match: The revision that the bin must be at
        """
        return self._call("DELETE", f"/v1/bins/{_quoted(bin)}/items/{_quoted(item)}", headers={"if-match": if_match}, answer="nothing")

    def get_disk(self):
        """How much room is left for uploads and what is computed of them."""
        return self._call("GET", "/v1/disk", answer="json")

    def list_duplicates(self, *, q=None, similar=None, limit=None, page=None):
        """Near-duplicate shots across the catalogue, in groups.

        q: Only among the shots that fulfil these filters, as in a search box.
        similar: The least cosine similarity, above 0 and up to 1; 0.95 if absent.
        limit: Groups on a page, 1 to 200; 20 if absent.
        page: `next` of the page before, with the same query.
        """
        return self._call("GET", "/v1/duplicates", query={"q": q, "similar": similar, "limit": limit, "page": page}, answer="json")

    def follow_events(self, *, last_event_id=None):
        """Follow what happens to assets, jobs, titles, bins and redactions: one event per change, in order. A
        key for some titles receives events of those and of its own bins. Events of redactions need the
        scope `redact`. A key may have 8 streams, which end when it is revoked or expires.

        last_event_id: `id` of the last event that was seen
        """
        return self._call("GET", "/v1/events", headers={"last-event-id": last_event_id}, answer="events")

    def export(self, *, body=None):
        """Export a bin, picks or the hits of a search as a file for an editing program."""
        return self._call("POST", "/v1/exports", body=body, answer="bytes")

    def list_export_formats(self):
        """The export formats."""
        return self._call("GET", "/v1/exports/formats", answer="json")

    def get_face_picture(self, id):
        """The picture of a face."""
        return self._call("GET", f"/v1/faces/{_quoted(id)}/crop.jpg", answer="bytes")

    def list_jobs(self, *, state=None, asset=None, title=None, feature=None, since=None, until=None, limit=None, page=None):
        """Jobs, newest first, page by page.

        state: Only those in this state: `pending`, `running`, `ready`, `failed` or `cancelled`.
        asset: Only those of this asset.
        title: Only those of assets of this title, by id or name.
        feature: Only those with a stage of this feature, such as `dialogue`; `embeddings` stands for those of any model.
        since: Only those requested at this time or later: as in RFC 3339, or Unix milliseconds.
        until: Only those requested before this time: as in RFC 3339, or Unix milliseconds.
        limit: How many, 1 to 200; 20 if absent.
        page: `next` of the page before.
        """
        return self._call("GET", "/v1/jobs", query={"state": state, "asset": asset, "title": title, "feature": feature, "since": since, "until": until, "limit": limit, "page": page}, answer="json")

    def get_job(self, id):
        """One job, stage by stage."""
        return self._call("GET", f"/v1/jobs/{_quoted(id)}", answer="json")

    def cancel_job(self, id):
        """Cancel what is still under way of a job. What can be found already stays."""
        return self._call("DELETE", f"/v1/jobs/{_quoted(id)}", answer="json")

    def follow_job(self, id):
        """Follow a job: how it stands now, and again whenever that changes, until it is over."""
        return self._call("GET", f"/v1/jobs/{_quoted(id)}/events", answer="events")

    def retry_job(self, id):
        """Try the failed and cancelled stages of a job again."""
        return self._call("POST", f"/v1/jobs/{_quoted(id)}/retry", answer="json")

    def list_keys(self):
        """All keys."""
        return self._call("GET", "/v1/keys", answer="json")

    def create_key(self, *, body=None):
        """Make a key."""
        return self._call("POST", "/v1/keys", body=body, answer="json")

    def revoke_key(self, name):
        """Revoke a key: nobody gets in with it any more."""
        return self._call("DELETE", f"/v1/keys/{_quoted(name)}", answer="nothing")

    def rotate_key(self, name):
        """Give a key another secret; the old one opens nothing any more."""
        return self._call("POST", f"/v1/keys/{_quoted(name)}/rotate", answer="json")

    def list_models(self):
        """The models: which are installed, which one is used, and how many assets have vectors of each."""
        return self._call("GET", "/v1/models", answer="json")

    def activate_model(self, id):
        """Answer searches by a model from now on, in one step. The vectors of the one before are kept and kept
        up to date, so that the way back is as short.

        id: The model
        """
        return self._call("POST", f"/v1/models/{_quoted(id)}/activate", answer="json")

    def embed_model(self, id):
        """Compute the vectors of a model beside those that searches are answered by, for all assets, in the
        background. The list of models shows when they are complete, which is when the model can be
        activated.

        id: The model
        """
        return self._call("POST", f"/v1/models/{_quoted(id)}/embed", answer="json")

    def remove_vectors(self, id):
        """Delete the vectors of a model that does not answer searches, in the background. The model itself
        stays installed.

        id: The model
        """
        return self._call("DELETE", f"/v1/models/{_quoted(id)}/vectors", answer="json")

    def list_people(self, *, limit=None, from_=None, named=None, hidden=None):
        """The people that are seen in what the caller sees.

        limit: How many, 1 to 1000; 100 if absent.
        from_: How many of the first ones to leave out: `next` of the answer before.
        named: Only people with a name.
        hidden: Hidden people too.
        """
        return self._call("GET", "/v1/people", query={"limit": limit, "from": from_, "named": named, "hidden": hidden}, answer="json")

    def cluster_people(self):
        """Cluster all faces again. What users said of people stays."""
        return self._call("POST", "/v1/people/cluster", answer="json")

    def get_consent(self):
        """Whether the sense of people is on."""
        return self._call("GET", "/v1/people/consent", answer="json")

    def give_consent(self, *, body=None):
        """Turn the sense of people on: the faces of all videos are looked at, with a job for each. Descriptors
        of faces are biometric data, for which many laws ask the consent of those who are shown.
        """
        return self._call("PUT", "/v1/people/consent", body=body, answer="json")

    def withdraw_consent(self):
        """Turn the sense of people off, and delete every person, descriptor and picture of a face, so that no
        file of the catalogue holds a byte of them.
        """
        return self._call("DELETE", "/v1/people/consent", answer="json")

    def get_person(self, person):
        """One person.

        person: Id, name, or number such as `Person 3`
        """
        return self._call("GET", f"/v1/people/{_quoted(person)}", answer="json")

    def change_person(self, person, *, body=None):
        """Name a person, take the name away, hide them or show them again.

        person: Id, name, or number such as `Person 3`
        """
        return self._call("PATCH", f"/v1/people/{_quoted(person)}", body=body, answer="json")

    def delete_person(self, person):
        """Delete a person with all their faces, so that no file holds a byte of them. Where they were seen is
        noted, so that the same files do not bring them back.

        person: Id, name, or number such as `Person 3`
        """
        return self._call("DELETE", f"/v1/people/{_quoted(person)}", answer="nothing")

    def list_faces(self, person, *, limit=None):
        """The faces of a person.

        person: Id, name, or number such as `Person 3`
        limit: How many, 1 to 1000; 100 if absent.
        """
        return self._call("GET", f"/v1/people/{_quoted(person)}/faces", query={"limit": limit}, answer="json")

    def merge_people(self, person, *, body=None):
        """Make several people one. If only one of them has a name, it stays; of several, `name` says which.

        person: Who they all are: id, name, or number
        """
        return self._call("POST", f"/v1/people/{_quoted(person)}/merge", body=body, answer="json")

    def split_person(self, person, *, body=None):
        """Say that some faces of a person are somebody else's.

        person: Id, name, or number such as `Person 3`
        """
        return self._call("POST", f"/v1/people/{_quoted(person)}/split", body=body, answer="json")

    def redact_picture(self, *, form=None, accept=None):
        """Make faces and plates of one picture unrecognisable. `Accept: image/*` gets the picture alone,
        `Accept: application/json` the record alone (with the fill `none` a dry look), anything else both as
        `multipart/form-data`.

        form: a list of (field, value); a value that is a pathlib.Path is sent as that file.

        accept: multipart/form-data, application/json, image/*.
        """
        return self._call("POST", "/v1/redact", headers={"accept": accept}, form=form, answer="json")

    def list_redactions(self, *, page=None, limit=None):
        """Redactions.

        page: What `next` said.
        limit: How many; 100 if absent, at most 1000.
        """
        return self._call("GET", "/v1/redactions", query={"page": page, "limit": limit}, answer="json")

    def create_redaction(self, *, body=None, form=None):
        """Redact many pictures and videos: by name (JSON) or by upload (`multipart/form-data` with `file`s,
        and optionally `settings`). Answers at once; follow it by its link. A file that cannot be redacted
        has no result, and is reported among the files.

        form: a list of (field, value); a value that is a pathlib.Path is sent as that file.
        """
        return self._call("POST", "/v1/redactions", body=body, form=form, answer="json")

    def get_redaction(self, id):
        """One redaction: how far it is."""
        return self._call("GET", f"/v1/redactions/{_quoted(id)}", answer="json")

    def delete_redaction(self, id):
        """Delete a redaction: what is under way ends without a result, and originals and results that are kept
        here are deleted. What was written to a bucket stays.
        """
        return self._call("DELETE", f"/v1/redactions/{_quoted(id)}", answer="nothing")

    def list_redaction_files(self, id, *, page=None, limit=None):
        """The files of a redaction.

        page: What `next` said.
        limit: How many; 100 if absent, at most 1000.
        """
        return self._call("GET", f"/v1/redactions/{_quoted(id)}/files", query={"page": page, "limit": limit}, answer="json")

    def get_redacted_picture(self, id, n, *, accept=None):
        """A redacted picture or video. The container of a video can change; `content-disposition` has the name
        that fits.

        accept: image/*, video/*.
        """
        return self._call("GET", f"/v1/redactions/{_quoted(id)}/files/{_quoted(n)}", headers={"accept": accept}, answer="json")

    def get_redaction_record(self, id, n):
        """What was done to a picture or video."""
        return self._call("GET", f"/v1/redactions/{_quoted(id)}/files/{_quoted(n)}/record", answer="json")

    def search_by_text(self, *, q=None, limit=None, page=None, explain=None):
        """Find shots by a query in the address.

        q: The query as text, as in a search box.
        limit: Hits on a page, 1 to 200; 20 if absent.
        page: `next` of the answer before, with the same query.
        explain: Whether the answer says how it came about.
        """
        return self._call("GET", "/v1/search", query={"q": q, "limit": limit, "page": page, "explain": explain}, answer="json")

    def search(self, *, body=None):
        """Find shots."""
        return self._call("POST", "/v1/search", body=body, answer="json")

    def get_session(self):
        """What the one who asks may do."""
        return self._call("GET", "/v1/session", answer="json")

    def sign_in(self, *, body=None):
        """Sign in from a browser: the answer sets a cookie, which stands for the key in later requests."""
        return self._call("POST", "/v1/session", body=body, answer="nothing")

    def sign_out(self):
        """Sign out: the cookie is removed. The key stays valid."""
        return self._call("DELETE", "/v1/session", answer="nothing")

    def get_shot(self, id):
        """One shot with all there is to say of it."""
        return self._call("GET", f"/v1/shots/{_quoted(id)}", answer="json")

    def annotate_shot(self, id, *, body=None):
        """Tag a shot, or note something on it. Both stay with its frames when the video is segmented again."""
        return self._call("PATCH", f"/v1/shots/{_quoted(id)}", body=body, answer="json")

    def get_clip(self, id):
        """A shot as a small mp4."""
        return self._call("GET", f"/v1/shots/{_quoted(id)}/clip.mp4", answer="bytes")

    def list_match_cuts(self, id, *, q=None, limit=None):
        """Shots whose first frame continues the last frame of this shot, in composition and in motion.

        q: Only among the shots that fulfil these filters, as in a search box. `other:titles` leaves out the title of the shot, and `other:assets` its asset.
        limit: Hits, 1 to 200; 20 if absent.
        """
        return self._call("GET", f"/v1/shots/{_quoted(id)}/match-cuts", query={"q": q, "limit": limit}, answer="json")

    def get_thumbnail(self, id):
        """The middle frame of a shot."""
        return self._call("GET", f"/v1/shots/{_quoted(id)}/thumbnail.jpg", answer="bytes")

    def list_titles(self):
        """All titles with how much is in them."""
        return self._call("GET", "/v1/titles", answer="json")

    def create_title(self, *, body=None):
        """Make a title before there is an asset for it."""
        return self._call("POST", "/v1/titles", body=body, answer="json")

    def get_title(self, title):
        """One title.

        title: Id or name
        """
        return self._call("GET", f"/v1/titles/{_quoted(title)}", answer="json")

    def change_title(self, title, *, body=None):
        """Rename a title, or change its metadata.

        title: Id or name
        """
        return self._call("PATCH", f"/v1/titles/{_quoted(title)}", body=body, answer="json")

    def delete_title(self, title):
        """Delete a title with its assets and all that was computed of them. Videos that were registered by
        name stay where they are.

        title: Id or name
        """
        return self._call("DELETE", f"/v1/titles/{_quoted(title)}", answer="nothing")

    def merge_title(self, title, *, body=None):
        """Move all assets of a title to another one, and delete it.

        title: Id or name
        """
        return self._call("POST", f"/v1/titles/{_quoted(title)}/merge", body=body, answer="json")

    def list_watches(self):
        """The watched places, and how their videos are doing."""
        return self._call("GET", "/v1/watches", answer="json")

    def create_watch(self, *, body=None):
        """Watch a folder or a prefix in S3: videos that arrive there are registered once they are complete.
        The server watches it after a restart too. A place that is watched already is answered with its
        watch.
        """
        return self._call("POST", "/v1/watches", body=body, answer="json")

    def get_watch(self, id):
        """A watched place."""
        return self._call("GET", f"/v1/watches/{_quoted(id)}", answer="json")

    def delete_watch(self, id):
        """Watch a place no longer. Its videos stay."""
        return self._call("DELETE", f"/v1/watches/{_quoted(id)}", answer="nothing")

    def list_webhooks(self):
        """All webhooks."""
        return self._call("GET", "/v1/webhooks", answer="json")

    def create_webhook(self, *, body=None):
        """Have events posted to an address, from now on."""
        return self._call("POST", "/v1/webhooks", body=body, answer="json")

    def delete_webhook(self, id):
        """Delete a webhook with its deliveries."""
        return self._call("DELETE", f"/v1/webhooks/{_quoted(id)}", answer="nothing")

    def list_deliveries(self, id):
        """The newest deliveries of a webhook, with what became of them."""
        return self._call("GET", f"/v1/webhooks/{_quoted(id)}/deliveries", answer="json")

    def redeliver(self, id, delivery):
        """Deliver once more."""
        return self._call("POST", f"/v1/webhooks/{_quoted(id)}/deliveries/{_quoted(delivery)}", answer="json")
