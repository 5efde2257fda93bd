#include "base/cpu.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

/* Name, bit, and the bits of the levels below that it implies. */
static const struct {
  const char *name;
  uint64_t bit;
  uint64_t implies;
} ek_cpu_levels[] = {
    {"avx2", EK_CPU_AVX2, 0},
    {"avxvnni", EK_CPU_AVXVNNI, EK_CPU_AVX2},
    {"avx512", EK_CPU_AVX512, EK_CPU_AVX2},
    {"avx512vnni", EK_CPU_AVX512VNNI, EK_CPU_AVX512 | EK_CPU_AVX2},
    {"neon", EK_CPU_NEON, 0},
    {"neonfp16", EK_CPU_NEONFP16, EK_CPU_NEON},
    {"neondot", EK_CPU_NEONDOT, EK_CPU_NEON},
    {"neoni8mm", EK_CPU_NEONI8MM, EK_CPU_NEONDOT | EK_CPU_NEON},
};
#define EK_CPU_LEVEL_COUNT (sizeof(ek_cpu_levels) / sizeof(ek_cpu_levels[0]))

#if defined(__x86_64__) || defined(__i386__)
/* Bits of XCR0 that the operating system must save for the registers to survive a context switch. */
#define EK_XCR0_YMM UINT64_C(0x06)
#define EK_XCR0_ZMM UINT64_C(0xE6)

static uint64_t ek_cpu_detect_raw(void) {
  unsigned a, b, c, d, b7, c7, d7, a71 = 0, unused_b, unused_c, unused_d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const int osxsave = (c >> 27) & 1, fma = (c >> 12) & 1, f16c = (c >> 29) & 1;
  if (!osxsave || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return 0;
  if (a >= 1) __get_cpuid_count(7, 1, &a71, &unused_b, &unused_c, &unused_d);

  unsigned xcr0_low, xcr0_high;
  __asm__ volatile("xgetbv" : "=a"(xcr0_low), "=d"(xcr0_high) : "c"(0));
  const uint64_t xcr0 = ((uint64_t)xcr0_high << 32) | xcr0_low;

  uint64_t features = 0;
  if ((xcr0 & EK_XCR0_YMM) == EK_XCR0_YMM) {
    if (((b7 >> 5) & 1) && fma && f16c) features |= EK_CPU_AVX2;
    if ((a71 >> 4) & 1) features |= EK_CPU_AVXVNNI;
  }
  if ((xcr0 & EK_XCR0_ZMM) == EK_XCR0_ZMM) {
    const unsigned f_dq_bw_vl = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
    if ((b7 & f_dq_bw_vl) == f_dq_bw_vl) features |= EK_CPU_AVX512;
    if ((c7 >> 11) & 1) features |= EK_CPU_AVX512VNNI;
  }
  return features;
}
#elif defined(__aarch64__) && defined(__linux__)
/* Written out because older C libraries do not name all of them. */
#define EK_HWCAP_ASIMD (1ul << 1)
#define EK_HWCAP_ASIMDHP (1ul << 10)
#define EK_HWCAP_ASIMDDP (1ul << 20)
#define EK_HWCAP2_I8MM (1ul << 13)

static uint64_t ek_cpu_detect_raw(void) {
  const unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2);
  uint64_t features = 0;
  if (hwcap & EK_HWCAP_ASIMD) features |= EK_CPU_NEON;
  if (hwcap & EK_HWCAP_ASIMDHP) features |= EK_CPU_NEONFP16;
  if (hwcap & EK_HWCAP_ASIMDDP) features |= EK_CPU_NEONDOT;
  if (hwcap2 & EK_HWCAP2_I8MM) features |= EK_CPU_NEONI8MM;
  return features;
}
#elif defined(__aarch64__) && defined(__APPLE__)
static int ek_cpu_sysctl_flag(const char *name) {
  int value = 0;
  size_t size = sizeof(value);
  return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}

static uint64_t ek_cpu_detect_raw(void) {
  uint64_t features = EK_CPU_NEON;
  if (ek_cpu_sysctl_flag("hw.optional.arm.FEAT_FP16")) features |= EK_CPU_NEONFP16;
  if (ek_cpu_sysctl_flag("hw.optional.arm.FEAT_DotProd")) features |= EK_CPU_NEONDOT;
  if (ek_cpu_sysctl_flag("hw.optional.arm.FEAT_I8MM")) features |= EK_CPU_NEONI8MM;
  return features;
}
#elif defined(__aarch64__)
static uint64_t ek_cpu_detect_raw(void) {
  return EK_CPU_NEON; /* the base of the architecture; nothing more can be known here */
}
#else
static uint64_t ek_cpu_detect_raw(void) { return 0; }
#endif

uint64_t ek_cpu_detect(void) {
  const uint64_t raw = ek_cpu_detect_raw();
  uint64_t features = 0;
  /* A hypervisor may hide a lower level and show a higher one: keep the promise that a bit implies those below. */
  for (size_t i = 0; i < EK_CPU_LEVEL_COUNT; i++) {
    const uint64_t needed = ek_cpu_levels[i].bit | ek_cpu_levels[i].implies;
    if ((raw & needed) == needed) features |= ek_cpu_levels[i].bit;
  }
  return features;
}

const char *ek_cpu_feature_name(uint64_t bit) {
  for (size_t i = 0; i < EK_CPU_LEVEL_COUNT; i++) {
    if (ek_cpu_levels[i].bit == bit) return ek_cpu_levels[i].name;
  }
  return NULL;
}

int ek_cpu_parse_isa(const char *name, uint64_t *mask) {
  if (strcmp(name, "scalar") == 0) {
    *mask = 0;
    return 0;
  }
  if (strcmp(name, "native") == 0) {
    *mask = ek_cpu_detect();
    return 0;
  }
  for (size_t i = 0; i < EK_CPU_LEVEL_COUNT; i++) {
    if (strcmp(ek_cpu_levels[i].name, name) == 0) {
      *mask = ek_cpu_levels[i].bit | ek_cpu_levels[i].implies;
      return 0;
    }
  }
  return -1;
}
