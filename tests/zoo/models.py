"""The models of the zoo (``EDGEKIT_MODEL_ZOO``): all of them match."""

from __future__ import annotations

from dataclasses import dataclass

#: largest error of a float output as part of its range; audio and recurrent models have their own
TOLERANCE = 1e-4
SEQUENCE_TOLERANCE = 1e-3
#: largest error of an integer output
UNITS = 1

#: folders with audio or recurrent models
SEQUENCES = (
    "arm_kws_frozen",
    "basic_pitch_nmp",
    "hey_snips_pb",
    "lyra_encoder",
    "mlperf_dscnn_kws",
    "silero_vad_onnx",
    "tflm_keyword_svdf",
    "tflm_micro_speech",
    "tflm_mnist_lstm",
)


@dataclass(frozen=True)
class Model:
    """One file (or folder) of the zoo.

    Attributes:
        path: below the zoo.
        golden: the file whose golden outputs it must give; itself by default.
        shapes: bind the inputs to the golden inputs' shapes (the file leaves dimensions open).
        freeze: golden inputs to freeze to their values.
        renamed: the file's own names of inputs that the golden file calls otherwise.
        needs: a package that the importer needs and ``make test`` does without.
    """

    path: str
    golden: str = ""
    shapes: bool = False
    freeze: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    needs: str = ""

    @property
    def golden_path(self) -> str:
        """The golden file below the zoo."""
        return f"{self.golden or self.path}.golden.npz"

    @property
    def tolerance(self) -> float:
        """For float outputs."""
        return SEQUENCE_TOLERANCE if self.path.split("/")[0] in SEQUENCES else TOLERANCE


ONNX = (
    Model("basic_pitch_nmp/nmp.onnx", shapes=True),
    Model("fastestdet/FastestDet.onnx", shapes=True),
    Model("onnx2c_mnist/model.onnx", shapes=True),
    Model("onnx2c_mnist/pytorch.onnx", shapes=True),
    Model("ppocr_cls_v2/ch_ppocr_mobile_v2.0_cls_infer.onnx", shapes=True),
    Model("silero_vad_onnx/silero_vad_16k_op15.onnx", shapes=True),
    Model("silero_vad_onnx/silero_vad_half.onnx", shapes=True),
    Model("ultraface_slim320/version-slim-320.onnx", shapes=True),
    Model("ultraface_slim320/version-slim-320_simplified.onnx", shapes=True),
    Model("ultraface_slim320/version-slim-320_without_postprocessing.onnx", shapes=True),
)

TFLITE = (
    Model("aieq_tiny/conv_fc_mnist.tflite"),
    Model("aieq_tiny/conv_fc_mnist_srq_a8w8.tflite"),
    Model("aieq_tiny/toy_model_with_kv_cache_multi_signature.tflite"),
    Model("basic_pitch_nmp/nmp.tflite"),
    Model("coral_deeplabv3_mnv2_dm05_pascal/deeplabv3_mnv2_dm05_pascal_quant.tflite"),
    Model("coral_mobilenet_v1_0.25_128_quant/mobilenet_v1_0.25_128_quant.tflite"),
    Model("coral_mobilenet_v1_0.5_160_quant/mobilenet_v1_0.5_160_quant.tflite"),
    Model("coral_mobilenet_v2_1.0_224_quant/mobilenet_v2_1.0_224_quant.tflite"),
    Model("coral_traffic_automl_ssd/traffic_model.tflite"),
    Model("lyra_encoder/soundstream_encoder.tflite"),
    Model("micro_wake_okay_nabu/okay_nabu.tflite"),
    Model("mlperf_autoencoder_ad01/ad01_fp32.tflite"),
    Model("mlperf_autoencoder_ad01/ad01_int8.tflite"),
    Model("mlperf_dscnn_kws/kws_ref_model.tflite"),
    Model("mlperf_dscnn_kws/kws_ref_model_float32.tflite"),
    Model("mlperf_resnet8_cifar10/pretrainedResnet.tflite"),
    Model("mlperf_resnet8_cifar10/pretrainedResnet_quant.tflite"),
    Model("nns_deeplabv3_257_float/deeplabv3_257_mv_gpu.tflite"),
    Model("nns_text_classification/text_classification.tflite"),
    Model("tflm_hello_world/hello_world_float.tflite"),
    Model("tflm_hello_world/hello_world_int8.tflite"),
    Model("tflm_keyword_svdf/keyword_scrambled.tflite"),
    Model("tflm_keyword_svdf/keyword_scrambled_8bit.tflite"),
    Model("tflm_micro_speech/audio_preprocessor_float.tflite"),
    Model("tflm_micro_speech/audio_preprocessor_int8.tflite"),
    Model("tflm_micro_speech/micro_speech_quantized.tflite"),
    Model("tflm_mnist_lstm/trained_lstm.tflite"),
    Model("tflm_mnist_lstm/trained_lstm_int8.tflite"),
    Model("tflm_person_detect/person_detect.tflite"),
    Model("ultraface_slim320/version-slim-320_without_postprocessing.tflite"),
)

KERAS = tuple(
    Model(path, needs="h5py")
    for path in (
        "fer_mini_xception/fer2013_mini_XCEPTION.102-0.66.hdf5",
        "mlperf_autoencoder_ad01/ad01.h5",
        "mlperf_resnet8_cifar10/pretrainedResnet.h5",
    )
)
TENSORFLOW = (
    Model("arm_kws_frozen/CRNN_S.pb", shapes=True),
    Model("arm_kws_frozen/DS_CNN_S.pb", shapes=True),
    Model("arm_kws_frozen/GRU_S.pb", shapes=True),
    Model("basic_pitch_nmp/nmp"),
    Model("hey_snips_pb/hey_snips_3.pb", shapes=True),
    Model("mlperf_dscnn_kws/kws_ref_model"),
    Model("nns_mnist_frozen_pb/mnist.pb"),
)
CAFFE = tuple(
    Model(path, shapes=True)
    for path in (
        "mtcnn_caffe_mxnet/det1.caffemodel",
        "mtcnn_caffe_mxnet/det2.caffemodel",
        "mtcnn_caffe_mxnet/det3.caffemodel",
        "nns_lenet_mnist_caffe/lenet_iter_9000.caffemodel",
        "squeezenet_v1.0_caffe/squeezenet_v1.0.caffemodel",
        "ultraface_slim320/slim-320.caffemodel",
    )
)
MXNET = tuple(
    Model(path, shapes=True)
    for path in ("mtcnn_caffe_mxnet/det1-0001.params", "mtcnn_caffe_mxnet/det2-0001.params", "mtcnn_caffe_mxnet/det3-0001.params")
)
#: state dicts hold no graph: they arrive as .pt2 and TorchScript twins of the same module
STATE_DICTS = (
    "et_cifar_net/cifar_net.pth",
    "facenet_mtcnn_torch/onet.pt",
    "facenet_mtcnn_torch/pnet.pt",
    "facenet_mtcnn_torch/rnet.pt",
    "fastestdet/fastestdet_280.pth",
    "stories260k/stories260K.pt",
    "ultraface_slim320/version-slim-320.pth",
)
PT2 = tuple(Model(f"{path.rpartition('.')[0]}.pt2", golden=path) for path in STATE_DICTS)
TORCHSCRIPT = (
    *(
        Model(f"{path.rpartition('.')[0]}.torchscript.pt", golden=path, shapes=True, needs="torch")
        for path in STATE_DICTS
        if not path.startswith("stories260k")
    ),
    Model(
        "stories260k/stories260K.torchscript.pt", golden="stories260k/stories260K.pt", shapes=True, renamed=(("x", "t"),), needs="torch"
    ),
    Model("nns_lenet5_torchscript/pytorch_lenet5.pt", shapes=True, renamed=(("x", "val"),), needs="torch"),
    Model("silero_vad_onnx/silero_vad.jit", shapes=True, freeze=("sr",), needs="torch"),
)
MODELS = (*ONNX, *TFLITE, *KERAS, *TENSORFLOW, *CAFFE, *MXNET, *PT2, *TORCHSCRIPT)
