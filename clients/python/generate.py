#!/usr/bin/env python3
"""Writes `rushes_client.py` from the OpenAPI document of a server.

generate.py DOCUMENT [OUTPUT]    DOCUMENT is a file, or the URL of a running server's /openapi.json

The client has one method per operation and needs nothing but Python 3.9 and its standard library, so that it also runs
inside editing programs.
"""

import json
import keyword
import sys
import textwrap
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
METHODS = ("get", "post", "put", "patch", "delete")


def load(place):
    if place.startswith(("http://", "https://")):
        with urllib.request.urlopen(place) as answer:
            return json.load(answer)
    return json.loads(Path(place).read_text())


def name_of(parameter):
    name = parameter["name"].replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


def kinds_of(operation):
    """The content types of what is answered if all goes well."""
    for status, response in sorted(operation["responses"].items()):
        if status.startswith("2") and response.get("content"):
            return list(response["content"])
    return []


def answer_of(operation):
    """How the answer is read: `json`, `bytes`, `events` or `nothing`."""
    for status, response in sorted(operation["responses"].items()):
        if status.startswith("2"):
            kinds = list(response.get("content", {}))
            if not kinds:
                continue
            if len(kinds) > 1:
                # JSON where JSON comes.
                return "json"
            if kinds[0] == "text/event-stream":
                return "events"
            return "json" if kinds[0] == "application/json" else "bytes"
    return "nothing"


def method(http_method, path, operation):
    """The source of one method."""
    parameters = operation.get("parameters", [])
    in_path = [p for p in parameters if p["in"] == "path"]
    others = [p for p in parameters if p["in"] in ("query", "header")]
    content = operation.get("requestBody", {}).get("content", {})
    arguments = ["self"] + [name_of(p) for p in in_path]
    options = [f"{name_of(p)}=None" for p in others]
    if "application/json" in content:
        options.append("body=None")
    if "multipart/form-data" in content:
        options.append("form=None")
    kinds = kinds_of(operation)
    if len(kinds) > 1:
        options.append("accept=None")
    if options:
        arguments += ["*"] + options
    text = operation.get("summary") or operation.get("description", "")
    lines = [f"def {operation['operationId']}({', '.join(arguments)}):"]
    doc = textwrap.wrap(" ".join(text.split()), 100)
    documented = [p for p in in_path + others if p.get("description")]
    if documented:
        doc.append("")
        doc += [f"{name_of(p)}: {' '.join(p['description'].split())}" for p in documented]
    if "multipart/form-data" in content:
        doc += ["", "form: a list of (field, value); a value that is a pathlib.Path is sent as that file."]
    if len(kinds) > 1:
        doc += ["", f"accept: {', '.join(kinds)}."]
    lines += ['    """' + (doc[0] if doc else "") + ('"""' if len(doc) < 2 else "")]
    if len(doc) > 1:
        lines += [("    " + line).rstrip() for line in doc[1:]] + ['    """']
    target = "f" + json.dumps(path) if in_path else json.dumps(path)
    for p in in_path:
        target = target.replace("{" + p["name"] + "}", "{_quoted(" + name_of(p) + ")}")
    call = [json.dumps(http_method.upper()), target]
    for place in ("query", "header"):
        named = [(p["name"], name_of(p)) for p in others if p["in"] == place]
        if place == "header" and len(kinds) > 1:
            named.append(("accept", "accept"))
        if named:
            pairs = ", ".join(f"{json.dumps(name)}: {argument}" for name, argument in named)
            call.append(f"{'query' if place == 'query' else 'headers'}={{{pairs}}}")
    if "application/json" in content:
        call.append("body=body")
    if "multipart/form-data" in content:
        call.append("form=form")
    call.append(f"answer={json.dumps(answer_of(operation))}")
    lines.append(f"    return self._call({', '.join(call)})")
    return "\n".join(lines)


def main():
    document = load(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "rushes_client.py"
    methods = []
    for path, item in sorted(document["paths"].items()):
        # Workers have a client of their own, and uploads a method of their own in the template.
        if path.startswith(("/v1/work", "/v1/uploads")):
            continue
        methods += [method(verb, path, item[verb]) for verb in METHODS if verb in item]
    body = "\n\n".join(textwrap.indent(one, "    ") for one in methods)
    template = (HERE / "template.py").read_text()
    output.write_text(template.replace("    # METHODS\n", body + "\n"))


main()
