from pathlib import Path

import pytest
import torch

from ldm.config import load_config
from tests.config.things import GOOD, HERE, problems


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
    [typed] = problems(write(GOOD + good), "lightning.trainer.max_stepz=4")
    assert typed.endswith("has no such parameter (did you mean 'max_steps'?)"), "although the file has that one"
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


def test_no_weight_is_built(write):
    before = torch.get_rng_state()
    load_config([write(GOOD)])
    assert torch.equal(before, torch.get_rng_state())


def test_our_callbacks_need_no_target(write):
    load_config([write(GOOD + "lightning: {callbacks: {ema: {params: {decay: 0.5}}}}\n")])
    found = problems(write(GOOD + "lightning: {callbacks: {ema: {params: {decay: 2}}, mine: {params: {}}}}\n"))
    assert found[0] == "lightning.callbacks.ema.params.decay: 2 given, a number greater than 0 and less than 1 wanted"
    assert found[1].startswith("lightning.callbacks.mine.target: missing")
    load_config(
        [write(GOOD + "lightning: {callbacks: {ema: {params: {}}, mine: null}}\n")], ["lightning.callbacks.ema=null"]
    )
