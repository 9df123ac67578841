"""The demo's flow, with scripts that are stood in for: photos, commands, report, page."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from evaluation import demo as module
from evaluation.identity import FaceJudge
from evaluation.stages import StageError, Stages
from ldm.data.manifest import Record, write_manifest
from ldm.faces.align import ffhq_crop
from ldm.faces.detect import YuNet
from ldm.faces.encode import sface
from ldm.faces.model_files import YUNET, packaged
from ldm.faces.photos import list_photos, read_photo


@cache
def quick_judge() -> FaceJudge:
    """YuNet and SFace, without the second looks that make the points exact."""
    return FaceJudge(YuNet(packaged(YUNET), looks=0), sface())


@cache
def aligned_face(photo: str, side: int = 128) -> Image.Image:
    image = {"eileen_collins": collins, "grace_hopper": hopper}[photo]()
    return ffhq_crop(image, YuNet(packaged(YUNET))(np.asarray(image))[0].points, side)


def collins() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


def hopper() -> Image.Image:
    from matplotlib import cbook

    return read_photo(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


class StandIn(Stages):
    """Does in a second what the numbered scripts do in minutes: the aligned photo itself is what is "drawn"."""

    commands: list[list[str]] = []  # noqa: RUF012
    fails = ""

    def run(self, stage: str, command: Sequence[str | Path], env: Any = None) -> None:
        words = list(map(str, command))
        self.commands.append(words)
        if self.fails == stage:
            raise StageError(f"stage {stage} failed with exit code 1")
        self.seconds[stage] = self.seconds.get(stage, 0) + 2.0
        self.peak_rss_mb[stage] = 500.0
        {"align": self.align, "train": self.train, "generate": self.generate, "extract": lambda _: None}[stage](words)

    def align(self, words: list[str]) -> None:
        photos, out = map(Path, words[2:])
        out.mkdir(exist_ok=True)
        records = []
        for photo in list_photos(photos):
            aligned_face(photo.stem).save(out / f"{photo.stem}.png")
            source = Path("photos") / photo.name
            records.append(Record(Path("aligned") / f"{photo.stem}.png", photo.stem, source, encoder="sface"))
        write_manifest(out.with_suffix(".jsonl"), records)

    def train(self, words: list[str]) -> None:
        run = Path(words[words.index("-l") + 1]) / f"run{len(self.commands)}_celebbasis"
        with SummaryWriter(str(run / "tensorboard")) as writer:
            for step in range(20):
                writer.add_scalar("train/loss", 1 / (step + 1), step)
                writer.add_scalar("val/identity/eileen_collins", step / 20, step)

    def generate(self, words: list[str]) -> None:
        prompts, each = Path(words[3]).read_text().splitlines(), int(words[5])
        out = Path(words[words.index("--out") + 1])
        (out / "samples").mkdir(parents=True, exist_ok=True)
        aligned = {
            word: read_photo(path)
            for word, path in zip(("sks", "ks"), list_photos(out.parents[2] / "aligned"), strict=False)
        }
        mean = Image.blend(*(image.resize((64, 64)) for image in aligned.values()), 0.5)
        rows = []
        for prompt in prompts:
            named = [word.strip(",") for word in prompt.split() if word.strip(",") in aligned]
            for seed in range(42, 42 + each):
                shown = [mean] if "--mean" in words else [aligned[word] for word in named]
                picture = Image.new("RGB", (64 * len(shown), 64))
                for place, face in enumerate(shown):
                    picture.paste(face.resize((64, 64), Image.Resampling.LANCZOS), (64 * place, 0))
                pixels = np.asarray(picture).astype(int) + np.random.default_rng(seed).integers(-8, 8, (64, 1, 1))
                name = f"samples/{len(rows):04d}.png"
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out / name)
                rows.append({"file": name, "prompt": prompt, "seed": seed, "people": named})
        (out / "settings.json").write_text(json.dumps({"settings": {"seed": 42}, "samples": rows}))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    monkeypatch.setattr(module, "Stages", StandIn)
    monkeypatch.setattr(module, "load_judge", lambda name: quick_judge())
    monkeypatch.setattr(StandIn, "commands", [])
    monkeypatch.setenv("DEMO_SETUP_SECONDS", "85")
    return StandIn


def test_two_photographs_in_a_report_and_a_page_out(tmp_path: Path, stand_in: type[StandIn]) -> None:
    out = tmp_path / "demo"
    module.demo(out=out, judge="yunet-sface", pictures=4)

    found = json.loads((out / "report.json").read_text())
    assert found["model"] == "weights/embedded"
    assert found["judge"] == "yunet+sface"
    assert [person["photo"] for person in found["people"]] == ["photos/eileen_collins.png", "photos/grace_hopper.jpg"]
    for person in found["people"]:
        assert (person["n"], person["detected"]) == (4, 4)
        assert person["identity"] > person["identity_before"]
        assert person["identity"] > person["identity_other"]
        assert person["ci"][0] > 0
    assert found["pair"] == {"n": 4, "two_faces": 4, "assigned": 4}
    assert found["seconds"] == {"setup": 85.0, "align": 2.0, "train": 2.0, "generate": 4.0, "extract": 2.0}
    assert found["settings"]["conditioned_by"] == ["sface"]
    assert found["settings"]["judge_conditioned"] is True
    assert found["settings"]["generate"] == {"seed": 42}

    page = (out / "index.html").read_text()
    for words in ("Eileen Collins", "Grace Hopper", "its scores flatter", "training curve", "a photo of ks and sks"):
        assert words in page
    assert page.count("data:image/") > 4 * 3 * 2


def test_the_four_scripts_are_called_in_order(tmp_path: Path, stand_in: type[StandIn]) -> None:
    module.demo(out=tmp_path / "demo", judge="yunet-sface", pictures=2)
    scripts = ["00_align_face.sh", "01_start_train.sh", "02_start_test.sh", "02_start_test.sh", "03_extract.sh"]
    assert [command[1] for command in stand_in.commands] == scripts
    assert all((module.ROOT / script).is_file() for script in scripts)
    learned, mean = (command for command in stand_in.commands if "02" in command[1])
    assert "--mean" in mean
    assert "--mean" not in learned
    prompts = next(tmp_path.rglob("learned_prompts.txt")).read_text().splitlines()
    assert len(prompts) == 6
    assert set(next(tmp_path.rglob("mean_prompts.txt")).read_text().splitlines()) < set(prompts)


def test_again_adds_a_run_and_wipes_nothing(tmp_path: Path, stand_in: type[StandIn]) -> None:
    out = tmp_path / "demo"
    module.demo(out=out, judge="yunet-sface", pictures=2)
    (out / "mine.txt").write_text("kept")
    first = json.loads((out / "report.json").read_text())["settings"]["run"]
    module.demo(out=out, judge="yunet-sface", pictures=2)
    second = json.loads((out / "report.json").read_text())["settings"]["run"]
    assert first != second
    assert Path(first).is_dir()
    assert (out / "mine.txt").read_text() == "kept"


def test_a_stage_that_fails_stops_the_demo(
    tmp_path: Path, stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in, "fails", "train")
    with pytest.raises(StageError, match="stage train failed"):
        module.demo(out=tmp_path / "demo", judge="yunet-sface")
    assert not (tmp_path / "demo/report.json").exists()


def test_an_unmeasured_judge_is_refused_before_anything_runs(
    tmp_path: Path, stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch, colour_judge
) -> None:
    monkeypatch.setattr(module, "load_judge", lambda name: colour_judge)
    with pytest.raises(LookupError, match="no measured percentile"):
        module.demo(out=tmp_path / "demo")
    assert stand_in.commands == []


@pytest.mark.parametrize(("said", "seconds"), [("85", 85.0), ("", 0.0), ("a while", 0.0)])
def test_setup_seconds(said: str, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_SETUP_SECONDS", raising=False)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert module.setup_seconds() == 0.0
    (tmp_path / ".setup-done").write_text(said + "\n")
    assert module.setup_seconds() == seconds


@pytest.mark.slow
def test_the_real_scripts_on_a_tiny_model(tmp_path: Path, tiny_model: Path) -> None:
    """Every stage for real, on random weights: no face is drawn, which is reported and is no failure."""
    out = tmp_path / "demo"
    short = ["lightning.trainer.max_steps=10", "lightning.modelcheckpoint.params.every_n_train_steps=5"]
    module.demo(out=out, sd=tiny_model, judge="yunet-sface", pictures=4, overrides=short)
    found = json.loads((out / "report.json").read_text())
    for person in found["people"]:
        assert person["n"] == 4
        assert person["detected"] < 4
        assert -0.2 < person["identity"] < 0.3
    assert found["pair"]["n"] == 4
    assert all(found["seconds"][stage] > 0 for stage in ("align", "train", "generate", "extract"))
    assert all(100 < found["peak_rss_mb"][stage] < 8000 for stage in ("align", "train", "generate", "extract"))
    assert found["settings"]["generate"]["num_inference_steps"] == 4
    assert any((out / "weights").rglob("*.safetensors"))
    page = (out / "index.html").read_text()
    assert "training curve" in page
    assert "no face" in page
