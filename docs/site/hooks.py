"""What mkdocs does not do by itself: the navigation of docs/README.md, and links of pages to files outside of docs/."""

from __future__ import annotations

import html
import re
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel

from docs.site.layout import anchor, elsewhere, for_site, is_document, navigation, site_path
from tests.documents.pages import to_copy

# what a search finds last: what explains goes before
LAST = ("reference/", "runbook", "detection", "mutants", "reliability")
CONSOLE = '<div class="language-console highlight"'
SHORT = re.compile(r"<code>([^<]{1,24})</code>")  # code that is kept on one line: an option breaks at its hyphens else


def on_config(config: Any) -> Any:
    """Take the navigation from docs/README.md, and anchors as the forge has them."""
    config.nav = navigation()
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": anchor}
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are no files of docs/. A document must be in the navigation, a listing of code need not."""
    if own := files.get_file_from_path("README.md"):
        files.remove(own)
    for path, text in elsewhere().items():
        inclusion = InclusionLevel.INCLUDED if is_document(path) else InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, site_path(path), content=text, inclusion=inclusion))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead the links of a file of docs/ to the pages of the site; the others were led there when they were added."""
    if page.file.src_uri.startswith(LAST):
        page.meta["search"] = {"boost": 0.5}
    return markdown if page.file.generated_by else for_site(markdown, f"docs/{page.file.src_uri}")


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Let the button of a console block copy its commands alone: here-documents too, and neither prompts nor output."""
    first, *others = content.split(CONSOLE)
    commands = to_copy(page.markdown)
    if len(commands) != len(others):
        raise PluginError(f"{page.file.src_uri}: {len(commands)} console blocks, shown as {len(others)}")
    blocks = [
        f'{CONSOLE} data-copy="{html.escape(copied)}"{rest}' for copied, rest in zip(commands, others, strict=True)
    ]
    return SHORT.sub(r'<code class="short">\1</code>', "".join([first, *blocks]))
