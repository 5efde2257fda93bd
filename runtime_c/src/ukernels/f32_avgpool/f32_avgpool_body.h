/* The one body of the vector rows. A row's file defines EK_KERNEL, EK_LANES and the vector operations, then includes
 * this. */
void EK_KERNEL(size_t channels, const ek_f32_avgpool_args *args) {
  const EK_VECTOR scale = EK_SPLAT(args->scale);
  size_t n = 0;
  for (; n + 2 * EK_LANES <= channels; n += 2 * EK_LANES) {
    const float *a = args->a + n;
    EK_VECTOR x0 = EK_SPLAT(0.0f), x1 = x0;
    for (size_t t = 0; t < args->taps; t++) {
      x0 = EK_ADD(x0, EK_LOAD(a + args->a_offsets[t]));
      x1 = EK_ADD(x1, EK_LOAD(a + args->a_offsets[t] + EK_LANES));
    }
    EK_STORE(args->c + n, EK_MUL(x0, scale));
    EK_STORE(args->c + n + EK_LANES, EK_MUL(x1, scale));
  }
  for (; n < channels; n++) {
    float x = 0.0f;
    for (size_t t = 0; t < args->taps; t++) x += args->a[args->a_offsets[t] + n];
    args->c[n] = x * args->scale;
  }
}

#undef EK_KERNEL
#undef EK_LANES
#undef EK_VECTOR
#undef EK_SPLAT
#undef EK_LOAD
#undef EK_STORE
#undef EK_ADD
#undef EK_MUL
