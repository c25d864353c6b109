"""VERIFY.md: how a bundle is verified with a shell, coreutils and openssl alone. Pure.

The blocks are what the tests run, word for word. They read a start record line by line: its own keys stand one on a line,
behind a single blank, as `drills.printable.to_json` writes them.
"""

from __future__ import annotations

from collections.abc import Collection
from string import Template

from drills.evidence.seal import Seal

START = "start.json"

_HEAD = Template("""\
# How to verify this evidence

You need a shell, coreutils and OpenSSL (1.1 or later, or LibreSSL), and nothing of who made this evidence. Nothing here
uses the network. Take these commands from the documents of the tool (docs/evidence.md), where you doubt this file.

$sealed

Open a shell with `sh`, go to the folder that this file lies in, and type the blocks one after another. On macOS, which has no
`sha256sum`, type this first: `sha256sum() { shasum -a 256 "$$@"; }`. A block that found a difference says so and ends with
another exit code than 0.
""")
_SIGNED = Template("""\
- Signed with ECDSA on P-256 and SHA-256. The fingerprint of the public key is
  `$fingerprint`.
- $stamped
- A signature says that whoever has the private key made exactly these files. It does not say that what they hold is true, that
  the key was kept well, or when they were made.\
""")
_STAMPED = "A time stamp of $url says that the signature was there at that time."
_NOT_STAMPED = "There is no time stamp: the times in these files are those of the clock of who made them."
_UNSIGNED = """\
- **Not signed** (level L0). Whoever can write to this folder can make other files that fit these sums. What follows finds a file
  that was damaged, lost or added by mistake, and nothing that somebody did on purpose.\
"""

_KEY = """\
## {number}. The public key

Take it from who made this evidence, over another way than this bundle: a key in a bundle proves nothing. Compare what
this prints with the fingerprint that was published, and not with the one above.

```sh
KEY=${{KEY:-$HOME/drill.pub.pem}}  # where you keep it
case $KEY in /*) ;; *) KEY=$PWD/$KEY;; esac
openssl pkey -pubin -in "$KEY" -outform DER | sha256sum
```
"""
_SIGNATURE = """\
## {number}. The list of files is the one that was signed

```sh
[ -e SHA256SUMS.sig ] || echo "UNSIGNED: SHA256SUMS.sig is not there"
openssl dgst -sha256 -verify "$KEY" -signature SHA256SUMS.sig SHA256SUMS
```

`Verified OK`: the list was signed with this key. `Verification failure`: another key, or the list was changed.
"""
_FILES = """\
## {number}. Each file is as the list says

```sh
sha256sum -c SHA256SUMS
```

`OK` for each. `FAILED`: the file was changed, or it changed places with another. `FAILED open or read`: it is missing.
"""
_ADDED = """\
## {number}. Nothing was added

```sh
walk() {{ for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
  if [ -L "$f" ]; then printf '%s (a link)\\n' "${{f#./}}"
  elif [ -d "$f" ]; then walk "$f"
  elif [ -e "$f" ]; then printf '%s\\n' "${{f#./}}"; fi; done; }}
LISTED=$(mktemp)
{{ cut -c67- SHA256SUMS; printf '%s\\n' {seals}; }} | LC_ALL=C sort > "$LISTED"
ADDED=$(walk . | LC_ALL=C sort | LC_ALL=C comm -13 "$LISTED" -)
rm "$LISTED"
if [ -n "$ADDED" ]; then printf 'ADDED: %s\\n' "$ADDED"; false; else echo "nothing was added"; fi
```

`ADDED`: a file that the list does not have, or a link, which may stand for any file. Do not read them.
"""
_TIME = """\
## {number}. The time stamp

`tsa-ca.pem` is the certificate of the time stamp's authority ({url}), from its own pages.

```sh
TSA_CA=${{TSA_CA:-$HOME/tsa-ca.pem}}  # where you keep it
openssl ts -verify -data SHA256SUMS.sig -in SHA256SUMS.sig.tsr -CAfile "$TSA_CA"
```

`Verification: OK`: the signature was there at the time that `openssl ts -reply -in SHA256SUMS.sig.tsr -text` shows.
"""
_STARTED = """\
## {number}. The drill was announced before it began

Where this folder lies in its chain, `../starts` holds the record that was written before anything was restored.

```sh
STARTED=../starts/$(basename "$PWD").json
if [ ! -e "$STARTED" ]; then echo "NO START: $STARTED is not there"; false
elif [ "$(sha256sum < start.json)" = "$(sha256sum < "$STARTED")" ]; then echo "start.json: as it was announced"
else echo "ANOTHER START: start.json is not $STARTED"; false; fi
```
"""
_CHAIN = """\
## {number}. The chain has no gap

Each start record names the digest of the entry before it: of its SHA256SUMS, or of its start record where it had no bundle then.

```sh
cd ..
BEFORE= BEGAN= COUNT=0 BAD=0
for START in starts/*.json; do
  COUNT=$((COUNT + 1)) ENTRY=$(basename "$START" .json) PREVIOUS= OF= RUN=
  while IFS= read -r LINE; do
    case $LINE in ' "previous": "'*) PREVIOUS=${{LINE#*: \\"}}; PREVIOUS=${{PREVIOUS%%\\"*}};;
      ' "run_id": "'*) RUN=${{LINE#*: \\"}}; RUN=${{RUN%%\\"*}};;
      ' "previous_is": "start"'*) OF=start;; esac
  done < "$START"
  [ "$RUN" = "${{ENTRY#*-}}" ] || {{ echo "RENAMED: $START is of the run $RUN"; BAD=1; }}
  case $ENTRY in "$(printf %04d "$COUNT")"-*) ;; *) echo "GAP: $ENTRY is number $COUNT of what is here"; BAD=1;; esac
  [ "$OF" = start ] && BEFORE=$BEGAN
  [ "$PREVIOUS" = "$BEFORE" ] || {{ echo "BROKEN CHAIN: $ENTRY does not follow what stands before it"; BAD=1; }}
{start_signature}  BEGAN=$(sha256sum < "$START"); BEGAN=${{BEGAN%% *}}
  if [ -f "$ENTRY/SHA256SUMS" ]; then BEFORE=$(sha256sum < "$ENTRY/SHA256SUMS"){bundle_signature}
  elif [ -e "$ENTRY" ]; then echo "EMPTIED: $ENTRY has no SHA256SUMS"; BAD=1; BEFORE=$BEGAN
  else echo "NO RESULT: $ENTRY was started and has no bundle"; BAD=1; BEFORE=$BEGAN; fi
  BEFORE=${{BEFORE%% *}}
done
for BUNDLE in [0-9]*/; do
  [ -e "starts/${{BUNDLE%/}}.json" ] || {{ echo "NO START: ${{BUNDLE%/}} has no start record"; BAD=1; }}
done
[ "$BAD" = 0 ] && echo "$COUNT entries up to $ENTRY, none missing before it; digest ${{BEFORE:-$BEGAN}}"
```

`NO RESULT`: a drill was started and never told its result. `GAP`, `BROKEN CHAIN`: an entry was removed, put in between, or made
again. The newest entry has none behind it that would name it: compare the digest with what you were told at the time. This block
looks at lists, signatures and starts alone: the blocks before it are to be run in each bundle.
"""
_START_SIGNATURE = """\
  openssl dgst -sha256 -verify "$KEY" -signature "$START.sig" "$START" > /dev/null 2>&1 ||
    { echo "BAD SIGNATURE: $START"; BAD=1; }
"""


_BUNDLE_SIGNATURE = """
    openssl dgst -sha256 -verify "$KEY" -signature "$ENTRY/SHA256SUMS.sig" "$ENTRY/SHA256SUMS" > /dev/null 2>&1 ||
      { echo "BAD SIGNATURE: $ENTRY/SHA256SUMS"; BAD=1; }"""


def render(files: Collection[str], seal: Seal) -> str:
    """Return VERIFY.md of a bundle with these files. Steps that it has nothing for are left out."""
    signed = seal.signer is not None
    stamped = signed and seal.stamp is not None
    stamp = Template(_STAMPED).substitute(url=seal.stamp_url) if stamped else _NOT_STAMPED
    about = Template(_SIGNED.template).substitute(fingerprint=seal.fingerprint, stamped=stamp) if signed else _UNSIGNED
    seals = ("SHA256SUMS", *(("SHA256SUMS.sig",) if signed else ()), *(("SHA256SUMS.sig.tsr",) if stamped else ()))
    steps = [
        *((_KEY, _SIGNATURE) if signed else ()),
        _FILES,
        _ADDED,
        *((_TIME,) if stamped else ()),
        *((_STARTED, _CHAIN) if START in files else ()),
    ]
    values = {"seals": " ".join(seals), "url": seal.stamp_url, "start_signature": _START_SIGNATURE if signed else ""}
    values["bundle_signature"] = _BUNDLE_SIGNATURE if signed else ""
    numbered = [step.format(number=number, **values) for number, step in enumerate(steps, 1)]
    return "\n".join([_HEAD.substitute(sealed=about), *numbered])
