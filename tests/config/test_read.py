import pytest
from omegaconf import OmegaConf

from ldm.config import ConfigError, load_config, split_lightning, to_yaml
from tests.config.things import GOOD, HERE, problems


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
    assert len(problems(tmp_path / "x.yaml", required=("model", "data"))) == 1, "what it would hold is not missing"
    assert len(problems(tmp_path / "x.yaml", "model.params.a=1", extra={"model": {"params": {"b": 1}}})) == 1
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


def test_a_config_survives_its_file(write, tmp_path):
    config = load_config([write(GOOD + "    pair: ['${model.params.inner_config.params.size}', 4]\nlightning: {}\n")])
    project, lightning = split_lightning(config)
    assert lightning == {"lightning": {}}
    assert "lightning" not in project
    again = load_config([write(to_yaml(project), "project.yaml")])
    assert again == project == OmegaConf.create({"model": config.model})
