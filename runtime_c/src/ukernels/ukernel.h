/* Rows: how a micro-kernel is declared, chosen, tested and measured from one line.
 *
 *   EK_UKERNEL(family, function, cpu feature, mr, nr, kr, flags)
 *
 * stands in <family>/<family>.inc. Rows run slowest to fastest; the last one whose feature is present wins. `cpu
 * feature` is one EK_CPU_* token (it implies the levels below it) or 0; a row whose EK_HAVE_<ISA> is 0 in this build
 * disappears. mr, nr, kr are the tile (rows or pixels, columns or channels, depth or taps); a family header says what
 * they mean for it. */
#ifndef EK_UKERNELS_UKERNEL_H
#define EK_UKERNELS_UKERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Flags of a row. The first three declare how close its results are to the family's reference. */
#define EK_EXACT_BITS 0x01u /* the same bits as every other row and the reference */
#define EK_FLOAT_SUM 0x02u  /* |error| <= (terms + 2) * 2^-24 * sum(|term|), against a double-precision sum */
#define EK_FLOAT_ULP 0x04u  /* within the ULP count that the family header declares */
#define EK_ACT_U8 0x10u     /* reads int8 activations as uint8 (x + 128): the packed bias takes the 128 back */
#define EK_TAP_PAIRS 0x20u  /* depthwise weights are packed as [tap / 2][channel][2] */

typedef struct ek_ukernel_info {
  const char *name; /* the function's own name */
  uint64_t cpu;     /* the EK_CPU_ bit it needs, 0 for none */
  uint16_t mr, nr, kr;
  uint16_t flags;
} ek_ukernel_info;

/* A family's header first defines the function type `ek_<family>_fn`, then uses this once. It declares
 *   ek_<family>_row           { ek_ukernel_info info; ek_<family>_fn *fn; }
 *   ek_<family>_rows(&count)  all rows of this build, slowest first (tests and benchmarks)
 *   ek_<family>_select(mask)  the row to run with these CPU features; never null, because the first row needs none */
#define EK_UKERNEL_FAMILY(family) \
  EK_UKERNEL_FAMILY_ROWS(family)  \
  const ek_##family##_row *ek_##family##_select(uint64_t cpu_features);

/* The same without select, for a family whose choice depends on more than the CPU. */
#define EK_UKERNEL_FAMILY_ROWS(family) \
  typedef struct ek_##family##_row {   \
    ek_ukernel_info info;              \
    ek_##family##_fn *fn;              \
  } ek_##family##_row;                 \
  const ek_##family##_row *ek_##family##_rows(size_t *count);

/* <family>.c defines the two functions: define EK_UKERNEL as EK_UKERNEL_ENTRY, then
 * EK_UKERNEL_TABLE_BEGIN(family), #include "<family>.inc", EK_UKERNEL_TABLE_END(family). */
#define EK_UKERNEL_TABLE_BEGIN(family) static const ek_##family##_row ek_##family##_table[] = {
#define EK_UKERNEL_TABLE_END(family)                                             \
  EK_UKERNEL_TABLE_END_ROWS(family)                                              \
  const ek_##family##_row *ek_##family##_select(uint64_t cpu_features) {         \
    size_t i = sizeof(ek_##family##_table) / sizeof(ek_##family##_table[0]) - 1; \
    while ((ek_##family##_table[i].info.cpu & ~cpu_features) != 0) i--;          \
    return &ek_##family##_table[i];                                              \
  }
#define EK_UKERNEL_TABLE_END_ROWS(family)                                  \
  }                                                                        \
  ;                                                                        \
  const ek_##family##_row *ek_##family##_rows(size_t *count) {             \
    *count = sizeof(ek_##family##_table) / sizeof(ek_##family##_table[0]); \
    return ek_##family##_table;                                            \
  }

/* The two readings of a row: the declaration of its function, and its table entry. */
#define EK_UKERNEL_DECLARE(family, function, cpu, mr, nr, kr, flags) EK_KEEP_##cpu(ek_##family##_fn function;)
#define EK_UKERNEL_ENTRY(family, function, cpu, mr, nr, kr, flags) \
  EK_KEEP_##cpu({{#function, cpu, mr, nr, kr, flags}, function}, )

/* EK_KEEP_<feature>(x) is x where the build has files for the feature, else nothing. The build system sets
 * EK_HAVE_<ISA> (runtime_c/cmake/EkIsa.cmake); without it only the scalar rows exist, as in the amalgamation. */
#define EK_KEEP_0(...) __VA_ARGS__
#if defined(EK_HAVE_AVX2) && EK_HAVE_AVX2
#define EK_KEEP_EK_CPU_AVX2(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_AVX2(...)
#endif
#if defined(EK_HAVE_AVXVNNI) && EK_HAVE_AVXVNNI
#define EK_KEEP_EK_CPU_AVXVNNI(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_AVXVNNI(...)
#endif
#if defined(EK_HAVE_AVX512) && EK_HAVE_AVX512
#define EK_KEEP_EK_CPU_AVX512(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_AVX512(...)
#endif
#if defined(EK_HAVE_AVX512VNNI) && EK_HAVE_AVX512VNNI
#define EK_KEEP_EK_CPU_AVX512VNNI(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_AVX512VNNI(...)
#endif
#if defined(EK_HAVE_NEON) && EK_HAVE_NEON
#define EK_KEEP_EK_CPU_NEON(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_NEON(...)
#endif
#if defined(EK_HAVE_NEONFP16) && EK_HAVE_NEONFP16
#define EK_KEEP_EK_CPU_NEONFP16(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_NEONFP16(...)
#endif
#if defined(EK_HAVE_NEONDOT) && EK_HAVE_NEONDOT
#define EK_KEEP_EK_CPU_NEONDOT(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_NEONDOT(...)
#endif
#if defined(EK_HAVE_NEONI8MM) && EK_HAVE_NEONI8MM
#define EK_KEEP_EK_CPU_NEONI8MM(...) __VA_ARGS__
#else
#define EK_KEEP_EK_CPU_NEONI8MM(...)
#endif

#endif
