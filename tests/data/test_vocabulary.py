import json

import pytest
import torch
from transformers import CLIPTokenizer

from ldm.data.captions import PLAIN, PLAIN_PAIR
from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES
from ldm.data.vocabulary import byte_table, single_token_merges, words_of, write_tokenizer

PLACEHOLDERS = ["sks", "ks", "ata", "tre", "ry", "bop", "rn"]
ACCENTS = ["beyoncé", "björk", "renée", "gonzález", "françois", "søren", "čapek", "žižek", "łukasz", "müller", "ñ"]
# Words that contain one another, which is what a plain chain of merges gets wrong.
NESTED = ["anne", "hathaway", "hath", "away", "ann", "anna", "hanna", "johannes", "johan", "a", "aa", "aaa", "aaaa"]
PEOPLE = (
    "Abdul Majeed Shobokshi, Aaron Eckhart, AJ Cook, Alejandro González Iñárritu, Arnold Schwarzenegger, Bill Clinton, "
    "Colin Powell, Condoleezza Rice, George Bush, Gloria Macapagal Arroyo, Hugo Chavez, Jacques Chirac, Jiang Zemin, "
    "Juan Carlos Ferrero, Junichiro Koizumi, Lleyton Hewitt, Luiz Inacio Lula da Silva, Mahmoud Abbas, Megawati "
    "Sukarnoputri, Muhammad Saeed al Sahhaf, Recep Tayyip Erdogan, Rodrigo de la Cerna, Rosa Haywa de Condori, Saddam "
    "Hussein, Sergio Vieira De Mello, Silvio Berlusconi, Vicente Fox de la Concha, Wilbert Elki Meza Majino, Zico"
)


@pytest.fixture(scope="module")
def words(root):
    listed = (root / "infer_images/names.txt").read_text(encoding="utf-8")
    spoken = [*TEMPLATES, *DUAL_TEMPLATES, PLAIN, PLAIN_PAIR, PEOPLE, listed]
    every = dict.fromkeys([*PLACEHOLDERS, *ACCENTS, *NESTED, *(w for text in spoken for w in words_of(text))])
    return [word for word in every if words_of(word) == [word]][:1500]


@pytest.fixture(scope="module")
def folder(words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer") / "deep" / "er"
    write_tokenizer(folder, words, 24)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return CLIPTokenizer.from_pretrained(folder)


def pieces(tokenizer, text):
    return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_every_word_is_one_token_of_the_real_tokenizer(tokenizer, words):
    assert len(words) > 1000
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    assert [(word, pieces(tokenizer, word)) for word, one in zip(words, ids, strict=True) if len(one) != 1] == []
    assert len({one[0] for one in ids}) == len(words)


def test_words_stand_for_themselves_in_a_sentence_in_any_case(tokenizer):
    for name in PEOPLE.split(", "):
        words = [pieces(tokenizer, word) for word in words_of(name)]
        assert all(len(word) == 1 for word in words)
        cut = pieces(tokenizer, f"A photo of {name.upper()} and {name}, smiling")
        assert cut[3 : 3 + len(words)] == cut[4 + len(words) : 4 + 2 * len(words)] == [word for (word,) in words]


def test_another_word_ends_in_the_placeholders_piece(tokenizer):
    assert "flasks" not in tokenizer.get_vocab()
    assert pieces(tokenizer, "flasks")[-1] == "sks</w>"
    assert len(pieces(tokenizer, "flasks")) > 1
    assert pieces(tokenizer, "kiosks")[-1] in ("ks</w>", "sks</w>")


def test_placeholders_are_no_added_tokens(tokenizer):
    assert not set(PLACEHOLDERS) & set(tokenizer.get_added_vocab())


def test_begin_end_and_padding_are_as_in_clip(tokenizer):
    size = len(tokenizer)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (size - 2, size - 1, size - 1)
    assert tokenizer.model_max_length == 24
    ids = tokenizer("a photo of sks", padding="max_length", max_length=24)["input_ids"]
    assert (ids[0], ids[5:]) == (size - 2, [size - 1] * 19)
    assert sorted(tokenizer.get_vocab().values()) == list(range(size)), "a text encoder has a row for every id"


@pytest.mark.parametrize(
    "text",
    ["a photo of beyoncé and björk", "čapek , žižek & łukasz müller", "unknownword 42 !", "東京 の 写真", "o ' neal"],
)
def test_any_text_survives(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.eos_token_id not in ids, "there is a piece for every byte"
    assert "".join(tokenizer.decode(ids).split()) == "".join(text.split())


def test_composed_and_decomposed_accents_are_one_word(tokenizer):
    assert pieces(tokenizer, "beyonce\u0301") == pieces(tokenizer, "Beyoncé")
    assert len(pieces(tokenizer, "Beyoncé")) == 1


def test_the_folder_holds_what_every_reader_wants(folder, words):
    names = {path.name for path in folder.iterdir()}
    assert names >= {"vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json"}
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    assert merges[0].startswith("#version")
    assert len(vocabulary) == 512 + len({merge.replace(" ", "") for merge in merges[1:]}) + 2


def test_both_of_its_forms_cut_alike(folder, tokenizer, words, tmp_path):
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    plain = CLIPTokenizer.from_pretrained(tmp_path)
    texts = [*words, "flasks of a photo , kiosks !", "東京"]
    assert plain(texts)["input_ids"] == tokenizer(texts)["input_ids"]


def test_it_is_written_the_same_each_time(folder, words, tmp_path):
    write_tokenizer(tmp_path, words, 24)
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("word", ["jean-luc", "o'neal", "r2d2", "two words", "", "Upper"])
def test_what_is_no_single_word_is_refused(tmp_path, word):
    with pytest.raises(ValueError, match=rf"not single words to CLIP: ['\"]{word}['\"] \(1 in all\)"):
        write_tokenizer(tmp_path, ["fine", word], 24)
    assert list(tmp_path.iterdir()) == []


def test_words_are_cut_as_clip_cuts_them(tokenizer):
    texts = ["Jean-Luc Picard", "42nd street", "a_b", "(sks)", "Suh Young-hoon", "naïve Zoë", "hello,world!"]
    backend = tokenizer.backend_tokenizer
    for text in texts:
        normal = backend.normalizer.normalize_str(text)
        cut = [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(normal)]
        assert len(words_of(text)) == len(cut), text


def test_merges_are_made_in_the_order_of_the_words():
    assert single_token_merges(["ab", "abc"]) == [("a", "b</w>"), ("a", "b"), ("ab", "c</w>")]
    assert single_token_merges(["a"]) == []


def test_bytes_have_a_character_each():
    table = byte_table()
    assert len(set(table.values())) == 256
    assert (table[ord("a")], table[0], table[32]) == ("a", "Ā", "Ġ")  # GPT-2's own


def test_rows_of_a_text_encoder_fit(tokenizer):
    table = torch.nn.Embedding(len(tokenizer), 4)
    assert table(torch.tensor(tokenizer("a photo of flasks 東京")["input_ids"])).isfinite().all()
