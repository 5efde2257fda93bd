/* The one body of the vector rows. A row's file defines EK_KERNEL, EK_LANES and the vector operations, then includes
 * this. */
void EK_KERNEL(size_t channels, const ek_s8_maxpool_args *args) {
  const EK_VECTOR min = EK_SPLAT(args->min), max = EK_SPLAT(args->max);
  size_t n = 0;
  for (; n + EK_LANES <= channels; n += EK_LANES) {
    const int8_t *a = args->a + n;
    EK_VECTOR x = min;
    for (size_t t = 0; t < args->taps; t++) x = EK_MAX(x, EK_LOAD(a + args->a_offsets[t]));
    EK_STORE(args->c + n, EK_MIN(x, max));
  }
  for (; n < channels; n++) {
    int8_t x = args->min;
    for (size_t t = 0; t < args->taps; t++) {
      const int8_t v = args->a[args->a_offsets[t] + n];
      x = v > x ? v : x;
    }
    args->c[n] = x < args->max ? x : args->max;
  }
}

#undef EK_KERNEL
#undef EK_LANES
#undef EK_VECTOR
#undef EK_SPLAT
#undef EK_LOAD
#undef EK_STORE
#undef EK_MAX
#undef EK_MIN
