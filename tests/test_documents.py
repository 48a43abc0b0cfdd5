"""Documents are tested: what they name exists, and what exists is named."""

import re
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*REPO.glob("*.md"), *REPO.glob("docs/**/*.md")])
MAKEFILE = (REPO / "Makefile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def described_targets() -> set[str]:
    """The targets that `make help` lists."""
    return set(re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE))


def dependency_names() -> list[str]:
    """Every package the project asks for by name: always, in an extra, or to develop."""
    project = PYPROJECT["project"]
    asked = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        asked += extra
    development = (REPO / "requirements" / "dev.in").read_text(encoding="utf-8").splitlines()
    asked += [line for line in development if line[:1].isalnum()]
    return sorted({re.split(r"[<>=;\[ ]", requirement)[0] for requirement in asked})


def test_make_help_lists_every_target() -> None:
    """A command nobody can find does not exist."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert described_targets() == set(phony[1].split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_exist(document: Path) -> None:
    """A reader can type every `make` command a document shows."""
    text = document.read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:`|^\$? *)make ([a-z-]+)", text, re.MULTILINE))
    assert shown <= described_targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    """A relative link names a file of this repository."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [
        t for t in targets if "://" not in t and not t.startswith("mailto:") and not (document.parent / t).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_hold_no_placeholder(document: Path) -> None:
    """What a document promises to show is there."""
    assert re.findall(r"^(?:[A-Z]+_[A-Z_]+|TBD|\.\.\.)$", document.read_text(encoding="utf-8"), re.MULTILINE) == []


@pytest.mark.parametrize("name", dependency_names())
def test_every_dependency_has_its_line(name: str) -> None:
    """CONTRIBUTING.md says what each dependency is for."""
    section = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    assert f"`{name}`" in section


def test_the_changelog_opens_with_this_version() -> None:
    """Whoever runs the daemon reads first about the version they run."""
    headings = re.findall(r"^## (\S+)", (REPO / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == PYPROJECT["project"]["version"]
