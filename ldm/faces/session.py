"""Open an ONNX file for onnxruntime on the CPU, its graph made ready first."""

from pathlib import Path
from typing import Any


def open_session(model: Path, threads: int = 1) -> Any:
    """An onnxruntime session on the CPU whose inputs are those that some node reads and no weight fills.

    Older exporters list every weight as an input as well; in SFace's file even those that were replaced by 8-bit ones.
    """
    import onnx
    import onnxruntime

    proto = onnx.load(str(model))
    weights = {tensor.name for tensor in proto.graph.initializer}
    read = {name for node in proto.graph.node for name in node.input}
    pictures = [value for value in proto.graph.input if value.name in read - weights]
    del proto.graph.input[:]
    proto.graph.input.extend(pictures)
    _write_out_prelu(proto.graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # 8-bit weights are unpacked once, not each time
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _write_out_prelu(graph: Any) -> None:
    """Replace PRelu(x, s) by s · x + (1 - s) · relu(x), which is the same.

    onnxruntime's PRelu is slow: it took 27 of SFace's 46 ms a face; so written, the whole takes half.
    """
    from onnx import helper, numpy_helper

    slopes = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type != "PRelu" or node.input[1] not in slopes:
            nodes.append(node)
            continue
        (x, slope), y = node.input, node.output[0]
        rest = numpy_helper.from_array(1 - numpy_helper.to_array(slopes[slope]), f"{y}_rest")
        graph.initializer.append(rest)
        nodes += [
            helper.make_node("Relu", [x], [f"{y}_positive"]),
            helper.make_node("Mul", [f"{y}_positive", f"{y}_rest"], [f"{y}_bent"]),
            helper.make_node("Mul", [x, slope], [f"{y}_straight"]),
            helper.make_node("Add", [f"{y}_straight", f"{y}_bent"], [y]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
