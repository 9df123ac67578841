from collections import Counter

import pytest
from PIL import Image

from ldm.data.sources import celeba, lfw, read_sources
from ldm.data.splits import held_out_people
from tests.data.celeba_folder import write_csv, write_pictures

ROWS = {"b.jpg": ["Smiling", "Young"], "a.jpg": ["Male"]}
PEOPLE = {"b.jpg": ("12", 0), "a.jpg": ("13", 2)}


def write_celeba(folder):
    write_csv(folder / "attributes.csv", ROWS, PEOPLE)
    write_pictures(folder / "images", list(ROWS))


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2)).save(path)


@pytest.fixture
def lfw_folder(tmp_path):
    """100 people of four pictures, who are all held out, and one of 21."""
    for i in range(100):
        for n in range(4):
            (tmp_path / f"Per_Son{i:03d}").mkdir(exist_ok=True)
            (tmp_path / f"Per_Son{i:03d}" / f"Per_Son{i:03d}_{n:04d}.jpg").touch()
    for n in range(21):
        touch(tmp_path / "Anne_Marie_Beyoncé" / f"Anne_Marie_Beyoncé_{n:04d}.jpg")
    return tmp_path


def test_lfw_takes_names_from_folders(lfw_folder):
    sources = lfw(lfw_folder)
    assert len(sources) == 421
    known = [source for source in sources if source.row["split"] != "held_out"]
    assert {source.row["name"] for source in known} == {"Anne Marie Beyoncé"}
    assert sorted(source.row["split"] for source in known) == ["train"] * 14 + ["val"] * 7
    assert all(source.path.name == source.row["file"] and source.path.is_file() for source in sources)
    held = {source.row["name"].replace(" ", "_") for source in sources} - {"Anne_Marie_Beyoncé"}
    assert sorted(held) == held_out_people([source.path.parent.name for source in sources])


def test_celeba_takes_true_attributes_from_the_table(tmp_path):
    write_celeba(tmp_path)
    first, second = celeba(tmp_path)
    assert first.path == tmp_path / "images" / "b.jpg"
    assert first.row["attributes"] == ["Smiling", "Young"]
    assert (first.row["identity"], second.row["attributes"], second.row["split"]) == ("12", ["Male"], "test")


def test_several_sources_come_one_after_the_other(lfw_folder, tmp_path_factory):
    faces = tmp_path_factory.mktemp("celeba")
    write_celeba(faces)
    kinds = [source.row["source"] for source in read_sources({"celeba": faces, "lfw": lfw_folder})]
    assert kinds == ["celeba"] * 2 + ["lfw"] * 421


def test_folders_without_their_data_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no <First_Last>/\*\.jpg: is it LFW's folder\?"):
        lfw(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no table of attributes: CelebA needs one of"):
        celeba(tmp_path)


def test_celeba_split_the_legacy_way_needs_no_partition(tmp_path, caplog):
    rows = {f"{i}.jpg": [] for i in range(50)}
    write_csv(tmp_path / "list_attr_celeba.csv", rows)
    write_pictures(tmp_path / "img_align_celeba", list(rows))
    with pytest.raises(
        ValueError, match=r"put list_eval_partition\.txt beside the attributes, or split in the legacy way"
    ):
        celeba(tmp_path)
    splits = Counter(source.row["split"] for source in celeba(tmp_path, legacy=True))
    assert "no table says who is on 50 of 50 pictures" in caplog.text
    (tmp_path / "identity_CelebA.txt").write_text("".join(f"{i}.jpg {i // 2}\n" for i in range(50)))
    caplog.clear()
    of_person = {}
    for source in celeba(tmp_path, legacy=True):
        of_person.setdefault(source.row["identity"], set()).add(source.row["split"])
    assert {len(splits) for splits in of_person.values()} == {1}
    assert caplog.text == ""
    assert splits == {"vae_train": 14, "vae_val": 4, "vae_test": 2, "unet_train": 21, "unet_val": 6, "unet_test": 3}
