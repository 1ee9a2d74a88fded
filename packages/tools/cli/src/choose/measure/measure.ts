/** Every style with the same small call, one after the other, on this machine: client and server are one process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realRuntime, type Clock } from 'dure/runtime'
import type { Style, StyleName } from '../styles.ts'
import { CALLERS, type Caller } from './callers.ts'
import { countBytes } from './counted.ts'
import { openShop, orderOf } from './shop.ts'

export type Measured = {
  readonly style: StyleName
  /** Milliseconds of a call while there is no other. */
  readonly p50: number
  readonly p99: number
  /** With `IN_FLIGHT` calls at a time. */
  readonly callsPerSecond: number
  /** Of one call on a connection that is there, both ways, without what TCP and UDP add; undefined where nothing goes over a wire. */
  readonly bytes: number | undefined
  /** Calls that were not answered: datagrams may be lost. */
  readonly failed: number
}

export type MeasureOptions = {
  /** For each style: so long one call at a time, and so long many. */
  readonly seconds: number
  /** Default: all there are. */
  readonly styles?: readonly StyleName[]
  readonly progress?: (style: StyleName) => void
}

export const IN_FLIGHT = 16
/** Calls whose bytes are counted. */
const COUNTED = 5
const FEWEST = 10
const MOST = 200_000
const WITHOUT_WIRE: ReadonlySet<StyleName> = new Set(['local', 'events'])

export async function measure({ seconds, styles, progress = () => {} }: MeasureOptions): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-choose-'))
  let folders = 0
  const directory = (): string => join(folder, String(++folders))
  const shop = await openShop(directory())
  const counted = await countBytes(shop.places)
  const { clock } = realRuntime()
  const results: Measured[] = []
  try {
    for (const [style, open] of Object.entries(CALLERS) as readonly [StyleName, NonNullable<(typeof CALLERS)[StyleName]>][]) {
      if (styles?.includes(style) === false) continue
      progress(style)
      const bytes = WITHOUT_WIRE.has(style)
        ? undefined
        : await closing(await open({ shop, directory, places: counted.places }), (caller) => bytesOf(caller, counted.bytes))
      const speed = await closing(await open({ shop, directory, places: shop.places }), (caller) =>
        speedOf(caller, seconds, clock),
      )
      results.push({ style, bytes, ...speed })
    }
  } finally {
    counted.stop()
    await shop.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return results
}

async function closing<T>(caller: Caller, use: (caller: Caller) => Promise<T>): Promise<T> {
  try {
    return await use(caller)
  } finally {
    await caller.stop()
  }
}

async function bytesOf({ place }: Caller, bytes: () => number): Promise<number> {
  // What a connection begins with is over.
  await place(orderOf('order-0'))
  const before = bytes()
  for (let n = 1; n <= COUNTED; n++) await place(orderOf(`order-${n}`))
  return Math.round((bytes() - before) / COUNTED)
}

async function speedOf(
  { place }: Caller,
  seconds: number,
  clock: Clock,
): Promise<Pick<Measured, 'p50' | 'p99' | 'callsPerSecond' | 'failed'>> {
  let [failed, last] = [0, 0]
  const call = (): Promise<unknown> => place(orderOf(`order-${++last}`)).catch(() => void failed++)
  /** Calls, one after the other, for so long; `done` is told how long each took. */
  const work = async (ms: number, fewest: number, done: (ms: number) => void): Promise<void> => {
    const until = clock.monotonic() + ms
    for (let n = 0; n < MOST; n++) {
      const before = clock.monotonic()
      if (n >= fewest && before >= until) return
      await call()
      done(clock.monotonic() - before)
    }
  }
  await work(seconds * 250, FEWEST, () => {})
  const times: number[] = []
  await work(seconds * 1_000, FEWEST, (ms) => times.push(ms))
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
  let calls = 0
  const began = clock.monotonic()
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => work(seconds * 1_000, 1, () => calls++)))
  return { p50: at(0.5), p99: at(0.99), callsPerSecond: (calls / (clock.monotonic() - began)) * 1_000, failed }
}

/** The table with the numbers of this machine, where there are some. */
export function withMeasured(styles: readonly Style[], measured: readonly Measured[]): readonly Style[] {
  return styles.map((style) => {
    const own = measured.find((one) => one.style === style.name)
    return own === undefined ? style : { ...style, responseTime: own.p99, throughput: Math.round(own.callsPerSecond) }
  })
}
