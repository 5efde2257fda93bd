/* The few vector operations that the elementwise families need, written once for each ISA, so that a family is one template
 * and gives the same bits everywhere: every multiply and add is rounded once (no fma), division is IEEE.
 *
 * A file defines EK_VECTOR_ISA before it includes this; EK_V is the number of floats in a vector. The arithmetic operators
 * of C work on ek_vf (float) and ek_vu (uint32) as they are.
 *
 *   ek_v_min(a, b)               a < b ? a : b        so ek_v_min(bound, x) keeps a NaN x
 *   ek_v_max(a, b)               a > b ? a : b
 *   ek_v_lt(a, b, x, y)          a < b ? x : y
 *   ek_v_eq(a, b, x, y)          a == b ? x : y
 *   ek_v_load2_s8 / store2_s8    2 EK_V int8 to and from two vectors of int32 (in range) */
#ifndef EK_UKERNELS_VECTOR_H
#define EK_UKERNELS_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#define EK_VECTOR_SCALAR 0
#define EK_VECTOR_AVX2 1
#define EK_VECTOR_AVX512 2
#define EK_VECTOR_NEON 3

#if EK_VECTOR_ISA == EK_VECTOR_SCALAR

#define EK_V 1
typedef float ek_vf;
typedef uint32_t ek_vu;
static inline ek_vf ek_v_load(const float *p) { return *p; }
static inline void ek_v_store(float *p, ek_vf v) { *p = v; }
static inline ek_vf ek_v_load_part(const float *p, size_t n) { return n > 0 ? *p : 0.0f; }
static inline void ek_v_store_part(float *p, ek_vf v, size_t n) {
  if (n > 0) *p = v;
}
static inline ek_vf ek_v_set(float x) { return x; }
static inline ek_vf ek_v_min(ek_vf a, ek_vf b) { return a < b ? a : b; }
static inline ek_vf ek_v_max(ek_vf a, ek_vf b) { return a > b ? a : b; }
static inline ek_vf ek_v_lt(ek_vf a, ek_vf b, ek_vf x, ek_vf y) { return a < b ? x : y; }
static inline ek_vf ek_v_eq(ek_vf a, ek_vf b, ek_vf x, ek_vf y) { return a == b ? x : y; }
static inline ek_vf ek_v_sqrt(ek_vf x) { return __builtin_sqrtf(x); }
static inline ek_vu ek_v_bits(ek_vf x) {
  ek_vu bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline ek_vf ek_v_float(ek_vu bits) {
  ek_vf x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
static inline ek_vf ek_v_convert(ek_vu x) { return (float)(int32_t)x; }
static inline void ek_v_load2_s8(const int8_t *p, ek_vu *v0, ek_vu *v1) {
  *v0 = (uint32_t)(int32_t)p[0];
  *v1 = (uint32_t)(int32_t)p[1];
}
static inline void ek_v_store2_s8(int8_t *p, ek_vu v0, ek_vu v1) {
  p[0] = (int8_t)(int32_t)v0;
  p[1] = (int8_t)(int32_t)v1;
}

#elif EK_VECTOR_ISA == EK_VECTOR_AVX2

#include <immintrin.h>
#define EK_V 8
typedef __m256 ek_vf;
typedef uint32_t ek_vu __attribute__((vector_size(32)));
static inline ek_vf ek_v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void ek_v_store(float *p, ek_vf v) { _mm256_storeu_ps(p, v); }
static inline __m256i ek_v_part_mask(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline ek_vf ek_v_load_part(const float *p, size_t n) { return _mm256_maskload_ps(p, ek_v_part_mask(n)); }
static inline void ek_v_store_part(float *p, ek_vf v, size_t n) { _mm256_maskstore_ps(p, ek_v_part_mask(n), v); }
static inline ek_vf ek_v_set(float x) { return _mm256_set1_ps(x); }
static inline ek_vf ek_v_min(ek_vf a, ek_vf b) { return _mm256_min_ps(a, b); }
static inline ek_vf ek_v_max(ek_vf a, ek_vf b) { return _mm256_max_ps(a, b); }
static inline ek_vf ek_v_lt(ek_vf a, ek_vf b, ek_vf x, ek_vf y) {
  return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline ek_vf ek_v_eq(ek_vf a, ek_vf b, ek_vf x, ek_vf y) {
  return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}
static inline ek_vf ek_v_sqrt(ek_vf x) { return _mm256_sqrt_ps(x); }
static inline ek_vu ek_v_bits(ek_vf x) { return (ek_vu)x; }
static inline ek_vf ek_v_float(ek_vu bits) { return (ek_vf)bits; }
static inline ek_vf ek_v_convert(ek_vu x) { return _mm256_cvtepi32_ps((__m256i)x); }
static inline void ek_v_load2_s8(const int8_t *p, ek_vu *v0, ek_vu *v1) {
  const __m128i bytes = _mm_loadu_si128((const __m128i *)p);
  *v0 = (ek_vu)_mm256_cvtepi8_epi32(bytes);
  *v1 = (ek_vu)_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes));
}
static inline void ek_v_store2_s8(int8_t *p, ek_vu v0, ek_vu v1) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)v0, (__m256i)v1), 0xD8);
  _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

#elif EK_VECTOR_ISA == EK_VECTOR_AVX512

#include <immintrin.h>
#define EK_V 16
typedef __m512 ek_vf;
typedef uint32_t ek_vu __attribute__((vector_size(64)));
static inline ek_vf ek_v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void ek_v_store(float *p, ek_vf v) { _mm512_storeu_ps(p, v); }
static inline ek_vf ek_v_load_part(const float *p, size_t n) {
  return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void ek_v_store_part(float *p, ek_vf v, size_t n) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
static inline ek_vf ek_v_set(float x) { return _mm512_set1_ps(x); }
static inline ek_vf ek_v_min(ek_vf a, ek_vf b) { return _mm512_min_ps(a, b); }
static inline ek_vf ek_v_max(ek_vf a, ek_vf b) { return _mm512_max_ps(a, b); }
static inline ek_vf ek_v_lt(ek_vf a, ek_vf b, ek_vf x, ek_vf y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
static inline ek_vf ek_v_eq(ek_vf a, ek_vf b, ek_vf x, ek_vf y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), y, x);
}
static inline ek_vf ek_v_sqrt(ek_vf x) { return _mm512_sqrt_ps(x); }
static inline ek_vu ek_v_bits(ek_vf x) { return (ek_vu)x; }
static inline ek_vf ek_v_float(ek_vu bits) { return (ek_vf)bits; }
static inline ek_vf ek_v_convert(ek_vu x) { return _mm512_cvtepi32_ps((__m512i)x); }
static inline void ek_v_load2_s8(const int8_t *p, ek_vu *v0, ek_vu *v1) {
  *v0 = (ek_vu)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
  *v1 = (ek_vu)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(p + 16)));
}
static inline void ek_v_store2_s8(int8_t *p, ek_vu v0, ek_vu v1) {
  _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)v0));
  _mm_storeu_si128((__m128i *)(p + 16), _mm512_cvtepi32_epi8((__m512i)v1));
}

#elif EK_VECTOR_ISA == EK_VECTOR_NEON

#include <arm_neon.h>
#define EK_V 4
typedef float32x4_t ek_vf;
typedef uint32x4_t ek_vu;
static inline ek_vf ek_v_load(const float *p) { return vld1q_f32(p); }
static inline void ek_v_store(float *p, ek_vf v) { vst1q_f32(p, v); }
static inline ek_vf ek_v_load_part(const float *p, size_t n) {
  ek_vf v = vdupq_n_f32(0.0f);
  if (n > 0) v = vld1q_lane_f32(p, v, 0);
  if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
  if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
  return v;
}
static inline void ek_v_store_part(float *p, ek_vf v, size_t n) {
  if (n > 0) vst1q_lane_f32(p, v, 0);
  if (n > 1) vst1q_lane_f32(p + 1, v, 1);
  if (n > 2) vst1q_lane_f32(p + 2, v, 2);
}
static inline ek_vf ek_v_set(float x) { return vdupq_n_f32(x); }
static inline ek_vf ek_v_lt(ek_vf a, ek_vf b, ek_vf x, ek_vf y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
static inline ek_vf ek_v_eq(ek_vf a, ek_vf b, ek_vf x, ek_vf y) { return vbslq_f32(vceqq_f32(a, b), x, y); }
static inline ek_vf ek_v_min(ek_vf a, ek_vf b) { return ek_v_lt(a, b, a, b); } /* fmin treats NaN and zeros otherwise */
static inline ek_vf ek_v_max(ek_vf a, ek_vf b) { return ek_v_lt(b, a, a, b); }
static inline ek_vf ek_v_sqrt(ek_vf x) { return vsqrtq_f32(x); }
static inline ek_vu ek_v_bits(ek_vf x) { return vreinterpretq_u32_f32(x); }
static inline ek_vf ek_v_float(ek_vu bits) { return vreinterpretq_f32_u32(bits); }
static inline ek_vf ek_v_convert(ek_vu x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
static inline void ek_v_load2_s8(const int8_t *p, ek_vu *v0, ek_vu *v1) {
  const int16x8_t words = vmovl_s8(vld1_s8(p));
  *v0 = vreinterpretq_u32_s32(vmovl_s16(vget_low_s16(words)));
  *v1 = vreinterpretq_u32_s32(vmovl_high_s16(words));
}
static inline void ek_v_store2_s8(int8_t *p, ek_vu v0, ek_vu v1) {
  const uint16x8_t words = vuzp1q_u16(vreinterpretq_u16_u32(v0), vreinterpretq_u16_u32(v1));
  vst1_u8((uint8_t *)p, vmovn_u16(words));
}

#endif

/* Round to nearest even of |x| < 2^22, as an integer. */
static inline ek_vu ek_v_round(ek_vf x) { return ek_v_bits(x + ek_v_set(12582912.0f)) - 0x4B400000u; }

#endif
