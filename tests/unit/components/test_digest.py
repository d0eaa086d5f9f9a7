from pathlib import Path

import pytest

from components.digest import IGNORED_NAMES, tree_digest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "first")


def make_tree(parent: Path) -> Path:
    root = parent / "image"
    (root / "src").mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM scratch\n")
    (root / "src" / "Main.java").write_text("class Main {}\n")
    return root


def test_a_digest_has_64_hexadecimal_characters(tree: Path) -> None:
    digest = tree_digest(tree)
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


def test_the_same_tree_in_another_folder_has_the_same_digest(tree: Path, tmp_path: Path) -> None:
    assert tree_digest(tree) == tree_digest(make_tree(tmp_path / "second"))


def test_a_changed_content_changes_the_digest(tree: Path) -> None:
    before = tree_digest(tree)
    (tree / "src" / "Main.java").write_text("class Main { }\n")
    assert tree_digest(tree) != before


def test_a_renamed_file_changes_the_digest(tree: Path) -> None:
    before = tree_digest(tree)
    (tree / "Dockerfile").rename(tree / "plugins.Dockerfile")
    assert tree_digest(tree) != before


def test_moving_text_from_one_file_to_the_next_changes_the_digest(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for root, a, b in ((first, "xy", "z"), (second, "x", "yz")):
        (root / "t").mkdir(parents=True)
        (root / "t" / "a").write_text(a)
        (root / "t" / "b").write_text(b)
    assert tree_digest(first / "t") != tree_digest(second / "t")


def test_the_executable_bit_counts_and_the_other_permissions_do_not(tree: Path) -> None:
    script = tree / "Dockerfile"
    script.chmod(0o644)
    before = tree_digest(tree)
    script.chmod(0o600)
    assert tree_digest(tree) == before
    script.chmod(0o755)
    assert tree_digest(tree) != before


@pytest.mark.parametrize("name", sorted(IGNORED_NAMES))
def test_what_a_build_leaves_behind_does_not_count(tree: Path, name: str) -> None:
    before = tree_digest(tree)
    (tree / "src" / name).mkdir()
    (tree / "src" / name / "left-over").write_text("x")
    assert tree_digest(tree) == before


def test_the_order_of_the_arguments_does_not_matter(tree: Path) -> None:
    a, b = tree / "Dockerfile", tree / "src"
    assert tree_digest(a, b) == tree_digest(b, a)
    assert tree_digest(a, b) != tree_digest(a)


def test_a_single_file_is_digested_by_its_name_and_content(tree: Path) -> None:
    copy = tree / "src" / "Dockerfile"
    copy.write_text((tree / "Dockerfile").read_text())
    assert tree_digest(copy) == tree_digest(tree / "Dockerfile")


def test_a_link_counts_as_the_name_it_points_to(tree: Path) -> None:
    (tree / "link").symlink_to("Dockerfile")
    before = tree_digest(tree)
    (tree / "link").unlink()
    (tree / "link").symlink_to("nowhere")
    assert tree_digest(tree) != before


def test_a_missing_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-folder"):
        tree_digest(tmp_path / "no-such-folder")


def test_no_path_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        tree_digest()
