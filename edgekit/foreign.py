"""Files that are no model EdgeKit reads, told by their content: what they are, and how to get to one that it does read.

Marks are from the formats' own sources: git-lfs (docs/spec.md), safetensors (README), GGUF (docs/gguf.md of ggml), ncnn (net.cpp),
OpenVINO (IR), ONNX Runtime (ort.fbs), ExecuTorch (program.fbs), Python (pickletools).
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\0": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"7z\xbc\xaf\x27\x1c": ("7z", "7z x"),
    b"Rar!": ("rar", "unrar x"),
}
_MAX_LISTED = 5
_MAX_ENTRIES = 10_000
_SHOWN_TEXT = 40
_TAR_LOOK = 4096

_PADDLE = (
    "a PaddlePaddle model; make ONNX of it: paddle2onnx --model_dir DIR --model_filename FILE --params_filename FILE --save_file model.onnx"
)
_CORE_ML = "a Core ML model, which cannot be turned back in general; convert the model it was made of (TensorFlow, Keras, PyTorch, ONNX)"
_OPENVINO = "OpenVINO's intermediate representation; convert the model it was made of, which is usually ONNX or TensorFlow"
_NCNN = "an ncnn model; convert the model it was made of (ONNX, or PyTorch before pnnx)"
_CHECKPOINT = (
    "a TensorFlow checkpoint: variables without the graph that uses them. Save the model as SavedModel where its code is: "
    "tf.saved_model.save(model, 'folder') or model.export('folder')"
)
_PICKLED_WEIGHTS = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack")
#: ends of names of files that hold bytes: text under such a name is what a server said instead
_BINARY = (
    ".onnx", ".tflite", ".lite", ".h5", ".hdf5", ".keras", ".pt", ".pth", ".pt2", ".jit", ".caffemodel", ".params", ".pb", ".bin", ".zip",
    ".tar", ".gz", ".tgz", ".safetensors",
)  # fmt: skip
_TENSORRT = "a TensorRT engine, compiled for one GPU; convert the ONNX file that it was built from"


@dataclass(frozen=True)
class _Source:
    """A file or folder under consideration."""

    path: Path
    head: bytes

    @property
    def name(self) -> str:
        return self.path.name.lower()

    def ends(self, *suffixes: str) -> bool:
        return self.name.endswith(suffixes)

    def members(self) -> list[str]:
        """Names in a zip archive, or in a folder; empty for anything else."""
        if self.path.is_dir():
            return sorted(p.name for _, p in zip(range(_MAX_ENTRIES), self.path.iterdir(), strict=False))
        if self.head.startswith(b"PK\x03\x04"):
            try:
                with zipfile.ZipFile(self.path) as archive:
                    return archive.namelist()[:_MAX_ENTRIES]
            except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
                return []
        return []


def _is_safetensors(s: _Source) -> bool:
    return len(s.head) > 9 and s.head[8:9] == b"{" and int.from_bytes(s.head[:8], "little") < 1 << 32 and s.head[9:10] in b'"}\n '


def _is_html(s: _Source) -> bool:
    return s.head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _is_core_ml(s: _Source) -> bool:
    if s.path.is_dir():
        return s.ends(".mlpackage", ".mlmodelc") or (s.path / "Data" / "com.apple.CoreML").exists()
    return s.ends(".mlmodel")


def _is_checkpoint(s: _Source) -> bool:
    if s.path.is_dir():
        names = s.members()
        return "saved_model.pb" not in names and any(".ckpt" in n or n.endswith(".data-00000-of-00001") for n in names)
    return ".ckpt" in s.name or (s.ends(".index") and s.path.with_suffix(".data-00000-of-00001").exists())


def _is_paddle(s: _Source) -> bool:
    if s.path.is_dir():
        names = s.members()
        return "__model__" in names or any(n.endswith((".pdmodel", ".pdiparams")) for n in names)
    return s.ends(".pdmodel", ".pdiparams", ".pdparams")


def _is_text(s: _Source) -> bool:
    try:
        text = s.head.decode("utf-8")
    except UnicodeDecodeError as e:
        if e.start < len(s.head) - 3:  # a character may be cut off at the end of the head
            return False
        text = s.head[: e.start].decode("utf-8")
    return bool(text) and all(c.isprintable() or c in "\t\r\n\f" for c in text)


def _is_paddle_json(s: _Source) -> bool:
    return s.ends(".json") and b'"magic":"pir"' in s.head.replace(b" ", b"")


#: what to test, and what to say; looked at before the importers
_MARKED: tuple[tuple[Callable[[_Source], bool], str], ...] = (
    (lambda s: s.head.startswith(b"version https://git-lfs.github.com/spec/"), "a Git LFS pointer, not the file itself: run git lfs pull"),
    (_is_html, "an HTML page, probably saved in place of the model: download the file itself (the raw link of the page)"),
    (lambda s: s.head[4:8] == b"EKM1", "an EdgeKit model already: edgekit run, inspect, quantize and report take it as it is"),
    (lambda s: s.head.startswith(b"GGUF"), "a GGUF file of llama.cpp: language models of that form are not supported"),
    (lambda s: s.head[:4] in (b"lmgg", b"fmgg", b"tjgg"), "a GGML file of llama.cpp: language models of that form are not supported"),
    (lambda s: s.head[4:8] == b"ORTM", "a model in ONNX Runtime's own form (.ort); convert the .onnx file that it was made of"),
    (lambda s: s.head[4:8] == b"ET12", "an ExecuTorch program; convert the torch.export program (.pt2) that it was made of"),
    (lambda s: s.head.startswith(b"ptrt") or s.ends(".engine", ".plan", ".trt"), _TENSORRT),
    (lambda s: s.head.startswith(b"7767517"), _NCNN),
    (lambda s: s.head.lstrip()[:5] == b"<?xml" and b"<net" in s.head, _OPENVINO),
    (lambda s: s.head.startswith((b"RKNN", b"IREE")), "a model compiled for one device; convert the model it was made of"),
    (_is_core_ml, _CORE_ML),
    (_is_paddle, _PADDLE),
)
#: looked at when no importer knows the content
_UNKNOWN: tuple[tuple[Callable[[_Source], bool], str], ...] = (
    (_is_paddle_json, _PADDLE),
    (lambda s: s.name == "checkpoint" and s.head.startswith(b"model_checkpoint_path"), _CHECKPOINT),
    (
        lambda s: s.name == "config.json" and b'"model_type"' in s.head,
        "the settings of a Hugging Face model; name the folder that holds it and the weights",
    ),
    (
        lambda s: s.name == "adapter_config.json" or s.ends("adapter_model.safetensors"),
        "an adapter (LoRA), not a whole model: merge it into its model where that is (merge_and_unload()), and convert the result",
    ),
    (
        lambda s: s.ends(".py", ".ipynb"),
        "Python code, not a model: run it, and pass its module to edgekit.convert, or save the model from it",
    ),
    (
        _is_safetensors,
        "weights alone (safetensors): what is computed with them is not in the file. Load them into the model's code and pass the module "
        "to edgekit.convert, or name the folder with its config.json where the model is of a known family",
    ),
    (_is_checkpoint, _CHECKPOINT),
    (
        lambda s: s.head[:2] in (b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5") or s.ends(".pkl", ".pickle", ".joblib"),
        "a Python pickle, which is never unpickled because it can run anything. For scikit-learn write ONNX where the model was trained: "
        "skl2onnx.to_onnx(model, inputs[:1]).SerializeToString()",
    ),
    (lambda s: s.head.startswith(b"\x93NUMPY") or s.ends(".npy", ".npz"), "numpy arrays, not a model"),
    (lambda s: s.head.startswith(b"CBM1"), "a CatBoost model; write ONNX from it: model.save_model('model.onnx', format='onnx')"),
    (lambda s: s.head.startswith(b"tree\n"), "a LightGBM model; convert it with onnxmltools.convert_lightgbm"),
    (lambda s: s.head.lstrip().startswith(b'{"learner"'), "an XGBoost model; convert it with onnxmltools.convert_xgboost"),
    (lambda s: s.head.lstrip().startswith(b"[net]"), "a Darknet configuration; make ONNX of it and its weights (pytorch-YOLOv4 does)"),
    (lambda s: s.ends(".weights"), "weights of Darknet; make ONNX of them and their configuration, the .cfg (pytorch-YOLOv4 does)"),
    (lambda s: s.ends(".mnn"), "an MNN model; convert the model it was made of"),
    (lambda s: s.ends(".bin") and s.path.with_suffix(".param").exists(), _NCNN),
    (lambda s: s.ends(".bin") and s.path.with_suffix(".xml").exists(), _OPENVINO),
    (lambda s: s.head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF")), "a picture, sound or document, not a model"),
)


def missing(path: Path) -> str:
    """What to say of a path at which there is nothing."""
    if path.with_name(f"{path.name}.index").exists():
        return f"there is no such file; {path.name}.index is part of {_CHECKPOINT}"
    return "there is no such file or folder"


def recognize(path: Path, head: bytes) -> str | None:
    """What a file is that must not go to an importer, and what to do; None where importers shall look at it."""
    return _first(_MARKED, _Source(path, head)) or _packed(path, head, but=b"\x1f\x8b")  # .tar.gz may be a TensorFlow Hub model


def explain(path: Path, head: bytes, suffixes: Sequence[str]) -> str | None:
    """What a file or folder is that no importer knows, and what to do; None where nothing tells.

    Args:
        path: of the file or folder.
        head: the first bytes of a file.
        suffixes: ends of the names of readable models.
    """
    source = _Source(path, head)
    if path.is_dir():
        return _first(_UNKNOWN, source) or _folder(source, suffixes)
    if head.startswith(b"PK\x03\x04"):
        return _archive(source, suffixes)
    if not head:
        return "an empty file"
    return _tar(path, head) or _packed(path, head) or _first(_UNKNOWN, source) or _text(source, suffixes)


def _text(source: _Source, suffixes: Sequence[str]) -> str | None:
    """Text where bytes of a model should be: what a server answered, most of the time. Formats that are text say what is wrong."""
    if not _is_text(source) or (source.ends(*suffixes) and not source.ends(*_BINARY)):
        return None
    begin = source.head.decode("utf-8", "replace").strip()[:_SHOWN_TEXT]
    advice = "; if it comes from the web, download the file itself once more" if source.ends(*_BINARY) else ""
    return f"text, not a model; it begins with {begin!r}{advice}"


def _tar(path: Path, head: bytes) -> str | None:
    if not head.startswith(b"\x1f\x8b"):
        return _tar_of(path, head, "tar -xf")
    try:
        return _tar_of(path, zlib.decompressobj(wbits=31).decompress(head, _TAR_LOOK), "tar -xzf")
    except zlib.error:
        return None


def _tar_of(path: Path, begin: bytes, command: str) -> str | None:
    """What a tar archive is; only its beginning is looked at, for archives may be large."""
    if begin[257:262] != b"ustar":
        return None
    try:
        with tarfile.open(fileobj=io.BytesIO(begin)) as archive:
            first = archive.next()
            name = first.name if first is not None else "nothing"
    except (tarfile.TarError, ValueError, EOFError):
        return None
    return f"a tar archive (it begins with {name}); unpack it first, and name what is meant: {command} {path.name}"


def _packed(path: Path, head: bytes, but: bytes | None = None) -> str | None:
    for mark, (what, command) in _PACKED.items():
        if mark != but and head.startswith(mark):
            return f"packed with {what}; unpack it first: {command} {path.name}"
    return None


def _first(rows: Sequence[tuple[Callable[[_Source], bool], str]], source: _Source) -> str | None:
    return next((text for test, text in rows if test(source)), None)


def _models(names: Sequence[str], suffixes: Sequence[str]) -> Iterator[str]:
    for n in names:
        if n.lower().endswith(tuple(suffixes)) and not n.startswith("__MACOSX"):
            yield n


def _folder(source: _Source, suffixes: Sequence[str]) -> str:
    names = source.members()
    weights = [n for n in names if n.endswith(".safetensors") or n in _PICKLED_WEIGHTS]
    if weights and "config.json" not in names:
        return (
            f"a folder of weights ({', '.join(weights[:_MAX_LISTED])}) without the config.json that says of what model; put it beside them"
        )
    if "config.json" in names and not weights and not list(_models(names, suffixes)):
        return "a folder with the settings of a model (config.json) and without its weights; put model.safetensors beside them"
    if found := list(_models(names, suffixes))[:_MAX_LISTED]:
        return f"a folder with the model files {', '.join(found)}; name the one that is meant"
    within = [n for n in names if (source.path / n / "saved_model.pb").exists()][:_MAX_LISTED]
    if within:
        return f"a folder with the SavedModels {', '.join(within)}; name the one that is meant"
    shown = f"{', '.join(names[:_MAX_LISTED])}{', ...' if len(names) > _MAX_LISTED else ''}" if names else "nothing"
    looked_for = ", ".join(f"*{s}" for s in sorted(set(suffixes)))
    return f"a folder without a model: it holds {shown}; looked for saved_model.pb, model.json, {looked_for}"


def _archive(source: _Source, suffixes: Sequence[str]) -> str | None:
    names = source.members()
    if _is_encrypted(source.path):
        return f"a zip archive with a password; unpack it first: unzip {source.path.name}"
    if any(n.endswith("saved_model.pb") for n in names):
        return f"a zip archive of a SavedModel; unpack it first: unzip {source.path.name}"
    if found := list(_models(names, suffixes))[:_MAX_LISTED]:
        return f"a zip archive with {', '.join(found)}; unpack it first: unzip {source.path.name}"
    if any("com.apple.CoreML" in n for n in names):
        return _CORE_ML
    return (
        f"a zip archive without a model: it holds {', '.join(names[:_MAX_LISTED])}" if names else "a zip archive that is cut off or damaged"
    )


def _is_encrypted(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(info.flag_bits & 1 for info in archive.infolist()[:_MAX_ENTRIES])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
