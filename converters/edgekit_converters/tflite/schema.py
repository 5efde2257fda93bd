"""The tables of TensorFlow Lite's file format that the importer reads (tensorflow/lite/schema/schema.fbs, version 3).

One line a table: its fields in the order of their slots, ``name:kind`` or ``name:kind=default``; ``_`` skips a slot;
indented lines continue the one above.
"""

from __future__ import annotations

from typing import Any

_TABLES = """
Model version:u32 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:str buffers:[Buffer] _
    metadata:[Metadata] signatures:[SignatureDef]
OperatorCode deprecated_builtin_code:i8 custom_code:str version:i32=1 builtin_code:i32
SubGraph tensors:[Tensor] inputs:[i32] outputs:[i32] operators:[Operator] name:str
Tensor shape:[i32] type:i8 buffer:u32 name:str quantization:QuantizationParameters is_variable:bool
    sparsity:SparsityParameters shape_signature:[i32] has_rank:bool
QuantizationParameters min:[f32] max:[f32] scale:[f32] zero_point:[i64] details_type:u8 _ quantized_dimension:i32
SparsityParameters traversal_order:[i32] block_map:[i32] dim_metadata:[DimensionMetadata]
DimensionMetadata format:i8 dense_size:i32 segments_type:u8 segments:indices=segments_type indices_type:u8
    indices:indices=indices_type
Int32Vector values:[i32]
Uint16Vector values:[u16]
Uint8Vector values:[u8]
Operator opcode_index:u32 inputs:[i32] outputs:[i32] options_type:u8 options:union custom_options:[u8] _ _
    intermediates:[i32]
Buffer data:[u8] offset:u64 size:u64
Metadata name:str buffer:u32
SignatureDef inputs:[TensorMap] outputs:[TensorMap] key:str _ subgraph:u32
TensorMap name:str tensor:u32
Conv2DOptions padding:i8 stride_w:i32 stride_h:i32 activation:i8 dilation_w:i32=1 dilation_h:i32=1
Conv3DOptions padding:i8 stride_d:i32 stride_w:i32 stride_h:i32 activation:i8 dilation_d:i32=1 dilation_w:i32=1
    dilation_h:i32=1
DepthwiseConv2DOptions padding:i8 stride_w:i32 stride_h:i32 multiplier:i32 activation:i8 dilation_w:i32=1
    dilation_h:i32=1
TransposeConvOptions padding:i8 stride_w:i32 stride_h:i32 activation:i8
Pool2DOptions padding:i8 stride_w:i32 stride_h:i32 filter_w:i32 filter_h:i32 activation:i8
SVDFOptions rank:i32 activation:i8 asymmetric:bool
FullyConnectedOptions activation:i8 weights_format:i8 keep_num_dims:bool asymmetric:bool
SoftmaxOptions beta:f32
ConcatenationOptions axis:i32 activation:i8
AddOptions activation:i8 pot_scale:bool=1
SubOptions activation:i8 pot_scale:bool=1
MulOptions activation:i8
DivOptions activation:i8
L2NormOptions activation:i8
LocalResponseNormalizationOptions radius:i32 bias:f32 alpha:f32 beta:f32
RNNOptions activation:i8 asymmetric:bool
SequenceRNNOptions time_major:bool activation:i8 asymmetric:bool
BidirectionalSequenceRNNOptions time_major:bool activation:i8 merge:bool asymmetric:bool
BidirectionalSequenceLSTMOptions activation:i8 cell_clip:f32 projection_clip:f32 merge:bool time_major:bool=1 asymmetric:bool
LSTMOptions activation:i8 cell_clip:f32 projection_clip:f32 kernel_type:i8 asymmetric:bool
UnidirectionalSequenceLSTMOptions activation:i8 cell_clip:f32 projection_clip:f32 time_major:bool asymmetric:bool
    diagonal:bool
ResizeBilinearOptions _ _ align_corners:bool half_pixel_centers:bool
ResizeNearestNeighborOptions align_corners:bool half_pixel_centers:bool
ReshapeOptions new_shape:[i32]
SpaceToDepthOptions block_size:i32
DepthToSpaceOptions block_size:i32
GatherOptions axis:i32 batch_dims:i32
ReducerOptions keep_dims:bool
SqueezeOptions dims:[i32]
SplitOptions splits:i32
SplitVOptions splits:i32
StridedSliceOptions begin_mask:i32 end_mask:i32 ellipsis_mask:i32 new_axis_mask:i32 shrink_axis_mask:i32 offset:bool
ArgMaxOptions output_type:i8
ArgMinOptions output_type:i8
ShapeOptions out_type:i8
FakeQuantOptions min:f32 max:f32 num_bits:i32 narrow_range:bool
PackOptions count:i32 axis:i32
UnpackOptions num:i32 axis:i32
OneHotOptions axis:i32
LeakyReluOptions alpha:f32
MirrorPadOptions mode:i8
ReverseSequenceOptions seq_dim:i32 batch_dim:i32
IfOptions then_subgraph:i32 else_subgraph:i32
WhileOptions cond_subgraph:i32 body_subgraph:i32
CallOnceOptions init_subgraph:i32
BatchMatMulOptions adj_x:bool adj_y:bool asymmetric:bool
CumsumOptions exclusive:bool reverse:bool
VarHandleOptions container:str shared_name:str
GeluOptions approximate:bool
BucketizeOptions boundaries:[f32]
"""

Field = tuple[str, str, Any]
_ZERO = {"str": "", "f32": 0.0}


def _parse(text: str) -> dict[str, tuple[Field, ...]]:
    tables = {}
    for line in text.strip().replace("\n    ", " ").splitlines():
        name, *fields = line.split()
        rows: list[Field] = []
        for f in fields:
            if f == "_":
                rows.append(("_", "i8", 0))
                continue
            field, _, kind = f.partition(":")
            kind, _, default = kind.partition("=")
            rows.append((field, kind, default if kind == "indices" else int(default) if default else _ZERO.get(kind, 0)))
        tables[name] = tuple(rows)
    return tables


TABLES = _parse(_TABLES)

#: option tables by their tag in the union BuiltinOptions; options without fields are left out
OPTIONS = {
    1: "Conv2DOptions", 2: "DepthwiseConv2DOptions", 5: "Pool2DOptions", 6: "SVDFOptions", 7: "RNNOptions", 8: "FullyConnectedOptions",
    9: "SoftmaxOptions", 10: "ConcatenationOptions", 11: "AddOptions", 12: "L2NormOptions", 13: "LocalResponseNormalizationOptions",
    14: "LSTMOptions", 15: "ResizeBilinearOptions", 17: "ReshapeOptions", 19: "SpaceToDepthOptions", 21: "MulOptions",
    23: "GatherOptions", 27: "ReducerOptions", 28: "SubOptions", 29: "DivOptions", 30: "SqueezeOptions", 31: "SequenceRNNOptions",
    32: "StridedSliceOptions",
    35: "SplitOptions", 40: "ArgMaxOptions", 49: "TransposeConvOptions", 55: "ShapeOptions", 57: "ArgMinOptions",
    58: "FakeQuantOptions", 59: "PackOptions", 61: "OneHotOptions", 64: "UnpackOptions",
    69: "BidirectionalSequenceLSTMOptions", 70: "BidirectionalSequenceRNNOptions", 71: "UnidirectionalSequenceLSTMOptions",
    74: "ResizeNearestNeighborOptions", 75: "LeakyReluOptions", 77: "MirrorPadOptions", 79: "SplitVOptions",
    87: "ReverseSequenceOptions", 92: "IfOptions", 93: "WhileOptions", 94: "DepthToSpaceOptions", 101: "BatchMatMulOptions",
    102: "CumsumOptions", 103: "CallOnceOptions", 106: "Conv3DOptions", 111: "VarHandleOptions", 115: "BucketizeOptions",
    116: "GeluOptions",
}  # fmt: skip

#: what an option table means where the file leaves it out: every field at its default
OPERATOR_OPTIONS = {
    "CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions", "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions", "L2_POOL_2D": "Pool2DOptions", "SVDF": "SVDFOptions", "FULLY_CONNECTED": "FullyConnectedOptions",
    "SOFTMAX": "SoftmaxOptions", "CONCATENATION": "ConcatenationOptions", "ADD": "AddOptions", "SUB": "SubOptions",
    "MUL": "MulOptions", "DIV": "DivOptions", "L2_NORMALIZATION": "L2NormOptions",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalizationOptions", "LSTM": "LSTMOptions",
    "RNN": "RNNOptions", "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    "BIDIRECTIONAL_SEQUENCE_RNN": "BidirectionalSequenceRNNOptions", "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions", "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions", "RESHAPE": "ReshapeOptions", "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions", "GATHER": "GatherOptions", "MEAN": "ReducerOptions", "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions", "REDUCE_MIN": "ReducerOptions", "REDUCE_PROD": "ReducerOptions", "REDUCE_ANY": "ReducerOptions",
    "REDUCE_ALL": "ReducerOptions", "SQUEEZE": "SqueezeOptions", "SPLIT": "SplitOptions", "SPLIT_V": "SplitVOptions",
    "STRIDED_SLICE": "StridedSliceOptions", "PACK": "PackOptions", "UNPACK": "UnpackOptions", "ONE_HOT": "OneHotOptions",
    "LEAKY_RELU": "LeakyReluOptions", "MIRROR_PAD": "MirrorPadOptions", "REVERSE_SEQUENCE": "ReverseSequenceOptions",
    "BATCH_MATMUL": "BatchMatMulOptions", "CUMSUM": "CumsumOptions", "TRANSPOSE_CONV": "TransposeConvOptions", "GELU": "GeluOptions",
    "FAKE_QUANT": "FakeQuantOptions", "IF": "IfOptions", "WHILE": "WhileOptions", "CALL_ONCE": "CallOnceOptions",
    "VAR_HANDLE": "VarHandleOptions", "CONV_3D": "Conv3DOptions", "CONV_3D_TRANSPOSE": "Conv3DOptions", "BUCKETIZE": "BucketizeOptions",
}  # fmt: skip

#: names of BuiltinOperator, by code
OPERATORS = dict(
    enumerate(
        """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2
GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE
MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5
SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT
""".split()  # noqa: SIM905
    )
)
