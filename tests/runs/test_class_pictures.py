import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.class_pictures import ClassPictureError, ClassPictures
from ldm.runs.class_pictures import make_class_pictures, objection


class Pipeline:
    """Draws noise of the picture's generator; the blue tells which prompt it was."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.calls, self.drawn, self.fail_after = [], 0, fail_after

    def set_progress_bar_config(self, disable):
        assert disable

    def __call__(self, prompt, generator, **options):
        assert len(prompt) == len(generator) == len(options["negative_prompt"])
        self.drawn += len(prompt)
        if self.fail_after is not None and self.drawn > self.fail_after:
            raise KeyboardInterrupt
        self.calls.append(options)
        noise = [torch.randint(0, 255, (8, 8, 3), generator=one, dtype=torch.uint8) for one in generator]
        return SimpleNamespace(images=[Image.fromarray(one.numpy()) for one in noise])


class Faces:
    """Finds one face where the first pixel is bright, none elsewhere."""

    def faces(self, picture):
        points = np.array([[2, 2], [6, 2], [4, 4], [3, 6], [5, 6]], np.float32)
        return [SimpleNamespace(points=points)] * (np.asarray(picture)[0, 0, 0] // 100)


class Model:
    """What drawing asks of a model; ``trainer`` is (rank, world, barrier)."""

    def __init__(self, trainer=None) -> None:
        self.weights_folder, self.faces, self.training = Path("weights/embedded"), Faces(), True
        self.device, self._trainer = torch.device("cpu"), None
        if trainer:
            rank, world, barrier = trainer
            strategy = SimpleNamespace(root_device=self.device, barrier=barrier)
            self._trainer = SimpleNamespace(global_rank=rank, world_size=world, strategy=strategy)

    def to(self, device):
        return self

    def train(self, mode):
        self.training = mode


@pytest.fixture
def pipeline(monkeypatch):
    one = Pipeline()
    monkeypatch.setattr("ldm.models.diffusion.pipelines.PersonPipeline", SimpleNamespace(of=lambda *_: one))
    return one


def wanted(folder, **options):
    return ClassPictures(folder, "a photo of a person", **{"num": 7, "batch_size": 3, "min_sharpness": 0.0} | options)


def pictures(folder):
    return {path.name: Image.open(path).tobytes() for path in sorted(folder.glob("*.png"))}


def test_what_is_missing_is_drawn_with_its_settings(tmp_path, pipeline):
    make_class_pictures(Model(), wanted(tmp_path, negative_prompt="blurry", height=64, guidance_scale=3.0))
    assert list(pictures(tmp_path)) == [f"{n:05d}.png" for n in range(7)]
    assert [len(call["negative_prompt"]) for call in pipeline.calls] == [3, 3, 1]
    assert pipeline.calls[0]["negative_prompt"] == ["blurry"] * 3
    assert (pipeline.calls[0]["height"], pipeline.calls[0]["guidance_scale"]) == (64, 3.0)
    assert "blurry" in Image.open(tmp_path / "00000.png").text["ldm"]
    make_class_pictures(Model(), wanted(tmp_path, negative_prompt="blurry", height=64, guidance_scale=3.0))
    assert pipeline.drawn == 7, "nothing is drawn twice"
    with pytest.raises(ClassPictureError, match="negative_prompt: 'blurry', now 'sad'"):
        make_class_pictures(Model(), wanted(tmp_path, negative_prompt="sad"))


def test_own_pictures_count_and_keep_their_names(tmp_path, pipeline):
    for name in ("me.jpg", "00001.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    make_class_pictures(Model(), wanted(tmp_path, num=4))
    assert sorted(path.name for path in tmp_path.glob("*.*g")) == ["00000.png", "00001.png", "00002.png", "me.jpg"]
    assert Image.open(tmp_path / "00001.png").getextrema() == ((0, 0),) * 3


def test_too_few_with_generation_off(tmp_path, pipeline):
    with pytest.raises(ClassPictureError, match="holds 0 class pictures, 7 are wanted and generate is false"):
        make_class_pictures(Model(), wanted(tmp_path, generate=False))
    assert pipeline.drawn == 0


def test_a_start_that_was_stopped_goes_on(tmp_path, pipeline):
    make_class_pictures(Model(), wanted(tmp_path / "whole", faces="one"))
    pipeline.fail_after, pipeline.drawn = 7, 0
    model = Model()
    with pytest.raises(KeyboardInterrupt):
        make_class_pictures(model, wanted(tmp_path / "halves", faces="one"))
    assert model.training, "the model is as it was"
    before = len(pictures(tmp_path / "halves"))
    assert 0 < before < 7
    pipeline.fail_after = None
    make_class_pictures(Model(), wanted(tmp_path / "halves", faces="one"))
    both = [pictures(tmp_path / folder) for folder in ("whole", "halves")]
    first_seven = [dict(list(one.items())[:7]) for one in both]
    assert first_seven[0] == first_seven[1]


def test_several_processes_draw_the_pictures_that_one_draws(tmp_path, pipeline):
    make_class_pictures(Model(), wanted(tmp_path / "one", faces="one"))
    barrier = threading.Barrier(2)
    failures = []

    def process(rank):
        try:
            make_class_pictures(Model((rank, 2, barrier.wait)), wanted(tmp_path / "two", faces="one"))
        except BaseException as error:
            barrier.abort()
            failures.append(error)

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")


def test_pictures_without_exactly_one_face_are_put_aside(tmp_path, pipeline):
    make_class_pictures(Model(), wanted(tmp_path, faces="one"))
    assert len(pictures(tmp_path)) >= 7
    put_aside = [path.stem for path in (tmp_path / "rejected").glob("*.png")]
    assert {name.partition(" ")[2] for name in put_aside} == {"no face", "2 faces"}
    numbers = sorted(int(name[:5]) for name in [*put_aside, *(name for name in pictures(tmp_path))])
    assert numbers == list(range(len(numbers)))


def test_a_prompt_that_draws_no_faces_is_an_error_not_an_endless_loop(tmp_path, pipeline):
    model = Model()
    model.faces = SimpleNamespace(faces=lambda picture: [])
    with pytest.raises(ClassPictureError, match=r"of 35 pictures drawn for 'a photo of a person', 0 show exactly one"):
        make_class_pictures(model, wanted(tmp_path, faces="one"))


def test_a_soft_face_is_objected_to(astronaut):
    from ldm.faces.backend import load_backend

    faces = load_backend("yunet-sface")
    assert objection(astronaut, faces, 20.0) is None
    blurred = astronaut.resize((40, 40)).resize((512, 512), Image.Resampling.BICUBIC)
    assert objection(blurred, faces, 20.0) in ("soft face", "no face")
    assert objection(Image.new("RGB", (64, 64)), faces, 20.0) == "no face"


def command(model, folder, *more):
    root = Path(__file__).resolve().parents[2]
    return [
        "--base", str(root / "configs/stable-diffusion/dreambooth.yaml"), "-t", "-n", "db",
        "--actual_resume", str(model),
        "--data_root", str(folder / "photos"), "-l", str(folder / "logs"), "lightning.trainer.accelerator=cpu",
        "lightning.trainer.max_steps=2", "lightning.callbacks.image_logger.params.batch_frequency=1000",
        "model.params.face_backend=yunet-sface", "data.params.train.params.num_variants=2",
        f"data.params.train.params.class_config.params.folder={folder / 'class'}",
        "data.params.train.params.class_config.params.faces=any", "data.params.train.params.class_config.params.num=3",
        *more,
    ]  # fmt: skip


@pytest.fixture
def photos(tmp_path, astronaut, hopper):
    (tmp_path / "photos").mkdir()
    for number, photo in enumerate((astronaut, hopper)):
        photo.save(tmp_path / "photos" / f"{number}.jpg")
    return tmp_path


def test_dreambooth_from_photos_to_the_end(photos, tiny_model, caplog, capsys):
    from main import main

    assert main(command(tiny_model, photos)) == 0
    assert len(pictures(photos / "class")) == 3
    said = caplog.text + capsys.readouterr().err
    assert "instance pictures: 2" in said
    assert "class pictures: 3" in said
    assert "steps: 2 x 2 samples = each instance picture is seen 2.0 times on average" in said
    last = photos / "photos" / "broken.jpg"
    last.write_bytes(b"no picture")
    assert main(command(tiny_model, photos, "data.params.train.params.instance_prompt=a photo of a person")) == 1
    assert "no caption mentions the token 'sks'" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_share_the_drawing(photos, tiny_model):
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[2]
    options = command(tiny_model, photos, "lightning.trainer.devices=2")
    options.insert(2, str(root / "configs/strategy/ddp.yaml"))
    done = subprocess.run([sys.executable, "main.py", *options], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(pictures(photos / "class")) == 3
