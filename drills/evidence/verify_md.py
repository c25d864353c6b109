"""VERIFY.md: how a bundle is verified with a shell, coreutils and openssl alone. Pure.

The blocks are what the tests run, word for word. They read a start record line by line: its own keys stand one on a line,
behind a single blank, as `drills.printable.to_json` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from string import Template

from drills.evidence.seal import Seal

START = "start.json"

_HEAD = Template("""\
# How to verify this evidence

You need a shell, coreutils and OpenSSL (1.1 or later, or LibreSSL), and nothing of who made this evidence. Nothing here
uses the network. Whoever forges a bundle can write other commands into this file: take them from the public documents of the
tool (docs/evidence.md), which has the same blocks in the same order.

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
if openssl pkey -pubin -in "$KEY" -noout 2> /dev/null; then openssl pkey -pubin -in "$KEY" -outform DER | sha256sum
else echo "NO KEY: $KEY is no public key (PEM): set KEY to the file that you have of it, with its whole path"; false; fi
```
"""
_SIGNATURE = """\
## {number}. The list of files is the one that was signed

```sh
if [ ! -e SHA256SUMS.sig ]; then echo "UNSIGNED: SHA256SUMS.sig is not there"; false
elif [ ! -f SHA256SUMS ] || [ ! -f SHA256SUMS.sig ]; then echo "NO FILE: SHA256SUMS, or its signature, is no file"; false
elif [ ! -r SHA256SUMS ] || [ ! -r SHA256SUMS.sig ]
then echo "UNREADABLE: this user may not read SHA256SUMS and SHA256SUMS.sig"; false
elif ! openssl asn1parse -inform DER -in SHA256SUMS.sig > /dev/null 2>&1
then echo "DAMAGED: the signature of SHA256SUMS is damaged"; false
else openssl dgst -sha256 -verify "$KEY" -signature SHA256SUMS.sig SHA256SUMS 2> /dev/null; fi
```

`Verified OK`: the list was signed with this key. `Verification failure`: another key, or the list or its signature was changed.
"""
_FILES = """\
## {number}. Each file is as the list says

```sh
odd() {{ for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
  if [ -d "$f" ] && [ ! -L "$f" ]; then
    if [ -r "$f" ] && [ -x "$f" ]; then odd "$f"; else printf 'UNREADABLE: this user may not read %s\\n' "${{f#./}}"; fi
  elif [ -f "$f" ]; then [ -r "$f" ] || printf 'UNREADABLE: this user may not read %s\\n' "${{f#./}}"
  elif [ -e "$f" ] && [ ! -d "$f" ]; then printf 'NO FILE: %s\\n' "${{f#./}}"; fi; done; }}
ODD=$(odd .)
if [ -n "$ODD" ]; then printf '%s\\n' "$ODD"; false; else sha256sum -c SHA256SUMS; fi
```

`OK` for each. `FAILED`: the file was changed, or it changed places with another. `FAILED open or read`: it is missing. `NO FILE`: a
pipe or a device, of which nothing is read. `UNREADABLE` says nothing about the evidence: go on as a user who may read it.
"""
_ADDED = """\
## {number}. Nothing was added

```sh
walk() {{ for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
  if [ -L "$f" ]; then printf '%s (a link)\\n' "${{f#./}}"
  elif [ -d "$f" ] && {{ [ ! -r "$f" ] || [ ! -x "$f" ]; }}; then printf '%s (this user may not read it)\\n' "${{f#./}}"
  elif [ -d "$f" ]; then
    if IN=$(walk "$f"; printf .); [ "$IN" = . ]; then printf '%s (an empty folder)\\n' "${{f#./}}"; else printf %s "${{IN%.}}"; fi
  elif [ -e "$f" ]; then printf '%s\\n' "${{f#./}}"; fi; done; }}
LISTED=$(mktemp)
[ -f SHA256SUMS ] && [ -r SHA256SUMS ] &&
{{ cut -c67- SHA256SUMS; printf '%s\\n' {seals}; }} | LC_ALL=C sort > "$LISTED"
ADDED=$(walk . | LC_ALL=C sort | LC_ALL=C comm -13 "$LISTED" -)
rm "$LISTED"
if [ -n "$ADDED" ]; then printf 'ADDED: %s\\n' "$ADDED"; false; else echo "nothing was added"; fi
```

`ADDED`: a file that the list does not have, a folder without any, or a link, which may stand for any file. Do not read them.
"""
_TIME = """\
## {number}. The time stamp

`tsa-ca.pem` is the certificate of the time stamp's authority ({url}), from its own pages.

```sh
TSA_CA=${{TSA_CA:-$HOME/tsa-ca.pem}}  # where you keep it
if [ ! -e SHA256SUMS.sig.tsr ]; then case $(cat VERIFY.md) in
  *'- A time stamp of '*) echo "NO TIME STAMP: SHA256SUMS.sig.tsr is not there, and VERIFY.md says that it was"; false;;
  *) echo "no time stamp: this bundle was sealed without one";; esac
elif [ -r "$TSA_CA" ]; then openssl ts -verify -data SHA256SUMS.sig -in SHA256SUMS.sig.tsr -CAfile "$TSA_CA"
else echo "NO CERTIFICATE: $TSA_CA cannot be read: set TSA_CA to the file that you have of it"; false; fi
```

`Verification: OK`: the signature was there at the time that `openssl ts -reply -in SHA256SUMS.sig.tsr -text` shows.
"""
_STARTED = """\
## {number}. The drill was announced before it began

Where this folder lies in its chain, `../starts` holds the record that was written before anything was restored.

```sh
STARTED=../starts/$(basename "$PWD").json
if [ ! -e ../starts ]; then
  echo "this bundle stands alone: there is no ../starts; whether it was announced before it began cannot be checked"
elif [ ! -r ../starts ] || [ ! -x ../starts ]; then echo "UNREADABLE: this user may not read ../starts"; false
elif [ ! -e "$STARTED" ]; then echo "NO START: $STARTED is not there"; false
elif [ ! -f "$STARTED" ] || [ ! -f start.json ]; then echo "NO FILE: start.json, or $STARTED, is no file"; false
elif [ ! -r "$STARTED" ] || [ ! -r start.json ]; then echo "UNREADABLE: this user may not read start.json and $STARTED"; false
elif [ "$(sha256sum < start.json)" = "$(sha256sum < "$STARTED")" ]; then echo "start.json: as it was announced"
else echo "ANOTHER START: start.json is not $STARTED"; false; fi
```
"""
_CHAIN = """\
## {number}. The chain has no gap

Each start record names the digest of the entry before it: of its SHA256SUMS, or of its start record where it had no bundle then.

```sh
unread() {{ for FILE in . starts starts/* reviews reviews/* [0-9]*-* [0-9]*-*/SHA256SUMS*; do
  if [ -e "$FILE" ] && {{ [ ! -r "$FILE" ] || {{ [ -d "$FILE" ] && [ ! -x "$FILE" ]; }}; }}
  then printf 'UNREADABLE: this user may not read %s\\n' "$FILE"; fi; done; }}
ALONE=1
for BESIDE in ../starts ../reviews ../[0-9]*-*/SHA256SUMS; do
  [ ! -e "$BESIDE" ] || [ "$BESIDE" = "../$(basename "$PWD")/SHA256SUMS" ] || ALONE=0
done
if [ "$ALONE" = 1 ]; then
  echo "this bundle stands alone: its place in its chain, and whether a drill has no result, cannot be checked"
elif UNREAD=$(cd .. && unread); [ -n "$UNREAD" ]; then printf '%s\\n' "$UNREAD"; false
else
{before}cd ..
BEFORE= BEGAN= COUNT=0 BAD=0 NAME= ENTRY= LAST={counters}
[ -d starts ] || {{ echo "NO STARTS: starts/ is not there: take the whole chain from another copy"; BAD=1; }}
for START in starts/*.json; do
  [ -f "$START" ] || continue
  COUNT=$((COUNT + 1)) ENTRY=$(basename "$START" .json) PREVIOUS= OF= RUN= CHAIN={says}
  while IFS= read -r LINE; do
    case $LINE in ' "previous": "'*) PREVIOUS=${{LINE#*: \\"}}; PREVIOUS=${{PREVIOUS%%\\"*}};;
      ' "run_id": "'*) RUN=${{LINE#*: \\"}}; RUN=${{RUN%%\\"*}};;
      ' "chain": "'*) CHAIN=${{LINE#*: \\"}}; CHAIN=${{CHAIN%%\\"*}};;{read_says}
      ' "previous_is": "start"'*) OF=start;; esac
  done < "$START"
  [ "$RUN" = "${{ENTRY#*-}}" ] || {{ echo "RENAMED: $START is of the run $RUN"; BAD=1; }}
  [ "$CHAIN" = "${{NAME:=$CHAIN}}" ] || {{ echo "ANOTHER CHAIN: $START is of $CHAIN"; BAD=1; }}
  case $ENTRY in "$(printf %04d "$COUNT")"-*) ;; *) echo "GAP: $ENTRY is number $COUNT of what is here"; BAD=1;; esac
  [ "$OF" = start ] && BEFORE=$BEGAN
  [ "$PREVIOUS" = "$BEFORE" ] || {{ echo "BROKEN CHAIN: $ENTRY does not follow what stands before it"; BAD=1; }}
{start_signature}  BEGAN=$(sha256sum < "$START"); BEGAN=${{BEGAN%% *}}
  if [ -f "$ENTRY/SHA256SUMS" ]; then BEFORE=$(sha256sum < "$ENTRY/SHA256SUMS") LAST=digest{bundle_signature}
  else
    if [ -e "$ENTRY" ]; then echo "EMPTIED: $ENTRY has no SHA256SUMS"
    else echo "NO RESULT: $ENTRY was started and has no bundle"; fi
    BAD=1 BEFORE=$BEGAN LAST="digest of its start record"
  fi
  BEFORE=${{BEFORE%% *}}
done
for BUNDLE in [0-9]*/; do
  [ ! -d starts ] || [ -e "starts/${{BUNDLE%/}}.json" ] || {{ echo "NO START: ${{BUNDLE%/}} has no start record"; BAD=1; }}
done
for REVIEW in reviews/*.json; do
  [ -f "$REVIEW" ] || continue
  CHAIN= OF= NUMBER= REVIEWED= HERE=
  while IFS= read -r LINE; do
    case $LINE in ' "chain": "'*) CHAIN=${{LINE#*: \\"}}; CHAIN=${{CHAIN%%\\"*}};;
      ' "sequence": '*) OF=${{LINE#*: }}; OF=${{OF%,}};;
      ' "number": '*) NUMBER=${{LINE#*: }}; NUMBER=${{NUMBER%,}};;
      ' "bundle": "'*) REVIEWED=${{LINE#*: \\"}}; REVIEWED=${{REVIEWED%%\\"*}};; esac
  done < "$REVIEW"
  case $OF in '' | 0* | *[!0-9]*) OF=0;; esac
  case $NUMBER in '' | 0* | *[!0-9]*) NUMBER=0;; esac
  OF=$(printf %04d "$OF")
  [ "$REVIEW" = "reviews/$OF-review-$NUMBER.json" ] && [ "$CHAIN" = "${{NAME:=$CHAIN}}" ] ||
    {{ echo "RENAMED: $REVIEW is the review $OF-review-$NUMBER of the chain $CHAIN"; BAD=1; }}
  for LIST in "$OF"-*/SHA256SUMS; do
    [ -f "$LIST" ] && DIGEST=$(sha256sum < "$LIST") && [ "${{DIGEST%% *}}" = "$REVIEWED" ] && HERE=1
  done
  [ -n "$HERE" ] || {{ echo "NO BUNDLE: $REVIEW is of a bundle $OF that is not here"; BAD=1; }}
  [ "$NUMBER" -le 1 ] || [ -e "reviews/$OF-review-$((NUMBER - 1)).json" ] ||
    {{ echo "GAP: reviews/$OF-review-$((NUMBER - 1)).json is not there, and a later one is"; BAD=1; }}{review_signature}
done
STAMPS=0
for FILE in * .[!.]* ..?* starts/* starts/.[!.]* starts/..?* reviews/* reviews/.[!.]* reviews/..?*; do
  case $FILE in
    .sealing-[0-9]*-* | starts/.[0-9]*-*.json* | reviews/.[0-9]*-*.json*)
      [ ! -L "$FILE" ] && case $FILE in .sealing-*) [ -d "$FILE" ];; *) [ -f "$FILE" ];; esac &&
        printf 'NOTE: %s was left by a process that was killed while it wrote\\n' "$FILE";;
    .* | */.*) [ ! -e "$FILE" ] && [ ! -L "$FILE" ];;
    starts | reviews | [0-9][0-9][0-9][0-9]*-*) [ -d "$FILE" ] && [ ! -L "$FILE" ];;
    */*.json) [ -f "$FILE" ] && [ ! -L "$FILE" ];;
    */*.json.sig | */*.json.sig.tsr) [ -f "$FILE" ] && [ ! -L "$FILE" ] && [ -f "${{FILE%.*}}" ] &&
      case $FILE in *.tsr) STAMPS=$((STAMPS + 1));; esac;;
    *) [ ! -e "$FILE" ] && [ ! -L "$FILE" ];;
  esac || {{
    if [ -L "$FILE" ]; then printf 'LINK: %s is a link, which may stand for any file\\n' "$FILE"
    else printf 'STRAY: %s is no part of the chain\\n' "$FILE"; fi
    BAD=1
  }}
done
[ "$STAMPS" = 0 ] || echo "NOTE: time stamps beside records, not verified here: $STAMPS (drills evidence verify --tsa-ca does)"
case $NAME in '' | "$(basename "$PWD")") ;; *) echo "NOTE: these are entries of the chain $NAME";; esac{note}
NUMBER=${{ENTRY%%-*}}
[ -z "$ENTRY" ] || echo "newest entry: number ${{NUMBER#"${{NUMBER%%[1-9]*}}"}}, $ENTRY, $LAST $BEFORE"
[ "$BAD" = 0 ] && echo "entries up to $ENTRY: $COUNT, none missing before it"
fi
```

`NO RESULT`: a drill was started and never told its result. `GAP`, `BROKEN CHAIN`: an entry was removed, put in between, or made
again. `STRAY`: do not read it. The newest entry has none behind it that would name it, so that nothing here shows that it was
removed: compare its line with what you were told, and keep it for the next time. This block looks at lists, signatures and
starts alone: the blocks before it are to be run in each bundle.
{unsigned}"""
# what the block on the chain has where the bundle is signed
_SIGNATURES = {
    "before": """\
signed() {
  SEALED=$1
  shift
  if [ -L "$SEALED.sig" ] || { [ -e "$SEALED.sig" ] && [ ! -f "$SEALED.sig" ]; }; then echo "NO FILE: $SEALED.sig"
  else
    for BY in "$@"; do
      openssl dgst -sha256 -verify "$BY" -signature "$SEALED.sig" "$SEALED" > /dev/null 2>&1 && return
    done
    if [ ! -e "$SEALED.sig" ]; then echo "UNSIGNED: $SEALED"
    elif openssl asn1parse -inform DER -in "$SEALED.sig" > /dev/null 2>&1; then echo "BAD SIGNATURE: $SEALED"
    else echo "DAMAGED: the signature of $SEALED is damaged"; fi
  fi
  BAD=1
}
REVIEWER_KEY=${REVIEWER_KEY:-$KEY}
case $REVIEWER_KEY in /*) ;; *) REVIEWER_KEY=$PWD/$REVIEWER_KEY;; esac
""",
    "counters": " SIGNED=0 UNSIGNED=0",
    "says": " SAYS=0",
    "read_says": """
      ' "unsigned_before": '*) SAYS=${LINE#*: }; SAYS=${SAYS%,};;""",
    "start_signature": """\
  if [ "$SIGNED" = 0 ] && [ ! -e "$START.sig" ]; then UNSIGNED=$COUNT
  else
    [ "$SIGNED" = 1 ] || [ "$SAYS" = "$UNSIGNED" ] ||
      { echo "UNSIGNED: $UNSIGNED before $START, which says $SAYS"; BAD=1; }
    SIGNED=1
    signed "$START" "$KEY"
  fi
""",
    "bundle_signature": """
    [ "$SIGNED" = 0 ] && [ ! -e "$ENTRY/SHA256SUMS.sig" ] || signed "$ENTRY/SHA256SUMS" "$KEY\"""",
    "review_signature": """
  signed "$REVIEW" "$KEY" "$REVIEWER_KEY\"""",
    "note": """
[ "$SIGNED" = 1 ] || [ "$COUNT" = 0 ] || { echo "UNSIGNED: no start record has a signature"; BAD=1; }
case $UNSIGNED in 0) ;; 1) echo "NOTE: the first entry is not signed";;
  *) echo "NOTE: the first $UNSIGNED entries are not signed";; esac""",
    "unsigned": """\
`NOTE: the first … not signed`: runs from before there was a key, as the first signed start says. Each review has to be signed,
those of such runs too. `REVIEWER_KEY` names the public key of a reviewer who signs with a key of their own.
""",
}
_STAMPED_BY = re.compile(r"^- A time stamp of (\S+) says ", re.MULTILINE)
_FINGERPRINT = re.compile(r"^  `([0-9a-f]{64})`\.$", re.MULTILINE)


def render(files: Collection[str], seal: Seal) -> str:
    """Return VERIFY.md of a bundle with these files. Steps that it has nothing for are left out."""
    signed = seal.signer is not None
    return _page(files, seal.fingerprint if signed else None, seal.stamp_url if signed and seal.stamp else None)


def is_as_rendered(text: str, files: Collection[str], fingerprint: str | None) -> bool:
    """Return whether VERIFY.md is the page that this version writes for a bundle with these files.

    `fingerprint` is that of the key that signed it; None where that is not known, and then that of the page is taken. The
    address of a time stamp's authority is the page's own.
    """
    by, said = _STAMPED_BY.search(text), _FINGERPRINT.search(text)
    return text == _page(files, (fingerprint or said[1]) if said else None, by[1] if by else None)


def _page(files: Collection[str], fingerprint: str | None, stamp_url: str | None) -> str:
    signed, stamped = fingerprint is not None, stamp_url is not None
    stamp = Template(_STAMPED).substitute(url=stamp_url) if stamped else _NOT_STAMPED
    about = _SIGNED.substitute(fingerprint=fingerprint, stamped=stamp) if signed else _UNSIGNED
    seals = ("SHA256SUMS", *(("SHA256SUMS.sig",) if signed else ()), *(("SHA256SUMS.sig.tsr",) if stamped else ()))
    steps = [
        *((_KEY, _SIGNATURE) if signed else ()),
        _FILES,
        _ADDED,
        *((_TIME,) if stamped else ()),
        *((_STARTED, _CHAIN) if START in files else ()),
    ]
    values = {"seals": " ".join(seals), "url": stamp_url or ""}
    values |= _SIGNATURES if signed else dict.fromkeys(_SIGNATURES, "")
    numbered = [step.format(number=number, **values) for number, step in enumerate(steps, 1)]
    return "\n".join([_HEAD.substitute(sealed=about), *numbered])
