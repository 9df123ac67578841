"""Prompts with the task that each belongs to, and what they say about the people in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

OWN = "own"
"""The task of prompts that were given without one."""

WRITTEN = ("sks", "ks")
"""How the first and the second person are called in the lists that come along."""


@dataclass(frozen=True)
class TaskPrompt:
    """One prompt.

    Attributes:
        text: the words, with placeholders.
        task: which kind of request it is: single, action, expression, style, two, celebrity, or ``own``.
    """

    text: str
    task: str = OWN


def read_task_prompts(path: Path) -> list[TaskPrompt]:
    """The prompts of a YAML file (task -> list) or of a text file (a prompt a line, blank and # lines left out).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not of that form, or holds no prompt.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of prompts at {path}")
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() not in {".yaml", ".yml"}:
        lines = [line.strip() for line in text.splitlines()]
        prompts = [TaskPrompt(line) for line in lines if line and not line.startswith("#")]
    else:
        prompts = _from_yaml(text, path)
    if not prompts:
        raise ValueError(f"{path} holds no prompt: write one a line, or a YAML file of task: [prompts]")
    return prompts


def _from_yaml(text: str, path: Path) -> list[TaskPrompt]:
    try:
        tree = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ValueError(f"{path}: expected tasks with a list of prompts each, like `single: [a photo of sks]`")
    for task, prompts in tree.items():
        if not isinstance(prompts, list) or not all(isinstance(prompt, str) for prompt in prompts):
            raise ValueError(f"{path}: task {task!r} must hold a list of texts")
    return [TaskPrompt(prompt, str(task)) for task, prompts in tree.items() for prompt in prompts]


def named_in(prompt: str, placeholders: Sequence[str]) -> list[str]:
    """Those of ``placeholders`` that are words of ``prompt``, in its order; in brackets, <sks>, too."""
    found = ((re.search(rf"(?<!\w){re.escape(word)}(?!\w)", prompt), word) for word in placeholders)
    return [word for _, word in sorted((match.start(), word) for match, word in found if match)]


def with_placeholders(prompts: Sequence[TaskPrompt], placeholders: Sequence[str]) -> list[TaskPrompt]:
    """``prompts`` with the run's words for the first and the second person, where it has others than sks and ks."""
    if not placeholders or placeholders[0] == WRITTEN[0]:
        return list(prompts)
    own = dict(zip(WRITTEN, placeholders, strict=False))
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, own))})(?!\w)")
    return [replace(prompt, text=pattern.sub(lambda m: own[m[1]], prompt.text)) for prompt in prompts]


def in_plain_words(prompt: str, placeholders: Sequence[str], noun: str = "person") -> str:
    """``prompt`` with every placeholder replaced by "a NOUN": what a network that knows nobody can judge.

    An article before the placeholder and the noun after it are not doubled: "a sks person" is "a person".

    >>> in_plain_words("a photo of sks and a ks person", ["sks", "ks"])
    'a photo of a person and a person'
    """
    words = "|".join(map(re.escape, placeholders))
    if not words:
        return prompt
    pattern = rf"(?<!\w)(?:(?i:an?|the)\s+)?<?(?:{words})>?(?!\w)(?:\s+{re.escape(noun)}\b)?"
    return re.sub(pattern, f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}", prompt)
