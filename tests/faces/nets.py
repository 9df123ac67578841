"""Small ONNX files with the shapes of real face networks."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_recognition(
    path: Path,
    scales_itself: bool = False,
    batch: int | str = "N",
    weights_as_inputs: bool = False,
    declared: int | str = 512,
) -> Path:
    """A network 112 x 112 -> 512: the means of 14 x 14 px squares, mixed by fixed random weights.

    ``declared`` is what the file says of the 512.
    """
    rng = np.random.default_rng(0)
    weights = {"mix": rng.normal(size=(192, 512)).astype(np.float32)}
    nodes, value = [], "data"
    if scales_itself:
        weights |= {"mean": np.float32(127.5), "scale": np.float32(0.0078125)}
        nodes += [
            helper.make_node("Sub", ["data", "mean"], ["centred"], name="_minusscalar0"),
            helper.make_node("Mul", ["centred", "scale"], ["scaled"], name="_mulscalar0"),
        ]
        value = "scaled"
    nodes += [
        helper.make_node("AveragePool", [value], ["squares"], name="pool", kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["squares"], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "mix"], ["embedding"], name="last"),
    ]
    inputs = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [batch, 3, 112, 112])]
    if weights_as_inputs:
        inputs += [helper.make_tensor_value_info(n, TensorProto.FLOAT, w.shape) for n, w in weights.items()]
        inputs += [helper.make_tensor_value_info("left_over", TensorProto.FLOAT, [3])]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, declared])
    return _save(path, nodes, inputs, [output], weights)


def save_scrfd(path: Path, box: tuple[float, float, float, float], points: list[tuple[float, float]]) -> Path:
    """A detector of SCRFD's shape for 640 x 640 that sees one face, whatever it is shown."""
    nodes = [
        helper.make_node("ReduceMean", ["input.1"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    weights = {"zero": np.float32(0)}
    outputs = []
    for kind, width in (("score", 1), ("box", 4), ("points", 10)):
        for stride in (8, 16, 32):
            rows = np.zeros(((640 // stride) ** 2 * 2, width), np.float32)
            if stride == 32:
                column, row = int(box[0] + box[2]) // 64, int(box[1] + box[3]) // 64
                x, y = column * 32, row * 32
                values = {
                    "score": [0.9],
                    "box": [(x - box[0]) / 32, (y - box[1]) / 32, (box[2] - x) / 32, (box[3] - y) / 32],
                    "points": [(p - q) / 32 for point in points for p, q in zip(point, (x, y), strict=True)],
                }
                rows[(row * 20 + column) * 2] = values[kind]
            name = f"{kind}_{stride}"
            weights[f"{name}_rows"] = rows
            nodes.append(helper.make_node("Add", [f"{name}_rows", "nothing"], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, rows.shape))
    inputs = [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, 640, 640])]
    return _save(path, nodes, inputs, outputs, weights)


def save_other(path: Path) -> Path:
    """A network that is neither, as the landmark and age networks of a pack."""
    node = helper.make_node("ReduceMean", ["data"], ["out"])
    inputs = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 192, 192])]
    return _save(path, [node], inputs, [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, 1, 1])], {})


def _save(path: Path, nodes: list, inputs: list, outputs: list, weights: dict) -> Path:
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
