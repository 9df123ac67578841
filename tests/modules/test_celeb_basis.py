import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import CLIPTokenizer

from ldm.modules.celeb_basis import CelebBasis, basis_of_columns, build_celeb_basis

NAMES = "Tom Hanks\nAnne Hathaway\nBarack Obama\nElon Musk\nAda Lovelace\nMeryl Streep\nAnne Obama\n"


def table(rows: int, width: int) -> torch.Tensor:
    return 0.02 * torch.randn(rows, width, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def published(root: Path) -> CelebBasis:
    """The basis of the published list's token ids on random token vectors, with the published settings."""
    columns = json.loads((root / "tests/golden/clip_names.json").read_text())["wiki_names_v2.txt"]["columns"][:2]
    used = torch.tensor(sorted({i for column in columns for i in column["ids"]}))  # a small table will do
    ids = [torch.searchsorted(used, torch.tensor(column["ids"])) for column in columns]
    weighted = [i.repeat_interleave(torch.tensor(c["counts"])).tolist() for i, c in zip(ids, columns, strict=True)]
    return basis_of_columns(table(len(used), 768), weighted, 512)


@pytest.fixture
def names_file(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text(NAMES)
    return path


@pytest.fixture
def small(clip: CLIPTokenizer, names_file: Path) -> CelebBasis:
    return build_celeb_basis(table(49408, 8), clip, names_file)


def test_published_shapes_and_ranks(published: CelebBasis) -> None:
    legacy = published.to_legacy()
    assert legacy.shape == (2, 513, 768)
    assert legacy.numel() * 4 == 3_151_872
    assert published.origin.ranks == (408, 541)
    gram = published.axes @ published.axes.transpose(1, 2)
    torch.testing.assert_close(gram, torch.eye(512).expand(2, -1, -1), atol=1e-5, rtol=0)
    assert (published.names_scale()[0, 408:] == 0).all()
    assert (published.names_scale()[1] > 0).all()


def test_unit_coefficients_move_by_one(published: CelebBasis) -> None:
    coefficients = F.normalize(torch.randn(3, 2, 512, generator=torch.Generator().manual_seed(0)), dim=-1)
    distance = (published.vectors(coefficients) - published.mean).norm(dim=-1)
    torch.testing.assert_close(distance, torch.ones(3, 2), atol=1e-5, rtol=0)


def test_more_components_than_the_rank_are_kept_with_a_warning(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    basis = basis_of_columns(table(20, 16), [[1, 2, 3, 1, 2, 3], list(range(8))], 5)
    assert basis.axes.shape == (2, 5, 16)
    assert "n_components is 5, but the names span 2 directions at position 1: the last 3 axes" in caplog.text
    assert "position 2" not in caplog.text


def test_auto_takes_the_smaller_rank(caplog: pytest.LogCaptureFixture) -> None:
    basis = basis_of_columns(table(20, 16), [[1, 2, 3, 1, 2, 3], list(range(8))], "auto")
    assert basis.num_components == 2
    assert basis.origin.ranks == (2, 7)
    assert not caplog.records


def test_vectors_and_project_are_inverse(small: CelebBasis) -> None:
    coefficients = torch.randn(4, 3, 2, small.num_components)
    torch.testing.assert_close(small.project(small.vectors(coefficients)), coefficients, atol=1e-5, rtol=1e-5)
    assert small.vectors(torch.zeros(2, small.num_components)).equal(small.mean)


def test_a_name_of_the_list_is_in_the_basis(small: CelebBasis, clip: CLIPTokenizer) -> None:
    ids = clip("Anne Hathaway", add_special_tokens=False)["input_ids"]
    name = table(49408, 8)[ids]
    torch.testing.assert_close(small.vectors(small.project(name)), name, atol=1e-5, rtol=1e-4)


def test_autocast_leaves_the_vectors_exact(small: CelebBasis) -> None:
    coefficients = torch.randn(2, small.num_components)
    exact = small.vectors(coefficients)
    with torch.autocast("cpu", torch.bfloat16):
        assert small.vectors(coefficients).equal(exact)
        assert small.project(exact).dtype == torch.float32


def test_repeated_tokens_weigh_unless_taken_out(clip: CLIPTokenizer, names_file: Path) -> None:
    weighted = build_celeb_basis(table(49408, 8), clip, names_file)
    once = build_celeb_basis(table(49408, 8), clip, names_file, rm_token_repeats=True)
    assert weighted.origin.names_hash == once.origin.names_hash
    assert weighted.hash != once.hash
    assert weighted.origin.ranks == once.origin.ranks == (5, 5)


def test_flattened_basis_is_the_same_for_each_vector(clip: CLIPTokenizer, names_file: Path) -> None:
    basis = build_celeb_basis(table(49408, 16), clip, names_file, num_embeds_per_token=3, use_flatten=True)
    assert basis.axes.shape == (3, 12, 16)
    assert basis.axes[0].equal(basis.axes[2])
    assert basis.mean[0].equal(basis.mean[1])
    assert basis.origin.ranks == (12, 12, 12)


def test_impossible_components_name_the_numbers(clip: CLIPTokenizer, names_file: Path) -> None:
    with pytest.raises(ValueError, match="n_components is 9, but 7 name tokens of width 8 allow 1 to 7"):
        build_celeb_basis(table(49408, 8), clip, names_file, n_components=9)
    with pytest.raises(ValueError, match="n_components is 'all'; it takes a number or 'auto'"):
        build_celeb_basis(table(49408, 8), clip, names_file, n_components="all")  # type: ignore[arg-type]


def test_a_file_keeps_numbers_hash_and_origin(small: CelebBasis, tmp_path: Path) -> None:
    path = tmp_path / f"basis-{small.hash}.safetensors"
    small.save(path)
    back = CelebBasis.load(path)
    assert back.mean.equal(small.mean)
    assert back.axes.equal(small.axes)
    assert back.names_scale().equal(small.names_scale())
    assert (back.hash, back.origin) == (small.hash, small.origin)
    assert back.origin.options["n_components"] == "auto"
    assert list(tmp_path.glob("basis*")) == [path]


def test_legacy_layout_keeps_the_hash_but_not_the_scale(small: CelebBasis, tmp_path: Path) -> None:
    back = CelebBasis.from_legacy(small.to_legacy())
    assert back.hash == small.hash
    back.save(tmp_path / "old.safetensors")
    with pytest.raises(ValueError, match="does not hold the names' own scale: build it anew from celeb_txt"):
        CelebBasis.load(tmp_path / "old.safetensors").names_scale()


@pytest.mark.parametrize("tensor", [torch.zeros(513, 768), torch.ones(2, 4, 8)])
def test_what_is_no_legacy_basis_is_refused(tensor: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"legacy celeb basis (is \(E, 1 \+ K, D\)|are not orthonormal)"):
        CelebBasis.from_legacy(tensor)


def test_coefficients_of_another_basis_are_refused(small: CelebBasis) -> None:
    small.require(small.hash, "id_embedding_000.pt")
    with pytest.raises(ValueError, match=r"id_embedding_000\.pt belongs to basis 0123, but the basis here is"):
        small.require("0123", "id_embedding_000.pt")


def test_files_that_are_no_basis_are_refused(tmp_path: Path, small: CelebBasis) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors' is not there"):
        CelebBasis.load(tmp_path / "nothing.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a tensor file")
    with pytest.raises(ValueError, match=r"broken\.safetensors is not a readable \.safetensors file"):
        CelebBasis.load(broken)
    save_file({"weight": torch.zeros(2)}, broken)
    with pytest.raises(ValueError, match=r"is no celeb basis: it holds \['weight'\], not mean, axes and sigma"):
        CelebBasis.load(broken)
    small.hash = "f" * 16
    small.save(broken)
    with pytest.raises(ValueError, match=r"broken\.safetensors is damaged: its hash is \w+, its header says f+"):
        CelebBasis.load(broken)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"do not fit \(E, D\), \(E, K, D\) and \(E, K\)"):
        CelebBasis(torch.zeros(2, 8), torch.zeros(2, 3, 9), None)


def test_nothing_of_it_is_in_a_checkpoint(small: CelebBasis) -> None:
    assert not small.state_dict()
    assert not list(small.parameters())
