from pathlib import Path

import pytest

from evaluation.task_prompts import TaskPrompt, in_plain_words, named_in, read_task_prompts, with_placeholders

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("a photo of sks", "a photo of a person"),
        ("a photo of a sks person", "a photo of a person"),
        ("a photo of <sks> and ks", "a photo of a person and a person"),
        ("The sks person's flasks", "a person's flasks"),
        ("two kiosks", "two kiosks"),
    ],
)
def test_a_placeholder_becomes_its_class_noun(prompt, plain):
    assert in_plain_words(prompt, ["sks", "ks"]).lower() == plain.lower()


def test_the_noun_has_its_article():
    assert in_plain_words("a photo of sks", ["sks"], "old man") == "a photo of an old man"


def test_who_is_named_in_which_order():
    assert named_in("a photo of ks with <sks>", ["sks", "ks"]) == ["ks", "sks"]
    assert named_in("flasks and kiosks", ["sks", "ks"]) == []


def test_lists_are_read_with_their_tasks(tmp_path):
    (tmp_path / "a.yaml").write_text("single: [a photo of sks]\ntwo:\n  - sks and ks\n")
    assert read_task_prompts(tmp_path / "a.yaml") == [
        TaskPrompt("a photo of sks", "single"),
        TaskPrompt("sks and ks", "two"),
    ]
    (tmp_path / "a.txt").write_text("# mine\n\na photo of sks\n")
    assert read_task_prompts(tmp_path / "a.txt") == [TaskPrompt("a photo of sks", "own")]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "", "holds no prompt"),
        ("a.txt", "# nothing\n", "holds no prompt"),
        ("a.yaml", "- a photo of sks", "expected tasks with a list"),
        ("a.yaml", "single: a photo of sks", "task 'single' must hold a list"),
        ("a.yaml", "single: [", "is not YAML"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=said):
        read_task_prompts(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no file of prompts"):
        read_task_prompts(tmp_path / "none.txt")


def test_a_run_with_other_words_gets_its_own():
    prompts = [TaskPrompt("sks and ks at the kiosks", "two")]
    assert with_placeholders(prompts, ["<me>", "<you>"])[0].text == "<me> and <you> at the kiosks"
    assert with_placeholders(prompts, ["sks", "ks"]) == prompts


def test_the_lists_that_come_along_have_every_task():
    prompts = read_task_prompts(ROOT / "infer_images/prompts/personalization.yaml")
    assert {prompt.task for prompt in prompts} == {"single", "action", "expression", "style", "two", "celebrity"}
    counts = {prompt.task: len(named_in(prompt.text, ["sks", "ks"])) for prompt in prompts}
    assert counts["two"] == 2
    assert all(count == 1 for task, count in counts.items() if task != "two")
    classes = read_task_prompts(ROOT / "infer_images/prompts/classes.yaml")
    assert not any(named_in(prompt.text, ["sks", "ks"]) for prompt in classes)
