/** What the probes are given: small documents of a thousand keys, a millisecond apart, as bytes. */
export type Given = { readonly key: string; readonly value: Buffer; readonly time: number }

export function documents(count: number): readonly Given[] {
  return Array.from({ length: count }, (_, n) => ({
    key: `k${(n * 7919) % 1000}`,
    value: Buffer.from(JSON.stringify({ id: `order-${n}`, n })),
    time: 1_000_000_000_000 + n,
  }))
}

/** Measures, and says how many a second. */
export async function told(count: number, run: () => Promise<void> | void): Promise<void> {
  const begun = performance.now()
  await run()
  console.log(JSON.stringify({ perSecond: (count / (performance.now() - begun)) * 1000 }))
}
