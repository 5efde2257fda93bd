/* CPU features: the mask that chooses micro-kernels.
 *
 * A bit names a level that some micro-kernel file is compiled for, not a single cpuid flag, and implies the levels
 * below it: EK_CPU_AVX512VNNI is only set together with EK_CPU_AVX512 and EK_CPU_AVX2. A row therefore needs to name
 * one bit only. */
#ifndef EK_BASE_CPU_H
#define EK_BASE_CPU_H

#include <stdint.h>

#define EK_CPU_AVX2 (UINT64_C(1) << 0)       /* avx2, fma, f16c */
#define EK_CPU_AVXVNNI (UINT64_C(1) << 1)    /* the 256-bit VEX form of VNNI */
#define EK_CPU_AVX512 (UINT64_C(1) << 2)     /* avx512 f, bw, dq, vl */
#define EK_CPU_AVX512VNNI (UINT64_C(1) << 3) /* avx512 vnni */
#define EK_CPU_NEON (UINT64_C(1) << 16)      /* aarch64 Advanced SIMD */
#define EK_CPU_NEONFP16 (UINT64_C(1) << 17)  /* half precision arithmetic */
#define EK_CPU_NEONDOT (UINT64_C(1) << 18)   /* sdot, udot */
#define EK_CPU_NEONI8MM (UINT64_C(1) << 19)  /* smmla, usmmla */

/* The features of the running CPU and operating system. Costs a few hundred cycles: call once and keep the answer. */
uint64_t ek_cpu_detect(void);

/* "avx2" for EK_CPU_AVX2 and so on; a null pointer when `bit` is not exactly one known feature. */
const char *ek_cpu_feature_name(uint64_t bit);

/* The features an ISA name stands for: that level and everything it implies. "scalar" is 0, "native" is
 * ek_cpu_detect(). Returns 0 when the name is known (whether or not this CPU has it), -1 otherwise and leaves *mask
 * alone. Callers AND the mask with ek_cpu_detect(): a level the CPU lacks then falls back to the best one below it. */
int ek_cpu_parse_isa(const char *name, uint64_t *mask);

#endif
