"""Does the celeb basis earn its name? Unseen people learned from one photo, in every way that could explain it.

``python -m ldm study celeb_basis --photos LFW --judge NET.onnx:imagenet`` learns people who were held out of the
model's training, each in every arm of :mod:`evaluation.studies.celeb_basis.arms`, and writes
docs/studies/celeb_basis.md. What is done is kept: stopped, it goes on where it was.
"""
