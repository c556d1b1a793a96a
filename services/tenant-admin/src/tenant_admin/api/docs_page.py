"""/docs: the OpenAPI document as one plain page. No script, nothing from other hosts."""

import json  # not orjson: people read it, so with spaces
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Json = Mapping[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a7d5a; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 2rem 1rem; }
h2 { text-transform: capitalize; margin-top: 3rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .6rem 0; }
summary { cursor: pointer; padding: .6rem 1rem; }
details > div { padding: 0 1rem 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); border-radius: .4rem; padding: .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; color: var(--accent); }
.scope { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: 13px; }
"""


def docs_page(document: Json) -> str:
    info = document["info"]
    sections = "".join(tag_section(document, tag) for tag in tags_of(document))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])}</h1><p>{code_spans(info['description'])}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a></p>{sections}'
        f"</main></body></html>"
    )


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


def tags_of(document: Json) -> list[str]:
    names = (tag for _, _, operation in operations(document) for tag in operation["tags"])
    return list(dict.fromkeys(names))


def tag_section(document: Json, tag: str) -> str:
    blocks = [
        operation_details(document, method, path, operation)
        for method, path, operation in operations(document)
        if tag in operation["tags"]
    ]
    return f"<h2>{escape(tag)}</h2>{''.join(blocks)}"


def operation_details(document: Json, method: str, path: str, operation: Json) -> str:
    scopes = [scope for rule in operation.get("security", []) for scope in rule.get("key", [])]
    labels = "".join(f' <span class="scope">{escape(name)}</span>' for name in scopes)
    description = code_spans(operation["description"]).replace("\n\n", "<br>")
    return (
        f'<details><summary><span class="method">{method.upper()}</span> '
        f"<code>{escape(path)}</code>{labels}</summary><div><p>{description}</p>"
        f"{curl_example(document, method, path, operation)}{fields_table(document, operation)}"
        f"{responses_table(operation)}</div></details>"
    )


def curl_example(document: Json, method: str, path: str, operation: Json) -> str:
    lines = [f"curl -X {method.upper()} http://127.0.0.1:8001{path}"]
    lines.append('-H "Authorization: Bearer $ADMIN_API_KEY"')
    if (example := example_of(document, operation)) is not None:
        body = json.dumps(example, indent=2, ensure_ascii=False)
        lines += ['-H "Content-Type: application/json"', f"-d '{body}'"]
    command = " \\\n  ".join(lines)
    return f"<pre>{escape(command, quote=False)}</pre>"


def fields_table(document: Json, operation: Json) -> str:
    rows = [
        field_row(f"{field['name']} ({field['in']})", field["schema"], field.get("required", False))
        for field in operation.get("parameters", [])
    ]
    body = schema_of(document, operation)
    required = body.get("required", [])
    rows += [
        field_row(name, schema, name in required)
        for name, schema in body.get("properties", {}).items()
    ]
    return f"<table><tr><th>Field<th>Form</tr>{''.join(rows)}</table>" if rows else ""


def field_row(name: str, schema: Json, required: bool) -> str:
    presence = "required" if required else f"optional, default {json.dumps(schema.get('default'))}"
    description = schema.get("description", "")
    rule = f"{escape(schema_summary(schema))}; {escape(presence)}"
    more = f"<br>{code_spans(description)}" if description else ""
    return f"<tr><td><code>{escape(name)}</code><td>{rule}{more}</tr>"


def schema_summary(schema: Json) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(schema_summary(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    words = [schema.get("type") or schema.get("$ref", "anything").rsplit("/", 1)[-1]]
    limits = ("pattern", "minimum", "maximum", "minLength", "maxLength")
    return " ".join(words + [f"{limit} {schema[limit]}" for limit in limits if limit in schema])


def responses_table(operation: Json) -> str:
    responses = sorted(operation["responses"].items())
    rows = (
        f"<tr><td>{code}<td>{code_spans(response['description'])}</tr>"
        for code, response in responses
    )
    return f"<table><tr><th>Answer<th>Meaning</tr>{''.join(rows)}</table>"


def json_body(operation: Json) -> Json:
    content: Json = operation.get("requestBody", {}).get("content", {})
    media_type: Json = content.get("application/json", {})
    return media_type


def schema_of(document: Json, operation: Json) -> Json:
    schema: Json = json_body(operation).get("schema", {})
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    resolved: Json = document["components"]["schemas"].get(name, schema)
    return resolved


def example_of(document: Json, operation: Json) -> Any:
    return json_body(operation).get("example", schema_of(document, operation).get("example"))


def code_spans(text: str) -> str:
    """`code` between backticks, everything else as text."""
    parts = escape(text).split("`")
    return "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)
    )
