/* The one body of the vector rows. A row's file defines EK_KERNEL, EK_LANES and the vector operations, then includes
 * this. */
void EK_KERNEL(size_t channels, const ek_f32_maxpool_args *args) {
  const EK_VECTOR min = EK_SPLAT(args->min), max = EK_SPLAT(args->max), lowest = EK_SPLAT(-__builtin_inff());
  size_t n = 0;
  for (; n + 2 * EK_LANES <= channels; n += 2 * EK_LANES) {
    const float *a = args->a + n;
    EK_VECTOR x0 = lowest, x1 = lowest;
    for (size_t t = 0; t < args->taps; t++) {
      x0 = EK_MAX(EK_LOAD(a + args->a_offsets[t]), x0);
      x1 = EK_MAX(EK_LOAD(a + args->a_offsets[t] + EK_LANES), x1);
    }
    EK_STORE(args->c + n, EK_MIN(EK_MAX(x0, min), max));
    EK_STORE(args->c + n + EK_LANES, EK_MIN(EK_MAX(x1, min), max));
  }
  for (; n < channels; n++) {
    float x = -__builtin_inff();
    for (size_t t = 0; t < args->taps; t++) {
      const float v = args->a[args->a_offsets[t] + n];
      x = v > x ? v : x;
    }
    x = x > args->min ? x : args->min;
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
