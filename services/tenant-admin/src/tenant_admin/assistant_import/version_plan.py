"""What an import will do: new assistants, new versions of known ones, nothing for known content.
Pure; takes long, so not for an event loop."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from tenant_admin.assistant_import.mapping import translate
from tenant_admin.core.assistant_warnings import warnings_of
from tenant_admin.core.import_source import ImportSource
from tenant_admin.core.problems import FieldProblem, RequestRefused
from tenant_admin.core.schemas import NewAssistant

Action = Literal["created", "new version", "unchanged", "skipped"]


class Imported(BaseModel):
    """What became of one item. `position` counts from 1 in the order of the file."""

    position: int
    action: Action
    assistant_id: str | None = None
    name: str | None = None
    model: str | None = None
    version: int | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[FieldProblem, ...] = ()


class Translation(NamedTuple):
    """An item as an assistant of ours."""

    form: NewAssistant
    source: ImportSource


class PlannedVersion(NamedTuple):
    form: NewAssistant
    source: ImportSource
    version: int
    is_new: bool  # also its assistant


class ImportPlan(NamedTuple):
    items: list[Imported]
    versions: list[PlannedVersion]


class KnownAssistant(NamedTuple):
    """versions: the newest by the hash of what they were imported from."""

    latest: int
    versions: Mapping[str, int]


NOTHING_KNOWN = KnownAssistant(0, {})


def translate_all(sources: Iterable[Any]) -> list[Translation | RequestRefused]:
    """In their order; a refusal for what cannot become an assistant."""
    return [translation_or_refusal(item) for item in sources]


def translation_or_refusal(item: Any) -> Translation | RequestRefused:
    try:
        return Translation(*translate(item))
    except RequestRefused as refused:
        return refused


def ids_of(translations: Iterable[Translation | RequestRefused]) -> list[str]:
    forms = (each.form for each in translations if isinstance(each, Translation))
    return sorted({form.assistant_id for form in forms})


def plan_import(
    translations: Sequence[Translation | RequestRefused], known: Mapping[str, KnownAssistant]
) -> ImportPlan:
    """known: by assistant_id. The same assistant may come several times: each is a version."""
    now_known = dict(known)
    items: list[Imported] = []
    versions: list[PlannedVersion] = []
    for position, each in enumerate(translations, start=1):
        if isinstance(each, RequestRefused):
            items.append(Imported(position=position, action="skipped", errors=each.errors))
            continue
        before = now_known.get(each.form.assistant_id, NOTHING_KNOWN)
        same = before.versions.get(each.source.hash)
        if same is not None:
            items.append(imported_item(position, "unchanged", each, same))
            continue
        number = before.latest + 1
        is_new = each.form.assistant_id not in now_known
        versions.append(PlannedVersion(each.form, each.source, number, is_new))
        items.append(imported_item(position, "created" if is_new else "new version", each, number))
        now_known[each.form.assistant_id] = KnownAssistant(
            number, {**before.versions, each.source.hash: number}
        )
    return ImportPlan(items, versions)


def imported_item(position: int, action: Action, item: Translation, version: int) -> Imported:
    return Imported(
        position=position,
        action=action,
        assistant_id=item.form.assistant_id,
        name=item.form.name,
        model=item.form.model,
        version=version,
        warnings=item.source.warnings + warnings_of(item.form),
    )
