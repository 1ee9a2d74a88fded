/** At once. */
const WORKERS = 16

/** Events a second: each worker appends to a stream of its own, at the version that it knows. */
export async function appendRate(
  events: number,
  nameOf: (worker: number) => string,
  append: (stream: string, version: number) => Promise<unknown>,
): Promise<number> {
  const each = Math.ceil(events / WORKERS)
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: WORKERS }, async (_, worker) => {
      for (let version = 0; version < each; version++) await append(nameOf(worker), version)
    }),
  )
  return (each * WORKERS * 1_000) / (performance.now() - begun)
}

/** Streams a second. */
export async function loadRate(streams: number, load: (stream: string) => Promise<number>): Promise<number> {
  let next = 0
  const begun = performance.now()
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      while (next < streams) {
        const sum = await load(`filled-${next++ % 20}`)
        if (sum !== SUM) throw new Error(`A stream came to ${sum} and not to ${SUM}`)
      }
    }),
  )
  return (streams * 1_000) / (performance.now() - begun)
}

/** What the events of a filled stream add up to: 0 to 99. */
const SUM = 4_950

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

/** The data of one event: some 150 bytes. */
export function dataOf(id: string, n: number) {
  return { id, n, note: 'x'.repeat(100) }
}
