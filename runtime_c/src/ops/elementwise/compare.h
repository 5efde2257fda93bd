/* The loops of comparisons: any number type in, bool out. */
#ifndef EK_OPS_ELEMENTWISE_COMPARE_H
#define EK_OPS_ELEMENTWISE_COMPARE_H

#include "ops/elementwise/binary.h"

#define EK_COMPARE_INTEGER_(arguments, name, number, TYPE, WIDE) \
  EK_COMPARE_INTEGER__(EK_UNPACK arguments, name, TYPE, WIDE)
#define EK_COMPARE_INTEGER__(...) EK_COMPARE_INTEGER___(__VA_ARGS__)
#define EK_COMPARE_INTEGER___(prefix, expression, name, TYPE, WIDE) \
  EK_LOOP2(prefix##_##name, TYPE, TYPE, uint8_t, WIDE, expression)

#define EK_COMPARE_LOOPS(prefix, expression)                            \
  EK_LOOP2(prefix##_f32, float, float, uint8_t, uint32_t, expression)   \
  EK_LOOP2(prefix##_f64, double, double, uint8_t, uint32_t, expression) \
  EK_LOOP2_F16(prefix##_f16, uint8_t, (uint8_t), expression)            \
  EK_FOR_INTEGERS(EK_COMPARE_INTEGER_, (prefix, expression))
/* of_bool: the loop on bool, or NULL */
#define EK_COMPARE_TABLE(prefix, of_bool)                                                 \
  static ek_binary_loop *const prefix##_loops[EK_DTYPE_LIMIT] = {[EK_F32] = prefix##_f32, \
                                                                 [EK_F16] = prefix##_f16, \
                                                                 [EK_F64] = prefix##_f64, \
                                                                 [EK_BOOL] = of_bool,     \
                                                                 EK_FOR_INTEGERS(EK_LOOP2_ENTRY, prefix)};

#endif
