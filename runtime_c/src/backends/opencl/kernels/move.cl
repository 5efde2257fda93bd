// Copies an N-dimensional block between two layouts, and fills. Strides are in units of the kernel's element.

#define EK_MOVE_STEP(k)             \
  {                                 \
    const int at = rest % dims.k;   \
    rest /= dims.k;                 \
    from += at * x_stride.k;        \
    to += at * y_stride.k;          \
  }

#define EK_MOVE(size, type)                                                                                         \
  __kernel void move_##size(EK_IN(x), EK_OUT(y), const int count, const int rank, const int8 dims, const int8 x_stride, \
                            const int8 y_stride) {                                                                  \
    const int i = (int)get_global_id(0);                                                                            \
    if (i >= count) return;                                                                                         \
    int rest = i, from = 0, to = 0;                                                                                 \
    EK_MOVE_STEP(s7)                                                                                                \
    if (rank > 1) EK_MOVE_STEP(s6)                                                                                  \
    if (rank > 2) EK_MOVE_STEP(s5)                                                                                  \
    if (rank > 3) EK_MOVE_STEP(s4)                                                                                  \
    if (rank > 4) EK_MOVE_STEP(s3)                                                                                  \
    if (rank > 5) EK_MOVE_STEP(s2)                                                                                  \
    if (rank > 6) EK_MOVE_STEP(s1)                                                                                  \
    if (rank > 7) EK_MOVE_STEP(s0)                                                                                  \
    EK_WRITE(type, y)[to] = EK_READ(type, x)[from];                                                                 \
  }
EK_MOVE(1, uchar)
EK_MOVE(2, ushort)
EK_MOVE(4, uint)
EK_MOVE(8, uint2)
EK_MOVE(16, uint4)

#define EK_FILL(size, type)                                                                  \
  __kernel void fill_##size(EK_OUT(y), const int count, const int2 value) {                  \
    const int i = (int)get_global_id(0);                                                     \
    if (i < count) EK_WRITE(type, y)[i] = (type)(value.s0);                                  \
  }
EK_FILL(1, uchar)
EK_FILL(2, ushort)
EK_FILL(4, uint)
__kernel void fill_8(EK_OUT(y), const int count, const int2 value) {
  const int i = (int)get_global_id(0);
  if (i < count) EK_WRITE(int2, y)[i] = value;
}
