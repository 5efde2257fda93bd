/* Runs nodes with the operators of ops/: the back end that takes every node, and all subgraphs. */
#ifndef EK_BACKENDS_CPU_CPU_H
#define EK_BACKENDS_CPU_CPU_H

#include "backends/backend.h"

/* Sets the dims of the node's outputs when a session is made, checks them against the file, and finds whether the node is dynamic. */
ek_status ek_cpu_shape_node(ek_exec_graph *graph, uint32_t node, ek_error *error);
/* Runs nodes [first, last): shapes first where they are dynamic. */
ek_status ek_cpu_run_nodes(ek_exec_graph *graph, uint32_t first, uint32_t last, ek_error *error);

#endif
