from pathlib import Path

import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from ldm.batch import Tokens
from ldm.modules.encoders.modules import FrozenCLIPEmbedder, edited_embeddings
from ldm.modules.placeholders import PromptTooLongError

PROMPTS = ["a photo of sks and ks", ""]


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(tiny_model / "tokenizer")


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> CLIPTextModel:
    return CLIPTextModel.from_pretrained(tiny_model / "text_encoder").eval()


@pytest.fixture(scope="module")
def embedder(tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> FrozenCLIPEmbedder:
    return FrozenCLIPEmbedder(tokenizer, encoder)


def hooks(encoder: CLIPTextModel) -> int:
    return len(encoder.get_input_embeddings()._forward_hooks)


def test_prompts_are_padded_to_the_length_of_the_model(embedder: FrozenCLIPEmbedder, tokenizer: CLIPTokenizer) -> None:
    tokens = embedder.tokenize(PROMPTS)
    assert tokens.ids.shape == tokens.slots.shape == (2, 32)
    assert (tokens.slots == -1).all()
    assert tokens.ids[1].tolist() == [tokenizer.bos_token_id] + 31 * [tokenizer.eos_token_id]
    with pytest.raises(PromptTooLongError, match="has 34 tokens with begin and end, the text encoder takes 32"):
        embedder.tokenize(["photo " * 32])


def test_the_context_is_the_last_hidden_state(embedder: FrozenCLIPEmbedder, encoder: CLIPTextModel) -> None:
    tokens = embedder.tokenize(PROMPTS)
    conditioning = embedder(tokens)
    with torch.no_grad():
        expected = encoder(tokens.ids)
    assert conditioning.context.equal(expected.last_hidden_state)
    assert conditioning.pooled is not None
    assert conditioning.pooled.equal(expected.pooler_output)
    assert conditioning.context.shape == (2, 32, 32)


def test_an_edit_sees_the_raw_token_vectors_and_replaces_them(
    embedder: FrozenCLIPEmbedder, encoder: CLIPTextModel
) -> None:
    tokens, seen = embedder.tokenize(PROMPTS), []

    def edit(ids: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        seen.append((ids, vectors))
        return encoder.get_input_embeddings().weight[torch.full_like(ids, 7)]

    edited = embedder(tokens, edit).context
    ((ids, vectors),) = seen
    assert ids.equal(tokens.ids)
    assert vectors.equal(encoder.get_input_embeddings().weight[tokens.ids])
    assert edited.equal(embedder(Tokens(torch.full_like(ids, 7), tokens.slots)).context)


def test_the_hook_is_gone_afterwards(embedder: FrozenCLIPEmbedder, encoder: CLIPTextModel) -> None:
    tokens = embedder.tokenize(PROMPTS)
    before = embedder(tokens).context
    embedder(tokens, lambda _ids, vectors: vectors * 0)
    assert hooks(encoder) == 0
    assert embedder(tokens).context.equal(before)


def test_the_hook_is_gone_after_an_error_too(embedder: FrozenCLIPEmbedder, encoder: CLIPTextModel) -> None:
    def fails(_ids: torch.Tensor, _vectors: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        embedder(embedder.tokenize(PROMPTS), fails)
    assert hooks(encoder) == 0


def test_the_hook_is_there_inside_the_block_only(encoder: CLIPTextModel) -> None:
    with edited_embeddings(encoder.get_input_embeddings(), lambda _ids, vectors: vectors):
        assert hooks(encoder) == 1
    assert hooks(encoder) == 0


def test_without_an_edit_there_is_no_hook(encoder: CLIPTextModel) -> None:
    with edited_embeddings(encoder.get_input_embeddings(), None):
        assert hooks(encoder) == 0


def test_the_basis_is_that_of_the_models_own_table(
    tokenizer: CLIPTokenizer, encoder: CLIPTextModel, tiny_model: Path, tmp_path: Path
) -> None:
    names = tiny_model / "names.txt"
    made = FrozenCLIPEmbedder(tokenizer, encoder, names, use_celeb=True).celeb_basis
    assert made is not None
    assert made.width == 32
    assert made.num_vectors == 2
    first = torch.stack([encoder.get_input_embeddings().weight[tokenizer(line.split()[0])["input_ids"][1]]
                         for line in names.read_text().splitlines()])  # fmt: skip
    torch.testing.assert_close(made.mean[0], first.mean(0).detach(), atol=1e-6, rtol=0)

    made.save(tmp_path / "basis.safetensors")
    stored = FrozenCLIPEmbedder(tokenizer, encoder, None, use_celeb=True, basis_file=tmp_path / "basis.safetensors")
    assert stored.celeb_basis is not None
    assert stored.celeb_basis.hash == made.hash


def test_a_list_of_ones_own_comes_before_the_models(
    tokenizer: CLIPTokenizer, encoder: CLIPTextModel, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "few.txt").write_text("tom hanks\nada lovelace\nalan turing\n")
    few = FrozenCLIPEmbedder(
        tokenizer, encoder, tiny_model / "names.txt", use_celeb=True, celeb_txt=tmp_path / "few.txt"
    ).celeb_basis
    assert few is not None
    assert few.num_components == 2


def test_without_any_list_the_key_is_named(tokenizer: CLIPTokenizer, encoder: CLIPTextModel) -> None:
    assert FrozenCLIPEmbedder(tokenizer, encoder, None).celeb_basis is None
    with pytest.raises(ValueError, match="use_celeb needs celeb_txt, a list of names the model knows"):
        FrozenCLIPEmbedder(tokenizer, encoder, None, use_celeb=True)


def test_nothing_is_in_its_state_but_the_encoder(
    tokenizer: CLIPTokenizer, encoder: CLIPTextModel, tiny_model: Path
) -> None:
    embedder = FrozenCLIPEmbedder(tokenizer, encoder, tiny_model / "names.txt", use_celeb=True)
    assert set(embedder.state_dict()) == {f"transformer.{name}" for name in encoder.state_dict()}


def test_a_config_for_wider_token_vectors_says_which_to_take(
    tokenizer: CLIPTokenizer, encoder: CLIPTextModel, tiny_model: Path
) -> None:
    with pytest.raises(ValueError, match=r"n_components is 512, but this model's token vectors have 32 .*celeb_basis"):
        FrozenCLIPEmbedder(tokenizer, encoder, tiny_model / "names.txt", use_celeb=True, n_components=512)
