"""IResNet as an ONNX file: written down node by node, so that no exporter is needed."""

from pathlib import Path
from typing import Any

from torch import nn

from ldm.faces.iresnet import Block, IResNet
from ldm.files import atomic_path

OPSET = 17


def write_onnx(net: IResNet, path: Path, metadata: dict[str, str]) -> None:
    """Write ``net``, as it evaluates, to ``path``: (N, 3, 112, 112) in [-1, 1] -> (N, dim). Atomic.

    Args:
        net: the network.
        path: the file.
        metadata: kept in the file, read again by :func:`metadata_of`.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    last = _whole(graph, net)
    picture = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, 112, 112])
    vector = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["N", net.fc.out_features])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "iresnet", [picture], [vector], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    helper.set_model_props(model, metadata)
    with atomic_path(path) as temporary:
        onnx.save(model, str(temporary))


def metadata_of(path: Path) -> dict[str, str]:
    """What :func:`write_onnx` was told to keep in the file."""
    import onnx

    return {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}


class _Graph:
    """Nodes and weights, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        """A node of ``kind`` that gives a value called ``name``."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, values: Any) -> str:
        """A tensor of weights."""
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(values.detach().float().numpy(), name))
        return name

    def conv(self, name: str, layer: nn.Conv2d, x: str) -> str:
        """A convolution without bias."""
        pads = [layer.padding[0]] * 4
        strides, kernel = list(layer.stride), list(layer.kernel_size)
        weight = self.weight(f"{name}.weight", layer.weight)
        return self.add("Conv", name, [x, weight], kernel_shape=kernel, strides=strides, pads=pads)

    def norm(self, name: str, layer: nn.BatchNorm2d | nn.BatchNorm1d, x: str) -> str:
        """A batch norm with its running statistics."""
        parts = ("weight", "bias", "running_mean", "running_var")
        inputs = [self.weight(f"{name}.{part}", getattr(layer, part)) for part in parts]
        return self.add("BatchNormalization", name, [x, *inputs], epsilon=layer.eps)

    def prelu(self, name: str, layer: nn.PReLU, x: str) -> str:
        """A PReLU with a slope a channel."""
        return self.add("PRelu", name, [x, self.weight(f"{name}.weight", layer.weight[:, None, None])])


def _whole(graph: _Graph, net: IResNet) -> str:
    """Add all of ``net``; the name of what it gives."""
    x = graph.conv("conv1", net.conv1, "data")
    x = graph.prelu("prelu", net.prelu, graph.norm("bn1", net.bn1, x))
    for number, stage in enumerate((net.layer1, net.layer2, net.layer3, net.layer4), 1):
        for place, block in enumerate(stage):
            assert isinstance(block, Block)
            x = _block(graph, f"layer{number}.{place}", block, x)
    x = graph.add("Flatten", "flatten", [graph.norm("bn2", net.bn2, x)])
    weights = [graph.weight("fc.weight", net.fc.weight), graph.weight("fc.bias", net.fc.bias)]
    return graph.norm("features", net.features, graph.add("Gemm", "fc", [x, *weights], transB=1))


def _block(graph: _Graph, name: str, block: Block, x: str) -> str:
    """Add one block after ``x``."""
    y = graph.conv(f"{name}.conv1", block.conv1, graph.norm(f"{name}.bn1", block.bn1, x))
    y = graph.prelu(f"{name}.prelu", block.prelu, graph.norm(f"{name}.bn2", block.bn2, y))
    y = graph.norm(f"{name}.bn3", block.bn3, graph.conv(f"{name}.conv2", block.conv2, y))
    if len(block.downsample):
        conv, norm = block.downsample
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        x = graph.norm(f"{name}.downsample.1", norm, graph.conv(f"{name}.downsample.0", conv, x))
    return graph.add("Add", f"{name}.sum", [y, x])
