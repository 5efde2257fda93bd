"""The one global layout pass: how operators commute with permutations, and where Transposes are cheapest."""
