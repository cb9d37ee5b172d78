"""A source as Croissant, the JSON-LD by which data sets are found and loaded (MLCommons, version 1.0).

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kreis.governance.views.datasheet import DatasheetView

__all__ = ["croissant_of"]

_KINDS = {
    "string": "sc:Text",
    "number": "sc:Float",
    "integer": "sc:Integer",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
    "time": "sc:Time",
}
_NAMES = [
    "citeAs",
    "column",
    "extract",
    "field",
    "fileObject",
    "fileProperty",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
    "equivalentProperty",
]
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _NAMES},
}


def croissant_of(sheet: DatasheetView) -> dict[str, Any]:
    """The JSON-LD of a source at the version that its datasheet is of.

    Its files are those of the lake, named as they lie in the table's folder, with their digests. Where a version is no
    sum of whole files (rows were erased or replaced), none is named: the table is written anew to be passed on.
    """
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": sheet.source,
        "description": sheet.description or sheet.name,
        "version": f"{sheet.version}.0.0",
        "datePublished": sheet.collected[:10],
        "citeAs": f"{sheet.name}, version {sheet.version} ({sheet.fingerprint[:12]})",
        "url": f"kreis:{sheet.table}@{sheet.version}",
        "distribution": _files(sheet),
        "recordSet": [{"@type": "cr:RecordSet", "@id": sheet.source, "name": sheet.source, "field": _fields(sheet)}],
    }
    if sheet.licence:
        document["license"] = sheet.licence
    if keys := [each.name for each in sheet.columns if each.key]:
        document["recordSet"][0]["key"] = [{"@id": f"{sheet.source}/{name}"} for name in keys]
    return document


def _files(sheet: DatasheetView) -> list[dict[str, Any]]:
    parquet = "application/x-parquet"
    files = [
        {
            "@type": "cr:FileObject",
            "@id": each.path,
            "name": each.path,
            "contentUrl": each.path,
            "contentSize": f"{each.size} B",
            "encodingFormat": parquet,
            "sha256": each.sha256,
        }
        for each in sheet.files
    ]
    every = {"@type": "cr:FileSet", "@id": "files", "name": "files", "includes": "*.parquet", "encodingFormat": parquet}
    return [*files, every]


def _fields(sheet: DatasheetView) -> list[dict[str, Any]]:
    fields = []
    for each in sheet.columns:
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{sheet.source}/{each.name}",
            "name": each.name,
            "dataType": _KINDS.get(each.kind, "sc:Text"),
        }
        if each.description:
            field["description"] = each.description
        field["source"] = {"fileSet": {"@id": "files"}, "extract": {"column": each.name}}
        fields.append(field)
    return fields
