"""The order of the passes. This is the only place that knows it.

0. *Widen* float16 arithmetic, so that all other passes see float32.
1. *Canonicalize*, until nothing changes: shapes, constants, needless nodes, arithmetic in one form.
2. *Fuse*: loops that are recurrent layers, while their bodies are still plain; batch norm and constants into weights (they must not meet a
   fused clamp), then the recognisers of composed functions
   (they look for the Clip and Relu nodes that fused clamps would hide), padding, and activations last.
3. *Layout*: once, on the fused graph, so that there are few nodes to commute with.
4. *Clean up*: what the layout pass left over; two passes of step 2 again, because Transposes stood between their nodes.
5. *Weights* that hold no more than float16 are stored so, after all passes that may change them.
6. *Order*: last, because every other pass changes what is alive when.
"""

from __future__ import annotations

from edgekit.errors import PassError
from edgekit.ir import Graph, verify
from edgekit.passes.base import Pass, PassLog, PassManager
from edgekit.passes.canonicalize.fold_constants import FOLD_CONSTANTS
from edgekit.passes.canonicalize.infer_shapes import INFER_SHAPES
from edgekit.passes.canonicalize.simplify_arithmetic import SIMPLIFY_ARITHMETIC
from edgekit.passes.canonicalize.simplify_loops import SIMPLIFY_LOOPS
from edgekit.passes.canonicalize.simplify_views import SIMPLIFY_VIEWS
from edgekit.passes.canonicalize.stay_single import STAY_SINGLE
from edgekit.passes.canonicalize.widen_half import WIDEN_HALF
from edgekit.passes.cleanup.merge_equal_nodes import MERGE_EQUAL_NODES
from edgekit.passes.cleanup.narrow_weights import NARROW_WEIGHTS
from edgekit.passes.cleanup.remove_dead_code import REMOVE_DEAD_CODE
from edgekit.passes.cleanup.remove_identities import REMOVE_IDENTITIES
from edgekit.passes.cleanup.reorder_nodes import REORDER_NODES
from edgekit.passes.fuse.absorb_dequantize import ABSORB_DEQUANTIZE
from edgekit.passes.fuse.fold_affine import FOLD_AFFINE
from edgekit.passes.fuse.fold_batch_norm import FOLD_BATCH_NORM
from edgekit.passes.fuse.fuse_activation import FUSE_ACTIVATION
from edgekit.passes.fuse.fuse_fully_connected import ABSORB_MATMUL_TRANSPOSE, FUSE_FULLY_CONNECTED, PERMUTE_WEIGHTS
from edgekit.passes.fuse.fuse_pad import FUSE_PAD
from edgekit.passes.fuse.recognize_activations import RECOGNIZE_ACTIVATIONS
from edgekit.passes.fuse.recognize_attention import RECOGNIZE_ATTENTION
from edgekit.passes.fuse.recognize_depth_to_space import RECOGNIZE_DEPTH_TO_SPACE
from edgekit.passes.fuse.recognize_normalization import RECOGNIZE_NORMALIZATION
from edgekit.passes.fuse.recognize_recurrence import RECOGNIZE_RECURRENCE
from edgekit.passes.layout.assign_layout import ASSIGN_LAYOUT

CANONICALIZE: tuple[Pass, ...] = (
    INFER_SHAPES,
    FOLD_CONSTANTS,
    STAY_SINGLE,
    REMOVE_IDENTITIES,
    SIMPLIFY_LOOPS,
    SIMPLIFY_VIEWS,
    SIMPLIFY_ARITHMETIC,
    MERGE_EQUAL_NODES,
    REMOVE_DEAD_CODE,
)
FUSE: tuple[Pass, ...] = (
    RECOGNIZE_RECURRENCE,
    FOLD_BATCH_NORM,
    FUSE_FULLY_CONNECTED,
    FOLD_AFFINE,
    RECOGNIZE_NORMALIZATION,
    RECOGNIZE_ACTIVATIONS,
    ABSORB_MATMUL_TRANSPOSE,
    RECOGNIZE_ATTENTION,
    RECOGNIZE_DEPTH_TO_SPACE,
    FUSE_PAD,
    FUSE_ACTIVATION,
)
CLEAN_UP: tuple[Pass, ...] = (
    SIMPLIFY_VIEWS,
    ABSORB_MATMUL_TRANSPOSE,
    PERMUTE_WEIGHTS,
    FOLD_CONSTANTS,
    REMOVE_IDENTITIES,
    FUSE_PAD,
    FUSE_ACTIVATION,
    ABSORB_DEQUANTIZE,
    MERGE_EQUAL_NODES,
    REMOVE_DEAD_CODE,
)


def all_passes() -> list[Pass]:
    """Every pass of the pipelines, each once, in order of first use."""
    return list({p.name: p for p in (WIDEN_HALF, *CANONICALIZE, *FUSE, ASSIGN_LAYOUT, *CLEAN_UP, NARROW_WEIGHTS, REORDER_NODES)}.values())


def optimize(
    graph: Graph, *, target_layout: str | None = "NHWC", log: PassLog | None = None, in_place: bool = False
) -> tuple[Graph, PassLog]:
    """Everything that makes a graph smaller and faster without changing what it computes.

    Inputs and outputs keep their names, order and types. float16 arithmetic becomes float32 arithmetic (see ``widen_half``): C kernels
    compute in float32.

    Args:
        graph: stays as it is, unless ``in_place``.
        target_layout: ``"NHWC"``, or None to leave convolutions in the order they are in.
        log: a log to continue; a new one by default.
        in_place: change the graph itself: weights that passes replace are free at once.

    Returns:
        the new graph, and what was done.

    Raises:
        PassError: a pass failed.
        GraphError: the graph given is broken.
    """
    if target_layout not in ("NHWC", None):
        raise PassError(f"target_layout must be 'NHWC' or None, got {target_layout!r}")
    verify(graph)
    new = graph if in_place else graph.clone()
    manager = PassManager(log)
    manager.run(new, [WIDEN_HALF])
    manager.run_until_stable(new, CANONICALIZE)
    manager.run(new, FUSE)
    manager.run_until_stable(new, CANONICALIZE)
    if target_layout is not None:
        manager.run(new, [ASSIGN_LAYOUT])
    manager.run_until_stable(new, CLEAN_UP)
    manager.run(new, [NARROW_WEIGHTS, REORDER_NODES])
    return new, manager.log
