import enum
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import torch
from omegaconf import OmegaConf
from pydantic import Field
from torch import nn

from ldm.config import ConfigError, Injected, load_config, split_lightning, to_yaml
from ldm.config.published import PUBLISHED_KEYS

HERE = __name__


class Colour(enum.Enum):
    RED = "red"


class Inner:
    def __init__(self, size: Annotated[int, Field(gt=0, le=10)], rate: float = 0.1) -> None: ...


class Other:
    def __init__(self, words: Sequence[str] = ()) -> None: ...


class Model:
    def __init__(
        self,
        inner_config: Mapping[str, Any],
        width: Injected[int],
        encoder: nn.Module,
        weights: Path = Path("weights"),
        split: Literal["train", "val"] = "train",
        pair: tuple[int, int] = (1, 2),
        colour: Colour | None = None,
        nodes: Sequence[Mapping[str, Any]] = (),
        flag: bool = False,
        momentum: Annotated[float, Field(ge=0, lt=1)] | None = None,
        steps: int | Literal["auto"] = "auto",
        optional_encoder: nn.Module | None = None,
    ) -> None: ...


def function(size: int) -> int:
    return size


GOOD = f"""
model:
  target: {HERE}.Model
  base_learning_rate: 1.0e-3
  params:
    inner_config: {{target: {HERE}.Inner, params: {{size: 3}}}}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "a.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def problems(path: Path | list[Path], *overrides: str, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config([path] if isinstance(path, Path) else path, overrides, **options)
    return caught.value.problems


def test_what_is_right_is_kept_as_written(write):
    config = load_config([write(GOOD)], ["model.params.pair=[3,4]", "model.params.weights=a=b", "model.params.steps=7"])
    assert config.model.params.pair == [3, 4]
    assert config.model.params.weights == "a=b"
    assert config.model.params.inner_config.params.size == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("momentum", "0"),
        ("momentum", "null"),
        ("steps", "auto"),
        ("colour", "red"),
        ("flag", "true"),
        ("inner_config.params.rate", "1"),
        ("inner_config.params.rate", "1e-3"),
    ],
)
def test_a_value_that_fits_is_accepted(write, key, value):
    load_config([write(GOOD)], [f"model.params.{key}={value}"])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (
            "inner_config.params.size",
            "'8'",
            '"8" given, a whole number greater than 0 and at most 10 wanted: write 8 without',
        ),
        ("inner_config.params.size", "true", "true given, a whole number greater than 0"),
        ("inner_config.params.size", "3.0", "3.0 given, a whole number"),
        ("inner_config.params.size", "0", "0 given, a whole number greater than 0 and at most 10 wanted"),
        ("inner_config.params.size", "null", "null given, a whole number"),
        ("inner_config.params.rate", "fast", '"fast" given, a number wanted'),
        ("split", "trian", "\"trian\" given, one of 'train', 'val' wanted (did you mean 'train'?)"),
        ("pair", "[1,2,3]", "[1, 2, 3] given, a list of 2: a whole number, a whole number wanted"),
        ("pair", "3", "3 given, a list of 2"),
        ("colour", "blue", "\"blue\" given, 'red' or null wanted"),
        ("flag", "1", "1 given, true or false wanted"),
        ("momentum", "1", "1 given, a number at least 0 and less than 1 or null wanted"),
        ("steps", "many", "\"many\" given, 'auto' or a whole number wanted"),
        ("weights", "3", "3 given, a path wanted"),
        ("nodes", "{a: 1}", '{"a": 1} given, a list, each a mapping wanted'),
        ("encoder", "x", "Model is handed this by its owner; it cannot be written in YAML"),
        ("optional_encoder", "x", "Model is handed this by its owner"),
        ("width", "3", "Model is handed this by its owner"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(write, key, value, words):
    (problem,) = problems(write(GOOD), f"model.params.{key}={value}")
    assert problem.startswith(f"model.params.{key}: {words}")


def test_an_unknown_parameter_says_what_there_is(write):
    (problem,) = problems(write(GOOD), "model.params.inner_config.params.raet=1")
    assert problem == (
        "model.params.inner_config.params.raet: Inner has no such parameter (did you mean 'rate'?); it takes size, rate"
    )


def test_a_missing_parameter(write):
    (problem,) = problems(write(GOOD.replace("size: 3", "rate: 3")))
    assert problem == "model.params.inner_config.params.size: missing; Inner needs it"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (f"{HERE}.Inne", f"'{HERE}.Inne': module '{HERE}' has no 'Inne' (did you mean '{HERE}.Inner'?)"),
        ("ldm.utill.X", "'ldm.utill.X': there is no module 'ldm.utill' (did you mean 'ldm.util'?)"),
        ("Inner", "'Inner' is not a dotted path: write 'package.module.Name'"),
        ("3", "3 given, the dotted path of a class wanted: package.module.Name"),
        (f"{HERE}.HERE", f"{HERE}.HERE is a str, not a class or a function"),
    ],
)
def test_a_target_that_leads_nowhere(write, target, words):
    found = problems(write(GOOD.replace(f"{HERE}.Inner", target)))
    assert found[0] == f"model.params.inner_config.target: {words}"


def test_a_node_without_its_words(write):
    assert problems(write(GOOD.replace("{target:", "{taget:"))) == [
        "model.params.inner_config.taget: no such key (did you mean 'target'?); there are target, params",
        "model.params.inner_config.target: missing, the dotted path of a class wanted: package.module.Name",
    ]
    assert problems(write(GOOD.replace("params: {size: 3}", "params: 3"))) == [
        f"model.params.inner_config.params: 3 given, the arguments of {HERE}.Inner wanted"
    ]
    assert problems(write("model: 3")) == ["model: 3 given, a mapping with 'target' and 'params' wanted"]


def test_nodes_in_lists_are_checked(write):
    (problem,) = problems(write(GOOD), f"model.params.nodes=[{{target: {HERE}.Inner, params: {{size: 0}}}}]")
    assert problem.startswith("model.params.nodes[0].params.size: 0 given")


def test_all_problems_come_at_once(write):
    text = GOOD.replace("size: 3", "size: -3, typo: 1").replace("1.0e-3", "-1") + "daat: 3\nlightning:\n  trainr: 3\n"
    found = problems(write(text), "model.params.flag=maybe", "nonsense", "model.params.split=${nope}")
    assert [problem.partition(":")[0] for problem in found] == [
        "override 'nonsense'",
        "model.params.split",
        "daat",
        "model.base_learning_rate",
        "model.params.flag",
        "model.params.inner_config.params.size",
        "model.params.inner_config.params.typo",
        "lightning.trainr",
    ]


def test_the_error_names_the_files_and_counts(write):
    with pytest.raises(
        ConfigError, match=r"^2 problems in the config .*a\.yaml\n  daat: no such key .*'data'\?\); there are"
    ):
        load_config([write(GOOD + "daat: 3")], ["model.params.flag=3"])


def test_required_keys(write):
    assert problems(write(GOOD), required=("model", "data")) == ["data: missing; the config needs this key at the top"]


def test_files_merge_left_to_right_then_extra_then_overrides(write):
    second = write("model: {params: {flag: true, pair: [5, 6], split: val}}", "b.yaml")
    extra = {"model": {"params": {"pair": [7, 8], "split": "train"}}}
    params = load_config([write(GOOD), second], ["model.params.split=val"], extra).model.params
    assert (params.flag, list(params.pair), params.split) == (True, [7, 8], "val")


def test_base_is_relative_to_the_file(write, tmp_path):
    write(GOOD)
    (tmp_path / "sub").mkdir()
    child = write("base: ../a.yaml\nmodel: {params: {flag: true}}", "sub/b.yaml")
    config = load_config([child])
    assert config.model.params.flag
    assert config.model.params.inner_config.params.size == 3
    assert "base" not in config


def test_bases_in_a_ring(write):
    first = write("base: b.yaml")
    write("base: a.yaml", "b.yaml")
    (problem,) = problems(first)
    assert problem.endswith("base: the files name each other in a ring: a.yaml -> b.yaml -> a.yaml")


def test_a_base_that_is_missing_is_named_by_its_own_path(write):
    write("", "v1.yaml")
    (problem,) = problems(write("base: v2.yaml"))
    assert problem.endswith("v2.yaml: no such file (did you mean 'v1.yaml'?)")


def test_a_changed_target_starts_anew(write):
    second = write(f"model: {{params: {{inner_config: {{target: {HERE}.Other, params: {{words: [a]}}}}}}}}", "b.yaml")
    assert load_config([write(GOOD), second]).model.params.inner_config.params == {"words": ["a"]}
    overrides = ["model.params.inner_config.params.words=[b]", f"model.params.inner_config.target={HERE}.Other"]
    assert load_config([write(GOOD)], overrides).model.params.inner_config.params == {"words": ["b"]}


def test_interpolation_reaches_across_files(write):
    second = write("model: {params: {pair: ['${model.params.inner_config.params.size}', 4]}}", "b.yaml")
    assert load_config([write(GOOD), second]).model.params.pair == [3, 4]


def test_interpolation_to_nothing_says_where_and_what_is_near(write):
    (problem,) = problems(write(GOOD), "model.params.steps=${model.params.inner_config.params.sise}")
    assert problem.startswith("model.params.steps: Interpolation key 'model.params.inner_config.params.sise' not found")
    assert problem.endswith("(did you mean 'model.params.inner_config.params.size'?)")


@pytest.mark.parametrize(
    ("nodes", "pair", "words"),
    [
        ("${model.params.pair}", "${model.params.nodes}", "Recursive interpolation detected"),
        ("[{a: '${model.params}'}]", "[1, 2]", "Interpolation to parent node detected"),
        ("[{a: '${model.params.pair}'}]", "[{b: '${model.params.nodes}'}]", "the interpolations go round in a ring"),
    ],
)
def test_interpolations_in_a_ring(write, nodes, pair, words):
    found = problems(write(GOOD), f"model.params.nodes={nodes}", f"model.params.pair={pair}")
    assert any(words in problem for problem in found)
    assert all(len(problem) < 160 for problem in found)


def test_a_mandatory_value(write):
    (problem,) = problems(write(GOOD), "model.params.steps=???")
    assert problem == "model.params.steps: a value must be given here (the file says '???')"


def test_a_yaml_error_has_its_line(write):
    (problem,) = problems(write("model:\n  target: x\n  params: [1,\n"))
    assert problem.startswith(str(write("model: [")) + ", line ")
    (problem,) = problems(write("model: 1\nmodel: 2\n"))
    assert ", line 2, column 1: not valid YAML: found duplicate key" in problem


def test_files_that_are_not_there(write, tmp_path):
    write(GOOD, "celeb_basis.yaml")
    assert problems(tmp_path / "celebbasis.yaml")[0].endswith("no such file (did you mean 'celeb_basis.yaml'?)")
    assert problems(tmp_path / "x.yaml")[0].endswith(f"no such file; {tmp_path} has celeb_basis.yaml")
    assert "the folder" in problems(tmp_path / "no" / "x.yaml")[0]
    assert "this is a folder" in problems(tmp_path)[0]
    assert len(problems([tmp_path / "x.yaml", tmp_path / "y.yaml"])) == 2


def test_files_that_are_not_a_config(write, tmp_path):
    assert "holds a list, not keys" in problems(write("- 1"))[0]
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00a: \x00")
    assert "not valid YAML" in problems(tmp_path / "b.yaml")[0]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.params.flag", "write key=value, for example data.params.batch_size=1"),
        ("=3", "write key=value"),
        ("model..x=3", "write key=value"),
        ("model.params.pair=[1,", "'[1,' is not a YAML value"),
        ("model.params.pair[7]=3", "cannot be set: "),
    ],
)
def test_overrides_that_cannot_be_read(write, override, words):
    (problem,) = problems(write(GOOD + "    pair: [1, 2]\n"), override)
    assert problem.startswith(f"override {override!r}: {words}")


def test_an_override_reaches_into_a_list(write):
    config = load_config([write(GOOD + "    pair: [1, 2]\n")], ["model.params.pair[1]=5"])
    assert config.model.params.pair == [1, 5]


def test_functions_and_other_packages_are_checked_as_far_as_they_say(write):
    def node(target: str, params: str) -> Path:
        return write(GOOD.replace(f"{HERE}.Inner", target).replace("{size: 3}", params))

    load_config([node(f"{HERE}.function", "{size: 3}")])
    assert problems(node(f"{HERE}.function", "{size: a}"))[0].endswith('"a" given, a whole number wanted')
    load_config([node("torch.optim.AdamW", "{lr: 1.0e-3, betas: [0.9, 0.99]}")])
    assert "AdamW has no such parameter (did you mean 'lr'?)" in problems(node("torch.optim.AdamW", "{lrr: 1}"))[0]
    assert '"x" given, a number wanted' in problems(node("torch.optim.AdamW", "{lr: x}"))[0]
    load_config([node("diffusers.UNet2DConditionModel", "{attention_head_dim: [5, 10, 20, 20], sample_size: 16}")])
    assert "has no such parameter" in problems(node("diffusers.UNet2DConditionModel", "{sample_sise: 16}"))[0]
    load_config([node("torch.nn.Identity", "{anything: 1}")])


def test_lightning_is_checked_against_the_trainer(write):
    good = "lightning:\n  trainer: {max_steps: 3, benchmark: true, devices: [0], precision: bf16-mixed}\n"
    load_config([write(GOOD + good + "  modelcheckpoint: {params: {every_n_train_steps: 3}}\n")])
    found = problems(write(GOOD + "lightning: {trainer: {max_step: 3}, modelcheckpoint: {params: {every: 3}}}"))
    assert found[0] == "lightning.trainer.max_step: Trainer has no such parameter (did you mean 'max_steps'?)"
    assert found[1].startswith("lightning.modelcheckpoint.params.every: CheckpointEvery has no such parameter")
    assert problems(write(GOOD + "lightning: 3")) == [
        "lightning: 3 given, a mapping wanted: trainer, strategy, callbacks, modelcheckpoint, logger, wandb"
    ]


def test_the_parts_of_lightning(write):
    load_config(
        [write(GOOD)], ["lightning.logger=wandb", "lightning.wandb.tags=[a]", "lightning.trainer.precision=auto"]
    )
    found = problems(
        write(GOOD),
        "lightning.logger=wandbb",
        "lightning.wandb={tag: a, run: x}",
        "lightning.trainer.precision=32-mixed",
        "lightning.callbacks=3",
        "lightning.modelcheckpoint.monitor=x",
        "lightning.strategy=ddp",
    )
    assert [problem.partition(":")[0] for problem in found] == [
        "lightning.callbacks",
        "lightning.trainer.precision",
        "lightning.modelcheckpoint.monitor",
        "lightning.wandb.tag",
        "lightning.wandb.run",
        "lightning.strategy",
        "lightning.logger",
    ]
    assert found[1].startswith("lightning.trainer.precision: \"32-mixed\" given, one of 'auto', 64, 32, 16")
    assert found[-1].endswith("\"wandbb\" given, one of 'tensorboard', 'wandb' or null wanted (did you mean 'wandb'?)")


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
    assert len(caplog.messages) == 12


def test_a_published_key_that_had_an_effect_is_an_error(write):
    text = PUBLISHED.replace("unfreeze_model: False", "unfreeze_model: True").replace("'none'", "cosine")
    found = problems(write(text))
    assert found[0].startswith("model.params.unfreeze_model: true given, false wanted, or leave it out: ")
    assert found[1].startswith('model.params.personalization_config.params.loss_type: "cosine" given, "none" wanted')


def test_published_keys_stay_where_a_constructor_has_them(write):
    text = PUBLISHED.replace("ldm.modules.diffusionmodules.openaimodel.UNetModel", f"{HERE}.Inner")
    config = load_config([write(text.replace("model_channels: 320", "size: 3"))])
    assert config.model.params.unet_config.params.size == 3


def test_the_table_says_why_for_every_key():
    for keys in PUBLISHED_KEYS.values():
        assert all(old.why for old in keys.values())


def test_a_config_survives_its_file(write, tmp_path):
    config = load_config([write(GOOD + "    pair: ['${model.params.inner_config.params.size}', 4]\nlightning: {}\n")])
    project, lightning = split_lightning(config)
    assert lightning == {"lightning": {}}
    assert "lightning" not in project
    again = load_config([write(to_yaml(project), "project.yaml")])
    assert again == project == OmegaConf.create({"model": config.model})


def test_no_weight_is_built(write):
    before = torch.get_rng_state()
    load_config([write(GOOD)])
    assert torch.equal(before, torch.get_rng_state())
