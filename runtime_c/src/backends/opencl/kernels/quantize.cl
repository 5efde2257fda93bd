// Between real numbers and quantized integers, and lookup tables. Element types are the numbers of ek_dtype: the branch is the same
// for all work items.

enum { EK_I8 = 3, EK_U8 = 4, EK_I16 = 5, EK_U16 = 6, EK_I32 = 7 };

int ek_load_integer(__global const uchar *memory, int i, int type) {
  switch (type) {
    case EK_I8: return ((__global const char *)memory)[i];
    case EK_U8: return memory[i];
    case EK_I16: return ((__global const short *)memory)[i];
    case EK_U16: return ((__global const ushort *)memory)[i];
    default: return ((__global const int *)memory)[i];
  }
}

void ek_store_integer(__global uchar *memory, int i, int type, int value) {
  switch (type) {
    case EK_I8: ((__global char *)memory)[i] = (char)value; break;
    case EK_U8: memory[i] = (uchar)value; break;
    case EK_I16: ((__global short *)memory)[i] = (short)value; break;
    default: ((__global ushort *)memory)[i] = (ushort)value; break;
  }
}

// Parameters lie along one axis: element i belongs to channel i / inner % channels.
__kernel void quantize(EK_IN(x), EK_OUT(y), EK_IN(scale), EK_IN(zero), const int count, const int inner, const int channels,
                       const int lowest, const int highest, const int type) {
  const int i = (int)get_global_id(0);
  if (i >= count) return;
  const int c = i / inner % channels, zero_point = EK_READ(int, zero)[c];
  const float scaled = ek_divide(EK_READ(float, x)[i], EK_READ(float, scale)[c]);
  const float low = convert_float(lowest - zero_point), high = convert_float(highest - zero_point);
  ek_store_integer(y_memory + y_at, i, type, ek_to_quantized(scaled, low, high, zero_point));
}

__kernel void dequantize(EK_IN(x), EK_OUT(y), EK_IN(scale), EK_IN(zero), const int count, const int inner, const int channels,
                         const int type) {
  const int i = (int)get_global_id(0);
  if (i >= count) return;
  const int c = i / inner % channels;
  const int centred = (int)((uint)ek_load_integer(x_memory + x_at, i, type) - (uint)EK_READ(int, zero)[c]);
  EK_WRITE(float, y)[i] = convert_float_rte(centred) * EK_READ(float, scale)[c];
}

__kernel void requantize(EK_IN(x), EK_OUT(y), EK_IN(multiplier), EK_IN(x_zero), EK_IN(y_zero), const int count, const int inner,
                         const int channels, const int lowest, const int highest, const int x_type, const int y_type) {
  const int i = (int)get_global_id(0);
  if (i >= count) return;
  const int c = i / inner % channels, zero_point = EK_READ(int, y_zero)[c];
  const int centred = (int)((uint)ek_load_integer(x_memory + x_at, i, x_type) - (uint)EK_READ(int, x_zero)[c]);
  const float low = convert_float(lowest - zero_point), high = convert_float(highest - zero_point);
  ek_store_integer(y_memory + y_at, i, y_type, ek_requantize(centred, EK_READ(float, multiplier)[c], low, high, zero_point));
}

#define EK_LOOKUP(size, type)                                                                                       \
  __kernel void lookup_##size(EK_IN(x), EK_IN(table), EK_OUT(y), const int count, const int is_signed) {            \
    const int i = (int)get_global_id(0);                                                                            \
    if (i >= count) return;                                                                                         \
    EK_WRITE(type, y)[i] = EK_READ(type, table)[EK_READ(uchar, x)[i] ^ (is_signed ? 0x80 : 0)];                     \
  }
EK_LOOKUP(1, uchar)
EK_LOOKUP(2, ushort)
EK_LOOKUP(4, uint)
