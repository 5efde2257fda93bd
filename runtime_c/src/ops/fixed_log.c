/* FixedLog: the natural logarithm of unsigned integers, in integers. */
#include "ek_ops_gen.h"
#include "ops/bits.h"
#include "ops/op.h"

#define EK_LN2 45426 /* in units of 2^-16 */

/* How far log2(1 + k / 128) lies above k / 128, in units of 2^-16: log_table of edgekit/ops/fixed_point.py. */
/* clang-format off */
static const uint16_t log_bulge[129] = {
    0, 224, 442, 654, 861, 1063, 1259, 1450, 1636, 1817, 1992, 2163, 2329, 2490, 2646, 2797,
    2944, 3087, 3224, 3358, 3487, 3611, 3732, 3848, 3960, 4068, 4172, 4272, 4368, 4460, 4549, 4633,
    4714, 4791, 4864, 4934, 5001, 5063, 5123, 5178, 5231, 5280, 5326, 5368, 5408, 5444, 5477, 5507,
    5533, 5557, 5578, 5595, 5610, 5622, 5631, 5637, 5640, 5641, 5638, 5633, 5626, 5615, 5602, 5586,
    5568, 5547, 5524, 5498, 5470, 5439, 5406, 5370, 5332, 5291, 5249, 5203, 5156, 5106, 5054, 5000,
    4944, 4885, 4825, 4762, 4697, 4630, 4561, 4490, 4416, 4341, 4264, 4184, 4103, 4020, 3935, 3848,
    3759, 3668, 3575, 3481, 3384, 3286, 3186, 3084, 2981, 2875, 2768, 2659, 2549, 2437, 2323, 2207,
    2090, 1971, 1851, 1729, 1605, 1480, 1353, 1224, 1094, 963, 830, 695, 559, 421, 282, 142,
    0,
};
/* clang-format on */

static uint32_t log_of(uint32_t v, uint32_t scale) {
  const uint32_t whole = ek_bit_length(v) - 1, rest = v - (UINT32_C(1) << whole);
  const uint32_t position = whole < 16 ? rest << (16 - whole) : rest >> (whole - 16);
  const uint32_t segment = position >> 9;
  const int32_t low = log_bulge[segment], high = log_bulge[segment + 1];
  /* rounds down */
  const int32_t slope = (high - low) * (int32_t)(position & 511);
  const int32_t within = slope >= 0 ? slope >> 16 : -((-slope + 65535) >> 16);
  const uint32_t log2 = (whole << 16) + position + (uint32_t)(low + within);
  const uint32_t natural = (uint32_t)(((uint64_t)EK_LN2 * log2 + 32768) >> 16);
  return (scale * natural + 32768) >> 16;
}

static ek_status fixed_log_shape(ek_op_context *ctx) {
  const ek_fixed_log_attrs *attrs = ctx->attrs;
  if (attrs->output_scale < 0 || attrs->output_scale > INT32_MAX || attrs->correction_bits < 0 ||
      attrs->correction_bits > 31) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "a scale of %lld and %lld bits", (long long)attrs->output_scale,
                      (long long)attrs->correction_bits);
  }
  return ek_copy_dims(ctx, ek_output(ctx, 0), ek_input(ctx, 0));
}

static ek_status fixed_log_run(ek_op_context *ctx) {
  const ek_fixed_log_attrs *attrs = ctx->attrs;
  const uint32_t *x = ek_input(ctx, 0)->data;
  int16_t *y = ek_output(ctx, 0)->data;
  const int64_t n = ek_tensor_elements(ek_input(ctx, 0));
  for (int64_t i = 0; i < n; i++) {
    const uint32_t v = x[i] << attrs->correction_bits;
    const uint32_t log = v > 1 ? log_of(v, (uint32_t)attrs->output_scale) : 0;
    y[i] = (int16_t)(log < INT16_MAX ? log : INT16_MAX);
  }
  return EK_OK;
}

const ek_op ek_op_fixed_log = {"FixedLog", fixed_log_shape, NULL, NULL, fixed_log_run};
