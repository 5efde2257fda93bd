/* Pcan: gain control per channel, from an estimate of the noise, in integers. */
#include "ek_ops_gen.h"
#include "ops/bits.h"
#include "ops/op.h"

#define EK_PCAN_TABLE 125

static ek_status pcan_shape(ek_op_context *ctx) {
  const ek_pcan_attrs *attrs = ctx->attrs;
  const ek_tensor *x = ek_input(ctx, 0), *noise = ek_input(ctx, 1), *table = ek_input(ctx, 2);
  bool same = x->rank == noise->rank;
  for (uint32_t i = 0; same && i < x->rank; i++) same = x->dims[i] == noise->dims[i];
  if (!same) return ek_op_fail(ctx, EK_ERR_SHAPE, "signal and noise of one shape are needed");
  if (table->rank != 1 || table->dims[0] < EK_PCAN_TABLE || attrs->snr_shift < 0 || attrs->snr_shift > 63) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a table of %d entries or more and a shift from 0 to 63 are needed",
                      EK_PCAN_TABLE);
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), x);
}

/* A quadratic piece for each power of two. All arithmetic modulo 2^32, the result as int16. */
static int16_t gain_of(uint32_t noise, const int16_t *table) {
  if (noise <= 2) return table[noise];
  const uint32_t bits = ek_bit_length(noise);
  const int16_t *piece = table + 4 * bits - 6;
  const int32_t part = (int32_t)((bits < 11 ? noise << (11 - bits) : noise >> (bits - 11)) & 0x3FF);
  const uint32_t slope = (uint32_t)((piece[2] * part) >> 5) + ((uint32_t)(int32_t)piece[1] << 5);
  const int32_t curve = (int32_t)(slope * (uint32_t)part + (UINT32_C(1) << 14));
  return (int16_t)(uint32_t)((curve >> 15) + piece[0]);
}

static ek_status pcan_run(ek_op_context *ctx) {
  const ek_pcan_attrs *attrs = ctx->attrs;
  const uint32_t *x = ek_input(ctx, 0)->data, *noise = ek_input(ctx, 1)->data;
  uint32_t *y = ek_output(ctx, 0)->data;
  const int64_t n = ek_tensor_elements(ek_input(ctx, 0));
  for (int64_t i = 0; i < n; i++) {
    const uint32_t gain = (uint32_t)(int32_t)gain_of(noise[i], ek_input(ctx, 2)->data);
    const uint32_t s = (uint32_t)((uint64_t)x[i] * gain >> attrs->snr_shift);
    y[i] = s < 2u << 12 ? s * s >> 20 : (s >> 6) - 64;
  }
  return EK_OK;
}

const ek_op ek_op_pcan = {"Pcan", pcan_shape, NULL, NULL, pcan_run};
