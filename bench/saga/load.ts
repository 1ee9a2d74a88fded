/** What each of those that are compared does, in a process of its own: so many sagas, so many at once, on the database it is given. */
export type Load = {
  /** Where its PostgreSQL is; the table `rows (saga TEXT, step TEXT)` is there. */
  readonly url: string
  /** For its own files. */
  readonly folder: string
  readonly count: number
  readonly atOnce: number
  /** One after the other, for how long one takes. */
  readonly sequential: number
}

export type Measured = { readonly perSecond: number; readonly sequentialMs: readonly number[] }

/** The name of the next saga: none comes twice. */
let next = 0

/** Warms up, then measures `run`, which resolves when the saga of this name has ended for good. */
export async function measure({ count, atOnce, sequential }: Load, run: (name: string) => Promise<unknown>): Promise<Measured> {
  const many = async (left: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        while (left-- > 0) await run(`saga-${next++}`)
      }),
    )
  }
  await many(Math.min(count, atOnce * 4))
  const began = performance.now()
  await many(count)
  const perSecond = count / ((performance.now() - began) / 1_000)
  const sequentialMs: number[] = []
  for (let n = 0; n < sequential; n++) {
    const from = performance.now()
    await run(`saga-${next++}`)
    sequentialMs.push(performance.now() - from)
  }
  return { perSecond, sequentialMs }
}

/** For the program of a contender: takes the load from whoever started it, tells what it measured, and ends. */
export async function contend(begin: (load: Load) => Promise<(name: string) => Promise<unknown>>): Promise<void> {
  const load = JSON.parse(process.env['SAGA_LOAD']!) as Load
  process.on('disconnect', () => process.exit())
  const measured = await measure(load, await begin(load))
  process.send!(measured, () => process.exit())
}
