import re

import pytest

from ldm.config import ConfigError, load_config
from ldm.data.several import SeveralPictures
from tests.data.training import Tools, photos


def part(folder, **options):
    params = {"folder": str(folder), "num_variants": 0} | options
    return {"target": "ldm.data.instances.InstancePictures", "params": params}


@pytest.fixture
def parts(tmp_path):
    photos(tmp_path / "anna", "a.png", "b.png")
    photos(tmp_path / "bert", "c.png")
    photos(tmp_path / "class", "0.png", "1.png")
    node = {
        "target": "ldm.data.class_pictures.ClassPictures",
        "params": {"folder": str(tmp_path / "class"), "prompt": "a photo of a man", "num": 2},
    }
    return [
        part(tmp_path / "anna", instance_prompt="a photo of sks", repeats=2, mask="face"),
        part(tmp_path / "bert", instance_prompt="a photo of ks", class_config=node),
    ]


def test_each_person_has_own_photos_prompts_and_class(parts):
    dataset = SeveralPictures(parts, Tools())
    assert len(dataset) == 5
    said = [[sample["caption"] for sample in dataset[n]] for n in range(5)]
    assert said == [["a photo of sks"]] * 4 + [["a photo of ks", "a photo of a man"]]
    about = dataset.about()
    assert (about["instance pictures"], about["class pictures"]) == (3, 2)
    assert about["sizes"] == {"32 x 32": 5}


def test_a_batch_mixes_them(parts):
    dataset = SeveralPictures(parts, Tools())
    batch = dataset.collate([dataset[0], dataset[4]])
    assert batch["is_prior"].tolist() == [False, False, True]
    assert batch["loss_weight"].shape == (3, 1, 32, 32), "those without a mask count everywhere"


def test_groups_go_over_all_parts(parts):
    for one in parts:
        one["params"]["buckets"] = True
    assert len(SeveralPictures(parts, Tools()).groups) == 5


def test_parts_that_cannot_share_a_batch_are_refused(parts):
    parts[0]["params"]["num_variants"] = 2
    with pytest.raises(ValueError, match="some parts have num_variants: 0 and some have not"):
        SeveralPictures(parts, Tools())
    parts[0]["params"] |= {"num_variants": 0, "height": 40}
    with pytest.raises(ValueError, match="differ in the sizes of their pictures"):
        SeveralPictures(parts, Tools())


def test_the_example_of_the_document_is_a_sound_config(root, tmp_path, monkeypatch):
    text = (root / "docs" / "training_data.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "two.yaml").write_text(f"base: {root.as_posix()}/configs/stable-diffusion/dreambooth.yaml\n{example}")
    monkeypatch.chdir(root)
    config = load_config([tmp_path / "two.yaml"])
    assert [part["params"]["token"] for part in config.data.params.train.params.parts] == ["sks", "ks"]
    (tmp_path / "two.yaml").write_text(example.replace("token: ks", "tokn: ks"))
    with pytest.raises(ConfigError, match=r"parts\[1\]\.params\.tokn: InstancePictures has no such parameter"):
        load_config([tmp_path / "two.yaml"])
