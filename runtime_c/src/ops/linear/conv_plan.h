/* Conv in three forms over one plan: a plain product (1x1), an indirect product, and depthwise. */
#ifndef EK_OPS_LINEAR_CONV_PLAN_H
#define EK_OPS_LINEAR_CONV_PLAN_H

#include "ek_ops_gen.h"
#include "ops/linear/igemm.h"
#include "ops/spatial.h"
#include "ukernels/f32_dwconv/f32_dwconv.h"
#include "ukernels/qs8_dwconv/qs8_dwconv.h"

typedef enum ek_conv_path { EK_CONV_GEMM, EK_CONV_IGEMM, EK_CONV_DEPTHWISE } ek_conv_path;

typedef struct ek_conv_plan {
  ek_conv_path path;
  ek_window window;
  ek_spatial in, out;
  size_t groups, group_in, group_out, taps;
  size_t pixels; /* output positions of one image */
  ek_igemm g;    /* also the finish of the depthwise form */
  const ek_f32_dwconv_row *dw_f32;
  const ek_qs8_dwconv_row *dw_qs8;
  size_t mr;
  bool channels_last;
  bool pack_in_run;   /* weights or bias are computed by the model */
  bool tables_in_run; /* shapes change, or the tables would be large */
  bool by_row;        /* tiles do not cross output rows, so that rows share tables: see ek_conv_row */
  size_t row_count, row_tiles, row_tables; /* output rows, tiles in one, different tables */
  /* Offsets in the state: */
  size_t zero, packed, tables, rows, packed_group;
  /* Offsets in the scratch: */
  size_t run_packed, run_pack_scratch, run_tables, run_x, run_y;
  size_t init_scratch; /* in the state: packing works there */
  size_t state_bytes, scratch_bytes;
} ek_conv_plan;

/* Where the table of one output row lies, and what is added to its offsets. All rows whose windows lie inside the input
 * along the dimensions before the last share one table; each of the others has its own. */
typedef struct ek_conv_row {
  uint32_t table;
  uint32_t base;
} ek_conv_row;

/* Builds the plan from the context's present shapes. */
ek_status ek_conv_plan_build(ek_op_context *ctx, ek_conv_plan *plan);

/* Packs the weights; `scratch` is the memory packing works in. */
void ek_conv_pack(ek_op_context *ctx, const ek_conv_plan *plan, void *scratch, void *packed);

/* Fills the tables of the state, and the rows where there are any. */
void ek_conv_fill_tables(const ek_conv_plan *plan, char *state);

/* Offsets of the taps of `mr` output positions from `first` on, relative to the image: [taps][plan->mr]. */
void ek_conv_fill_table(const ek_conv_plan *plan, size_t first, size_t mr, uint32_t *table);

#endif
