import numpy as np
import onnx
import onnxruntime

from ldm.faces.model_files import SFACE, packaged
from ldm.faces.session import open_session
from tests.faces.nets import save_recognition


def test_weights_and_left_over_names_are_not_inputs(tmp_path):
    session = open_session(save_recognition(tmp_path / "old.onnx", weights_as_inputs=True))
    assert [value.name for value in session.get_inputs()] == ["data"]


def test_sface_with_prelu_written_out_gives_the_same_vectors():
    model = onnx.load(packaged(SFACE))
    kept = [value for value in model.graph.input if value.name == "data"]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    plain = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    crop = np.random.default_rng(0).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    (wanted,), (found,) = (session.run(None, {"data": crop}) for session in (plain, open_session(packaged(SFACE))))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_session_uses_as_many_threads_as_asked(tmp_path):
    model = save_recognition(tmp_path / "net.onnx")
    assert open_session(model).get_session_options().intra_op_num_threads == 1
    assert open_session(model, threads=2).get_session_options().intra_op_num_threads == 2
