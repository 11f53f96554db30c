import platform
import shutil
import subprocess
from importlib.metadata import version

import pytest

from hilum.runs import versions
from hilum.runs.version import read_commit

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on this machine")


def git(folder, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_versions_are_those_that_are_installed():
    found = versions()
    assert found["torch"] == version("torch")
    assert found["python"] == platform.python_version()
    assert set(found) == {"hilum", "torch", "numpy", "timm", "python", "commit"}


def test_a_package_that_is_absent_has_no_version(monkeypatch):
    monkeypatch.setattr("hilum.runs.version._PACKAGES", ("hilum", "no-such-package"))
    assert versions()["no-such-package"] == ""


@needs_git
def test_the_commit_is_git_s_own_answer(checkout):
    assert read_commit(checkout) == git(checkout, "rev-parse", "HEAD")


@needs_git
def test_packed_detached_and_work_tree(checkout, tmp_path):
    first = git(checkout, "rev-parse", "HEAD")
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git" / "refs" / "heads" / "main").exists()
    assert read_commit(checkout) == first
    git(checkout, "worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "-q", "--allow-empty", "-m", "two")
    assert read_commit(tmp_path / "tree") == git(tmp_path / "tree", "rev-parse", "HEAD") != first
    git(checkout, "checkout", "-q", "--detach")
    assert read_commit(checkout) == first


def test_where_there_is_no_checkout_there_is_no_commit(tmp_path):
    assert read_commit(tmp_path) == ""


def test_a_branch_without_commits_has_none(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    assert read_commit(tmp_path) == ""
    (tmp_path / ".git" / "packed-refs").write_text("# pack-refs with: peeled\n" + "a" * 40 + " refs/heads/other\n")
    assert read_commit(tmp_path) == ""
