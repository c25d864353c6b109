"""The files of a seed: opened with the caller's rights, compressed ones read as a stream, none that leads elsewhere."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from drills.errors import SeedError
from drills.sandbox.seeds import files
from drills.sandbox.seeds.contents import check_names
from drills.sandbox.seeds.seed import kind_of

TEXT = b"--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n"


def by_program(name: str) -> Callable[[bytes], bytes]:
    """Compress with a program, where it is installed."""

    def pack(data: bytes) -> bytes:
        if shutil.which(name) is None:
            pytest.skip(f"the program {name} is not installed")
        return subprocess.run([name, "-cq"], input=data, capture_output=True, check=True).stdout

    return pack


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": by_program("zstd"),
    "lz4": by_program("lz4"),
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_compressed_dump_is_read_whatever_its_name(tmp_path: Path, packing: str) -> None:
    """The first bytes say how it is compressed, and what is in it is known by what is in it."""
    plain, custom = tmp_path / "a.txt", tmp_path / "b"
    plain.write_bytes(PACKED[packing](TEXT))
    custom.write_bytes(PACKED[packing](b"PGDMP" + bytes(99)))
    with files.unpacked(plain) as stream:
        assert list(files.lines_of(stream)) == TEXT.splitlines(keepends=True)
    assert (kind_of(plain), kind_of(custom)) == ("plain", "custom")
    with files.spooled(custom, tmp_path) as file:
        assert file.read() == b"PGDMP" + bytes(99)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "b"]


@pytest.mark.parametrize("packing", PACKED)
def test_a_compressed_dump_that_is_cut_off_is_refused(tmp_path: Path, packing: str) -> None:
    """The sentence names the file; nothing of it is taken for the whole."""
    path = tmp_path / "a"
    path.write_bytes(PACKED[packing](os.urandom(9000))[:-100])
    with pytest.raises(SeedError, match=f"{path} is cut off or damaged"), files.unpacked(path) as stream:
        stream.read()


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few compressed bytes can hold more than there is room for: the sentence says so and nothing of it stays."""
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(bytes(1 << 20)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=files.MIN_FREE))
    with pytest.raises(SeedError, match="fills the disk"), files.spooled(path, tmp_path):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["bomb"]


def test_a_file_of_another_user_in_a_folder_is_refused(tmp_path: Path) -> None:
    """A hard link to a file that only root may read makes it no part of a dump."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    folder = tmp_path / "dump"
    folder.mkdir()
    (folder / "toc.dat").write_bytes(b"PGDMP")
    (folder / "1.dat").write_bytes(b"x")
    os.chown(folder, 1001, 1001)
    os.chown(folder / "toc.dat", 1001, 1001)
    os.chown(folder / "1.dat", 1002, 1002)
    with pytest.raises(SeedError, match=r"1\.dat of another user"):
        kind_of(folder)
    os.chown(folder / "1.dat", 1001, 1001)
    assert kind_of(folder) == "directory"


def number(value: int) -> bytes:
    """A number as an archive has it."""
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: bytes | None) -> bytes:
    """A string as an archive has it."""
    return number(-1) if value is None else number(len(value)) + value


def contents(name: bytes, kind: bytes = b"TABLE DATA") -> bytes:
    """A table of contents of version 1.14 with one entry that has a file."""
    head = b"PGDMP\x01\x0e\x00\x04\x08\x03" + number(-1) + number(1) * 7 + text(b"orders") + text(b"15.18") * 2
    entry = number(1) * 2 + text(b"0") * 2 + text(b"t") + text(kind) + number(3) + text(b"") * 5 + text(b"heap")
    return head + number(1) + entry + text(b"own") + text(b"false") + text(b"7") + text(None) + text(name)


@pytest.mark.parametrize("name", [b"../../home/me/.pgpass", b"/etc/passwd", b"..", b"a/b.dat", b"blobs.toc"])
def test_a_table_of_contents_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: bytes) -> None:
    """pg_restore would open each name as it stands, below the dump's folder or not."""
    (tmp_path / "toc.dat").write_bytes(contents(b"3001.dat"))
    check_names(tmp_path)
    (tmp_path / "toc.dat").write_bytes(contents(name))
    with pytest.raises(SeedError, match="expected the names of files"):
        check_names(tmp_path)


@pytest.mark.parametrize("line", [b"7 ../../home/me/.pgpass\n", b"7 /etc/passwd\n"])
def test_a_list_of_large_objects_that_leads_out_of_the_folder_is_refused(tmp_path: Path, line: bytes) -> None:
    """The files of large objects are named in a list of their own."""
    (tmp_path / "toc.dat").write_bytes(contents(b"blobs.toc", b"BLOBS"))
    (tmp_path / "blobs.toc").write_bytes(b"7 blob_7.dat\n")
    check_names(tmp_path)
    (tmp_path / "blobs.toc").write_bytes(line)
    with pytest.raises(SeedError, match="expected the names of files"):
        check_names(tmp_path)


def test_a_table_of_contents_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """A sentence, wherever it ends."""
    whole = contents(b"3001.dat")
    for size in range(5, len(whole)):
        (tmp_path / "toc.dat").write_bytes(whole[:size])
        with pytest.raises(SeedError, match="cut off or damaged"):
            check_names(tmp_path)
