// What every kernel file begins with.
//
// Integer results must be the bits of the CPU and of the reference: float arithmetic is used as IEEE 754 defines it, each multiply and
// add rounded once. No contraction to fused multiply-add, no relaxed-math build option.
#pragma OPENCL FP_CONTRACT OFF

// A tensor is a memory object and a byte offset in it.
#define EK_IN(name) __global const uchar *name##_memory, const ulong name##_at
#define EK_OUT(name) __global uchar *name##_memory, const ulong name##_at
#define EK_READ(type, name) ((__global const type *)(name##_memory + name##_at))
#define EK_WRITE(type, name) ((__global type *)(name##_memory + name##_at))

// Float kernels may fuse, by name, where the device does it at full speed.
#ifdef FP_FAST_FMAF
#define EK_MULTIPLY_ADD(a, b, c) fma((a), (b), (c))
#else
#define EK_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

// A float in units of the output scale to an integer: NaN to 0, held to [low, high], half to even, plus the zero point.
int ek_to_quantized(float x, float low, float high, int zero_point) {
  x = isnan(x) ? 0.0f : x;
  return convert_int(rint(fmin(fmax(x, low), high))) + zero_point;
}

// clamp(rne((float)acc * multiplier) + zero_point); the product is finite or infinite, never NaN.
int ek_requantize(int acc, float multiplier, float low, float high, int zero_point) {
  return convert_int(rint(fmin(fmax(convert_float_rte(acc) * multiplier, low), high))) + zero_point;
}

int4 ek_requantize4(int4 acc, float4 multiplier, float low, float high, int zero_point) {
  return convert_int4(rint(fmin(fmax(convert_float4_rte(acc) * multiplier, low), high))) + zero_point;
}

// min(max(x, low), high); NaN stays NaN.
float ek_clamp(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

#ifdef EK_EXACT_DIVIDE
float ek_divide(float a, float b) { return a / b; }
#else
// a / b rounded to nearest even, subnormal numbers included, for devices whose division is not: the quotient of the 24-bit
// significands in integers, with the remainder as the sticky bit.
float ek_divide(float a, float b) {
  const uint ua = as_uint(a), ub = as_uint(b), sign = (ua ^ ub) & 0x80000000u;
  uint ma = ua & 0x7FFFFFFFu, mb = ub & 0x7FFFFFFFu;
  if (ma > 0x7F800000u || mb > 0x7F800000u || (ma == 0 && mb == 0) || (ma == 0x7F800000u && mb == 0x7F800000u)) {
    return as_float(0x7FC00000u);
  }
  if (ma == 0x7F800000u || mb == 0) return as_float(sign | 0x7F800000u);
  if (ma == 0 || mb == 0x7F800000u) return as_float(sign);
  int ea = (int)(ma >> 23), eb = (int)(mb >> 23);
  ma = ea == 0 ? ma : (ma & 0x7FFFFFu) | 0x800000u;
  mb = eb == 0 ? mb : (mb & 0x7FFFFFu) | 0x800000u;
  ea = ea == 0 ? 1 : ea;
  eb = eb == 0 ? 1 : eb;
  const int za = (int)clz(ma) - 8, zb = (int)clz(mb) - 8;
  ma <<= za;
  mb <<= zb;
  int exponent = (ea - za) - (eb - zb) + 127;  // of a quotient in [1, 2)
  const ulong numerator = (ulong)ma << 27;
  ulong q = numerator / mb;  // in (2^26, 2^28)
  q |= (ulong)(numerator % mb != 0);
  if (q < ((ulong)1 << 27)) {
    q = q << 1;  // the sticky bit moves up too: it stays below the rounding position
    exponent -= 1;
  }
  // q has 28 bits: 24 kept, 4 dropped; more are dropped where the result is subnormal.
  int drop = 4;
  if (exponent <= 0) {
    drop += 1 - exponent;
    exponent = 0;
  }
  if (drop > 40) return as_float(sign);
  const ulong kept = q >> drop, rest = q & (((ulong)1 << drop) - 1), half_way = (ulong)1 << (drop - 1);
  uint result = (uint)kept;
  result += (rest > half_way || (rest == half_way && (result & 1u) != 0)) ? 1u : 0u;
  // A carry out of the significand moves into the exponent by itself.
  result = exponent > 0 ? result + ((uint)(exponent - 1) << 23) : result;
  return as_float(sign | (exponent >= 255 || result >= 0x7F800000u ? 0x7F800000u : result));
}
#endif

// Geometry of everything that slides a window: (depth, height, width, channels), strides in elements. Missing spatial dimensions have size 1.
#define EK_WINDOW                                                                                                       \
  const int4 x_size, const int4 y_size, const int4 x_stride, const int4 y_stride, const int4 taps, const int4 stride,  \
      const int4 dilation, const int4 begin

// Four values of which the last may be missing.
#define EK_LOAD4(type, vector)                                                                      \
  vector ek_load4_##type(__global const type *from, int count) {                                    \
    if (count >= 4) return vload4(0, from);                                                         \
    return (vector)(from[0], count > 1 ? from[1] : (type)0, count > 2 ? from[2] : (type)0, (type)0); \
  }
#define EK_STORE4(type, vector)                                      \
  void ek_store4_##type(vector v, __global type *to, int count) {    \
    if (count >= 4) {                                                \
      vstore4(v, 0, to);                                             \
      return;                                                        \
    }                                                                \
    to[0] = v.s0;                                                    \
    if (count > 1) to[1] = v.s1;                                     \
    if (count > 2) to[2] = v.s2;                                     \
  }
EK_LOAD4(float, float4)
EK_LOAD4(char, char4)
EK_STORE4(float, float4)
EK_STORE4(char, char4)
