"""Secrets and personal data planted where a run can meet them, and the search for them in every byte that it leaves.

Each is told from all else by a word of its own, which no encoding of a name, of JSON, of HTML or of a URL changes.
"""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import string
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pypdf import PdfReader

from drills.evidence.keys import generate_pem

_DEEPEST = 3  # archives within archives


@dataclass(frozen=True)
class Plants:
    """The word of each kind."""

    words: dict[str, str] = field(default_factory=dict)

    def word(self, kind: str) -> str:
        """The word of this kind, made when it is first asked for."""
        return self.words.setdefault(kind, f"zq{secrets.token_hex(8)}")

    def number(self, kind: str) -> int:
        """The same as a number."""
        return int(self.words.setdefault(kind, "7" + "".join(secrets.choice(string.digits) for _ in range(14))))

    def environment(self) -> dict[str, str]:
        """Variables of the processes of a run that hold secrets."""
        names = ("PGPASSWORD", "GITHUB_TOKEN", "CI_JOB_TOKEN", "VAULT_TOKEN", "DATABASE_URL")
        made = {name: self.word(f"variable {name}") for name in names}
        return made | {"DATABASE_URL": f"postgresql://app:{made['DATABASE_URL']}@db.example/orders"}

    def sql(self) -> str:
        """Rows and definitions; what stands in comments, bodies and constants beside words for secrets is planted too."""
        of = self.word
        return f"""
create table guest (
  email text primary key,
  iban text default '{of("default")}',
  born date, salary bigint, profile jsonb, photo bytea, note text,
  constraint no_token check (note <> '{of("check")}9'),
  token text generated always as (note || '{of("generated")}8') stored
);
insert into guest (email, iban, born, salary, profile, photo, note) values (
  '{of("row e-mail")}@example.org', 'DE07 {of("row IBAN")}', '1971-03-04', {self.number("row number")},
  '{{"name": "{of("row jsonb")}", "{of("row jsonb key")}": 1}}', '{of("row bytea")}', '{of("row text")}'),
  ('{of("row second e-mail")}@example.org', '', null, null, null, null, E'a\\nb {of("row second text")}');
create view guests as select email, '{of("view")}'::text as api_key from guest where note <> '{of("view condition")}7';
create materialized view totals as select email, sum(salary) as salary from guest group by email;
create index on guest (lower(note)) where iban <> '{of("index")}6';
create function secret_of(a text) returns text language plpgsql as 'begin return ''{of("function body")}''; end';
create function token_of(a text default '{of("argument default")}') returns text language sql as 'select 1::text';
create function fired() returns trigger language plpgsql as 'begin return new; end';
create trigger tell before update on guest for each row execute function fired('{of("trigger argument")}');
create rule kept as on delete to guest where old.note = '{of("rule")}5' do instead nothing;
create policy own on guest using (note = '{of("policy")}4');
create domain word as text default '{of("domain default")}' constraint not_secret check (value <> '{of("domain check")}3');
comment on table guest is '{of("comment")}';
create role keeper password '{of("password of a role")}';
select lo_from_bytea(0, '{of("large object")}');
"""

    def rules(self, folder: Path) -> Path:
        """A folder with a rule of the data that fails with an error of the server that quotes a row."""
        folder.mkdir()
        (folder / "numbers.sql").write_text("-- Every note is a number.\nselect 1 from guest where note::int > 0\n")
        return folder


def made_key(plants: Plants) -> str:
    """A signing key as PEM, as a CI service has it in a variable; each of its lines is searched for."""
    pem = generate_pem()
    lines = pem.splitlines()[1:-1]
    plants.words.update({f"signing key, line {number}": line for number, line in enumerate(lines, 1)})
    return pem


def written(word: str) -> set[bytes]:
    """The ways in which a word can stand in bytes: as it is, in hexadecimal, UTF-16, and base64 at each of its places."""
    plain = word.encode()
    found = {
        plain,
        plain.hex().encode(),
        plain.hex().upper().encode(),
        word.encode("utf-16-le"),
        word.encode("utf-16-be"),
    }
    for before in range(3):
        packed = base64.b64encode(b"\0" * before + plain + b"\0" * ((-before - len(plain)) % 3))
        whole = packed[4 * ((before + 2) // 3) : len(packed) - (4 if (before + len(plain)) % 3 else 0)]
        found.add(whole)
    return found


def contents(path: str, raw: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file, and of everything that is packed in it; of a PDF its streams, its attachments and its text."""
    yield path, raw
    if depth == _DEEPEST:
        return
    if raw.startswith(b"\x1f\x8b"):
        yield from contents(f"{path} (unpacked)", gzip.decompress(raw), depth + 1)
    elif raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for name in archive.namelist():
                yield from contents(f"{path}: {name}", archive.read(name), depth + 1)
    elif raw.startswith(b"%PDF"):
        reader = PdfReader(io.BytesIO(raw))
        yield f"{path} (text)", "".join("".join(page.extract_text().split()) for page in reader.pages).encode()
        for at in _positions(raw, b"stream"):
            begin = raw[at + 6 : at + 8].count(b"\r") + at + 7
            try:
                yield f"{path} (stream at {at})", zlib.decompressobj().decompress(raw[begin:])
            except zlib.error:
                continue


def _positions(raw: bytes, what: bytes) -> Iterator[int]:
    at = raw.find(what)
    while at >= 0:
        yield at
        at = raw.find(what, at + 1)


def found(plants: dict[str, str], files: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """The kinds that were found, each with where; names of files are searched too."""
    ways = {kind: written(word) for kind, word in plants.items()}
    hits = set()
    for path, raw in files:
        for name, content in contents(path, raw):
            folded = name.encode() + b"\0" + content
            hits |= {(kind, name) for kind, each in ways.items() if any(way in folded for way in each)}
    return sorted(hits)


def below(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below some folders, links left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()
