"""What the importers share.

A format's package names a ``lazy.LazyConverter``, which tells its files apart by little code (``marks`` for archives) and loads the
importer when it is used: the module ``loading``. That reads its format, then: ``inputs.bind_inputs`` makes the graph's inputs from
``SourceInput``s and the caller's options; ``attempt.attempt`` runs one converter a node from a ``registry.Registry``, and whatever goes
wrong becomes a blocker of ``problems.Problems``; converters compose nodes with a ``composer.Composer`` (a ``node.SourceNode`` where the
source quantizes); ``Problems.raise_blockers`` ends an import that found any; ``outputs.hand_out`` and ``outputs.finish`` end one that did
not. ``failures.naming`` around it all names the model in every error. ``files``, ``archives``, ``protobuf`` and ``wire`` read what several
formats are wrapped in; ``windows``, ``layers``, ``loops``, ``einsum`` and ``audio`` hold what several sources mean alike.
"""
