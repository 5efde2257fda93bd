"""What the importers share: problems found on the way, tables of converters, composing nodes, inputs and outputs of the graph."""
