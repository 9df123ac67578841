"""Leaves out of the log what the libraries say about things that are known and meant."""

import logging
import os

MEANT = {
    # it draws no pictures for a network here, and torchvision is not needed
    "transformers.utils.import_utils": "requires torchvision (not installed)",
    # a model is written in half precision; what is in memory stays as it is
    "diffusers.models.modeling_utils": "that should be kept in float32",
    # 4-bit weights are not used here, only the 8-bit optimizer
    "bitsandbytes.backends.cpu.ops": "gemm_4bit_forward",
    # learned words bring their own vectors
    "transformers.modeling_utils": "The new embeddings will be initialized",
    # other libraries import it where it is installed, also for a run without it
    "DeepSpeed": "Setting accelerator to CPU",
}
"""Words of a message to leave out, by the logger that says it."""


class _LeaveOut(logging.Filter):
    """Passes on everything but the messages with certain words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def filter(self, record: logging.LogRecord) -> bool:
        return self.words not in record.getMessage()


def quiet_libraries() -> None:
    """No progress bars of a second's reading, no messages about what is meant; everything else still comes through.

    Works before the libraries are imported. ``HF_HUB_DISABLE_PROGRESS_BARS=0`` in the environment brings the bars back.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for name, words in MEANT.items():
        logger = logging.getLogger(name)
        if not any(isinstance(one, _LeaveOut) for one in logger.filters):
            logger.addFilter(_LeaveOut(words))
