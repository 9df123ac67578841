import logging
from collections.abc import Mapping
from typing import Any

from ldm.config import load_config
from ldm.config.published import FACES_SINCE, MOVED, PUBLISHED_KEYS, SINCE
from ldm.config.schema import complaint, signature_of
from ldm.util import get_obj_from_str
from main import main
from tests.config.things import problems
from tests.documents import PUBLISHED_TARGETS

HERE = __name__


class LatentDiffusion:
    def __init__(
        self, personalization_config: Mapping[str, Any], unet_config: Mapping[str, Any] | None = None
    ) -> None: ...


class EmbeddingManagerId:
    def __init__(self, momentum: float = 0.99) -> None: ...


class FaceIdDatasetOneShot:
    def __init__(self, num_ids: int = 1) -> None: ...


PUBLISHED = f"""
model:
  base_learning_rate: 5.0e-03
  target: {HERE}.LatentDiffusion
  params:
    linear_start: 0.00085
    num_timesteps_cond: 1
    unfreeze_model: False
    model_lr: 0.0
    first_stage_key: image
    personalization_config:
      target: {HERE}.EmbeddingManagerId
      params: {{momentum: 0.99, loss_type: 'none', meta_heads: 1}}
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params: {{model_channels: 320}}
data:
  target: main.DataModuleFromConfig
  params:
    batch_size: 2
    wrap: false
    train:
      target: {HERE}.FaceIdDatasetOneShot
      params: {{num_ids: 2, reg_ids: 1000, images_per_id: 1}}
"""


def test_published_keys_go_with_one_line_each(write, caplog):
    with caplog.at_level(logging.WARNING, "ldm.config"):
        config = load_config([write(PUBLISHED)])
    assert set(config.model.params) == {"personalization_config"}
    assert config.data.params.train.params == {"num_ids": 2}
    assert config.data.target == "ldm.data.module.DataModuleFromConfig"
    assert "data.params.train.params.reg_ids: left out: it never had an effect" in caplog.messages
    assert "model.params.linear_start: left out: it is read from the weights now" in caplog.messages
    assert "model.params.unet_config: left out: it is read from the weights now" in caplog.messages
    assert len(caplog.messages) == 13


def test_a_published_key_that_had_an_effect_is_an_error(write):
    text = PUBLISHED.replace("unfreeze_model: False", "unfreeze_model: True").replace("'none'", "cosine")
    found = problems(write(text))
    assert found[0].startswith("model.params.unfreeze_model: true given, false wanted, or leave it out: ")
    assert found[1].startswith('model.params.personalization_config.params.loss_type: "cosine" given, "none" wanted')


def test_published_keys_stay_where_a_constructor_has_them(write):
    text = PUBLISHED.replace("ldm.modules.diffusionmodules.openaimodel.UNetModel", "tests.config.things.Inner")
    config = load_config([write(text.replace("model_channels: 320", "size: 3"))])
    assert config.model.params.unet_config.params.size == 3


def test_the_table_says_why_for_every_key():
    for keys in PUBLISHED_KEYS.values():
        assert all(old.why for old in keys.values())


def test_the_table_names_classes_that_are_there_and_keys_that_are_not():
    targets = {target.rpartition(".")[2]: target for target in PUBLISHED_TARGETS}
    assert PUBLISHED_KEYS.keys() == targets.keys()
    for name, target in targets.items():
        taken = signature_of(get_obj_from_str(target)).parameters
        assert PUBLISHED_KEYS[name].keys() & taken.keys() == set(), f"{name} takes these again"
    for name, values in SINCE.items():
        parameters = signature_of(get_obj_from_str(targets[name])).parameters
        for key, value in values.items():
            assert complaint(parameters[key], value) is None
            assert parameters[key].default != value, "no difference"
    for target in MOVED.values():
        assert callable(get_obj_from_str(target))


OLD_FILE = """
model:
  base_learning_rate: 5.0e-03
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    linear_end: 0.0120
    num_timesteps_cond: 1
    log_every_t: 200
    timesteps: 1000
    first_stage_key: image
    cond_stage_key: caption
    image_size: 64
    channels: 4
    cond_stage_trainable: true
    conditioning_key: crossattn
    monitor: val/loss_simple_ema
    scale_factor: 0.18215
    use_ema: False
    embedding_reg_weight: 0.0
    unfreeze_model: False
    model_lr: 0.0
    personalization_config:
      target: ldm.modules.embedding_manager.EmbeddingManagerId
      params:
        placeholder_strings: ["sks", "ks", "ata", "tre", "ry", "bop", "rn", "&", "*", "`"]
        initializer_words: ["face", "face", "face", "face", "face", "face", "face", "face", "face", "face"]
        max_ids: 10
        num_embeds_per_token: 2
        meta_mlp_depth: 1
        loss_type: 'none'
        meta_inner_dim: 512
        meta_heads: 1
        use_rm_mlp: False
        test_mode: 'coefficient'
        momentum: 0.99
        save_fp16: False
    unet_config: {target: ldm.modules.diffusionmodules.openaimodel.UNetModel, params: {model_channels: 320}}
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params: {embed_dim: 4, monitor: val/rec_loss, ddconfig: {double_z: true}, lossconfig: {target: torch.nn.Identity}}
    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenCLIPEmbedder
      params:
        use_celeb: True
        use_svd: True
        rm_repeats: True
        celeb_txt: "./infer_images/wiki_names_v2.txt"
        n_components: 512
        use_sample_reduce: False
        n_samples: 513
        use_flatten: False
        num_embeds_per_token: 2
data:
  target: main.DataModuleFromConfig
  params:
    batch_size: 2
    num_workers: 8
    wrap: false
    train:
      target: ldm.data.face_id.FaceIdDatasetOneShot
      params:
        pickle_path: /somewhere/of/the/author.pickle
        split: train
        num_ids: 2
        specific_ids: [1, 2]
        images_per_id: 1
        repeats: 1000
        reg_ids: 1000
        reg_repeats: 0
        diff_cnt: 0
    validation:
      target: ldm.data.face_id.FaceIdDatasetOneShot
      params:
        pickle_path: /somewhere/of/the/author.pickle
        split: val
        num_ids: 1
        images_per_id: 1
        repeats: 1
        reg_repeats: 0
        diff_cnt: 0
lightning:
  modelcheckpoint: {params: {every_n_train_steps: 200}}
  callbacks:
    image_logger:
      target: main.ImageLogger
      params: {batch_frequency: 600, max_images: 8, increase_log_steps: False}
  trainer: {benchmark: True, max_steps: 800}
"""


WEIGHTS = "model.params.ckpt_path=weights/sd"
FACES_NOT_SAID = (
    "background: black, background_weight: 1.0, augmentation: published, captions: face, num_variants: 0, pair_p: 0.0"
)
NOT_SAID = (
    "not in this file, so our own values are used; the published ones, as in configs/stable-diffusion/aigc_id.yaml, "
    "are model.params (face_crop: published); model.params.personalization_config.params (coefficient_scale: unit); "
    f"data.params.train.params ({FACES_NOT_SAID}); data.params.validation.params ({FACES_NOT_SAID})"
)


def test_a_published_file_is_sound_with_warnings_only(write, capsys, caplog):
    """aigc_id.yaml of CelebBasis as it stands, given to main.py."""
    with caplog.at_level(logging.WARNING, "ldm.config"):
        assert main(["--base", str(write(OLD_FILE)), "--actual_resume", "weights/sd"]) == 0
    assert "The config is sound" in capsys.readouterr().out
    assert [message for message in caplog.messages if "left out" not in message and " now" not in message] == [NOT_SAID]
    for key in ("use_svd", "use_sample_reduce", "n_samples"):
        assert any(f"cond_stage_config.params.{key}: left out" in message for message in caplog.messages)


def test_what_it_says_is_kept(write):
    config = load_config([write(OLD_FILE)], [WEIGHTS])
    assert config.model.params.personalization_config.params.momentum == 0.99
    assert config.model.params.cond_stage_config.params == {
        "use_celeb": True, "rm_repeats": True, "celeb_txt": "./infer_images/wiki_names_v2.txt", "n_components": 512,
        "use_flatten": False, "num_embeds_per_token": 2,
    }  # fmt: skip
    assert config.data.params.train.params.specific_ids == [1, 2]
    assert config.lightning.callbacks.image_logger.target == "ldm.runs.callbacks.ImageLogger"


def test_what_a_file_says_itself_is_not_warned_of(write, caplog, root):
    ours = ("model.params.personalization_config.params.coefficient_scale=unit",)
    ours += ("model.params.face_crop=published",)
    for split in ("train", "validation"):
        ours += tuple(f"data.params.{split}.params.{key}={value}" for key, value in FACES_SINCE.items())
    with caplog.at_level(logging.WARNING, "ldm.config"):
        load_config([write(OLD_FILE)], [WEIGHTS, *ours])
        load_config([root / "configs" / "stable-diffusion" / "celeb_basis.yaml"])
    assert not any("our own values" in message for message in caplog.messages)


def test_thin_subclasses_of_the_data_set_are_the_data_set(write):
    config = load_config([write(OLD_FILE.replace("FaceIdDatasetOneShot", "FaceIdDatasetE4T"))], [WEIGHTS])
    assert config.data.params.train.target == "ldm.data.face_id.FaceIdDatasetOneShot"
