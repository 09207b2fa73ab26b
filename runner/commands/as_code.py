"""`gazette export` and `gazette apply`: reports and subscriptions as a YAML file."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer
import yaml

from reports import applying
from reports.applying import Action, Applied, Change
from reports.errors import ConfigError, InvalidInput
from reports.settings import signing_secrets
from runner.commands import console
from runner.commands.workplace import opened_desk, utc_now

HEAD = """\
# Reports and subscriptions of Gazette; `gazette apply` brings an installation to what stands here.
# Signing secrets of webhooks are not exported. Leave them out and each keeps its own, or name a variable:
#   secret: ${GAZETTE_SIGNING_FINANCE}
"""
MAX_BYTES = 5_000_000  # 2,000 reports with ten subscriptions each are half of that, so what is exported is taken
MAX_DEPTH = 32  # the document itself needs seven
SIGNS = {Action.CREATE: "+", Action.EDIT: "~", Action.DELETE: "-"}
DONE = {Action.CREATE: "created", Action.EDIT: "changed", Action.DELETE: "deleted"}
TO_DO = {Action.CREATE: "to create", Action.EDIT: "to change", Action.DELETE: "to delete"}


def export(
    out: Annotated[Path | None, typer.Option(help="The file to write; default: standard output.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Write all reports and subscriptions as YAML."""
    with opened_desk() as desk:
        found = applying.export(desk)
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n" if as_json else HEAD + written(found)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput("out", f"cannot be written: {error.strerror}") from error
    console.note(f"{len(found['reports'])} reports are written to {out}.")


def apply(
    file: Annotated[str, typer.Argument(metavar="FILE.yaml", help="What `gazette export` writes; - reads it here.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete reports, and subscriptions of listed reports, that are not there.")
    ] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Bring reports and subscriptions to what a file says: all of it, or nothing."""
    content = parsed(_text(file), file)
    with opened_desk() as desk:
        done = applying.apply(desk, content, utc_now(), _secrets, prune=prune, dry_run=dry_run)
    if as_json:
        changes = [asdict(change) | {"fields": _sides(change)} for change in done.changes]
        console.show_json({"dry_run": dry_run, "unchanged": done.unchanged, "changes": changes})
        return
    _tell(done, dry_run=dry_run)


def written(content: Any) -> str:
    """As YAML, in the order given, texts as they are read."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def parsed(text: str, name: str) -> Any:
    """Raises InvalidInput with the line of what is no YAML, and for what would take too long to read."""
    if len(text.encode()) > MAX_BYTES:
        raise InvalidInput(name, f"is larger than {MAX_BYTES // 1_000_000} MB; write it as several files")
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidInput(name, f"is no YAML: {' '.join(str(error).split())}") from error


class _Dumper(yaml.SafeDumper):
    """Without anchors: an entry that equals another is written out as well."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Loader(yaml.SafeLoader):
    """Days stay texts, as parameters are kept; a field given twice is refused instead of the last one winning.

    What is nested too deep is refused where it stands, before the rest is read.
    """

    depth = 0

    yaml_implicit_resolvers = {  # noqa: RUF012  as the library declares it
        sign: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:timestamp"]
        for sign, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth == MAX_DEPTH:
            mark = cast(Any, self).peek_event().start_mark  # the library has no types for it
            raise yaml.composer.ComposerError(None, None, f"it is nested deeper than {MAX_DEPTH} levels", mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = Counter(name.value for name, _value in node.value if isinstance(name, yaml.ScalarNode))
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _text(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read(MAX_BYTES + 1)
        with Path(file).open(encoding="utf-8") as found:
            return found.read(MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InvalidInput(file, f"cannot be read: {said}") from error


def _secrets(text: str) -> str:
    try:
        return signing_secrets(text)
    except ConfigError as error:
        raise InvalidInput("secret", str(error)) from error


def _sides(change: Change) -> dict[str, Any]:
    return {name: {"before": before, "after": after} for name, (before, after) in change.fields.items()}


def _tell(done: Applied, *, dry_run: bool) -> None:
    for change in done.changes:
        of = f'{change.channel} {change.address} of "{change.name}"' if change.address else f'"{change.name}"'
        console.show(f"{SIGNS[change.action]} {change.kind} {of}")
        for name, (before, after) in sorted(change.fields.items()):
            console.show(f"    {name}: {_line(change.action, before, after)}")
        if change.new_secret and not dry_run:
            console.show(f"    signed with {change.new_secret}; give this to the receiver and to nobody else")
    words = TO_DO if dry_run else DONE
    counts = [f"{count} {words[action]}" for action in Action if (count := done.count(action))]
    console.show(", ".join([*counts, f"{done.unchanged} unchanged"]) + ".")


def _line(action: Action, before: Any, after: Any) -> str:
    if action is Action.CREATE:
        return _value(after)
    return _value(before) if action is Action.DELETE else f"{_value(before)} -> {_value(after)}"


def _value(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)
