/* The one body of the vector rows: two vectors of int32 sums a step. A row's file defines EK_KERNEL, EK_LANES (of
 * int32) and the vector operations, then includes this. EK_ACCUMULATE adds 2 * EK_LANES bytes at p to x0, x1. */
void EK_KERNEL(size_t channels, const ek_qs8_avgpool_args *args) {
  size_t n = 0;
  for (; n + 2 * EK_LANES <= channels; n += 2 * EK_LANES) {
    const int8_t *a = args->a + n;
    int32_t sums[2 * EK_LANES];
    EK_VECTOR x0 = EK_SPLAT(args->bias), x1 = x0;
    for (size_t t = 0; t < args->taps; t++) EK_ACCUMULATE(x0, x1, a + args->a_offsets[t]);
    EK_STORE(sums, x0);
    EK_STORE(sums + EK_LANES, x1);
    for (size_t j = 0; j < 2 * EK_LANES; j++)
      args->c[n + j] = ek_requantize(sums[j], args->multiplier, args->zero_point, -128, 127);
  }
  for (; n < channels; n++) {
    uint32_t x = (uint32_t)args->bias;
    for (size_t t = 0; t < args->taps; t++) x += (uint32_t)args->a[args->a_offsets[t] + n];
    args->c[n] = ek_requantize((int32_t)x, args->multiplier, args->zero_point, -128, 127);
  }
}

#undef EK_KERNEL
#undef EK_LANES
#undef EK_VECTOR
#undef EK_SPLAT
#undef EK_STORE
#undef EK_ACCUMULATE
