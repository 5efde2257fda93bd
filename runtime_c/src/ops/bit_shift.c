/* BitShift: a by b bits. The amount is read as unsigned; as many bits as the type has, or more, shift everything out. */
#include "ops/elementwise/binary.h"

#define BITS (8 * sizeof(Y))
#define OUT (v < 0 || (W)v >= BITS)
/* to the right, arithmetically, without relying on >> of a negative number */
#define SIGNED_RIGHT (OUT ? (Y)(u < 0 ? -1 : 0) : u < 0 ? (Y) ~(~(W)u >> v) : (Y)((W)u >> v))

EK_BINARY_SIGNED_LOOPS(bit_shift, p->flag ? SIGNED_RIGHT : OUT ? 0 : (Y)((W)u << v))
#undef OUT
#define OUT ((W)v >= BITS)
EK_BINARY_UNSIGNED_LOOPS(bit_shift, OUT ? 0 : p->flag ? (Y)((W)u >> v) : (Y)((W)u << v))
EK_BINARY_INTEGER_TABLE(bit_shift)

#undef BITS
#undef OUT
#undef SIGNED_RIGHT

static void bit_shift_attributes(const void *attrs, ek_binary_params *p) {
  p->flag = ((const ek_bit_shift_attrs *)attrs)->direction == EK_BIT_SHIFT_DIRECTION_RIGHT;
}

static const ek_binary_def bit_shift_def = {bit_shift_loops,      NULL,       NULL, bit_shift_attributes,
                                            EK_F32_VBINARY_COUNT, EK_QS8_LOOP};
EK_BINARY_OP(bit_shift, "BitShift", bit_shift_def)
