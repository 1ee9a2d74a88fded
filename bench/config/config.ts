import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folder } from 'dure/config'
import { lastGoodFiles, openConfiguration } from 'dure/config/internal'
import { contract, query } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import type { BenchContext, BenchResult } from '../bench.ts'

export const peers = false
const READS = 5_000_000
const CALLS = 200_000
const ROUNDS = 5
const FOLLOWERS = 100
const CHANGES = 20

const Settings = z.object({ timeout: z.number() })
const Reader = contract('reader', {
  ...{ version: '1.0.0', owner: 'bench' },
  operations: { reads: query({ output: z.number(), deadline: 60_000 }), call: query({ output: z.number() }) },
})

/**
 * What it costs a handler to read a setting, and its call to have some; and how long it takes a change of a file to reach a hundred that follow
 * it. Those have a source and a judgement of their own each, as processes have, but share one process: a hundred would not fit on a small
 * machine.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-config-'))
  const path = join(directory, 'settings')
  const write = (timeout: number): void => {
    writeFileSync(join(directory, 'next.yml'), `reader: { timeout: ${timeout} }\n`)
    renameSync(join(directory, 'next.yml'), join(path, 'application.yml'))
  }
  mkdirSync(path)
  write(1)
  try {
    const [having, without] = [await open(join(directory, 'with'), path), await open(join(directory, 'without'), undefined)]
    const best: Record<string, number> = {}
    const keep = (name: string, value: number): void => void (best[name] = Math.min(best[name] ?? Infinity, value))
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${round} of ${ROUNDS}`)
      keep('read_ns', await having.readNs())
      keep('call_ns', await having.callNs())
      keep('call_without_ns', await without.callNs())
    }
    await having.stop()
    await without.stop()
    progress(`${CHANGES} changes for ${FOLLOWERS}`)
    const applied = await changes(path, directory, write)
    return {
      ratios: { call_with_vs_without: best['call_without_ns']! / best['call_ns']! },
      figures: { ...best, apply_p50_ms: applied.at(applied.length / 2)!, apply_p99_ms: applied.at(applied.length * 0.99)! },
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function open(directory: string, path: string | undefined) {
  const handlers = { reads: () => 0, call: () => 1 }
  const reader =
    path === undefined
      ? service(Reader, { handlers })
      : service(Reader, {
          config: Settings,
          handlers: {
            reads: (_, context) => {
              let sum = 0
              for (let n = 0; n < READS; n++) sum += context.config.timeout
              return sum
            },
            call: (_, { config }) => config.timeout,
          },
        })
  const made = system('bench', {
    services: [reader],
    telemetry: false,
    ...(path !== undefined && { config: [folder({ path })] }),
  })
  const running = await start(made, { directory, log: silentLogger() })
  const client = running.client(Reader)
  const since = async (work: () => Promise<unknown>, times: number): Promise<number> => {
    const begun = performance.now()
    await work()
    return ((performance.now() - begun) * 1e6) / times
  }
  return {
    readNs: () => since(() => client.reads(), READS),
    callNs: () =>
      since(async () => {
        for (let n = 0; n < CALLS; n++) await client.call()
      }, CALLS),
    stop: () => running.stop(),
  }
}

/** Milliseconds from a change of the file to each that follows it, sorted. */
async function changes(path: string, directory: string, write: (timeout: number) => void): Promise<readonly number[]> {
  const world = { directory, runtime: realRuntime(), log: silentLogger() }
  const services = [{ contract: Reader, config: Settings }]
  const config = { sources: [folder({ path })] }
  const followers = await Promise.all(
    Array.from({ length: FOLLOWERS }, () =>
      openConfiguration({ system: 'bench', services, config, world, lastGood: lastGoodFiles(directory) }),
    ),
  )
  const found: number[] = []
  for (let change = 2; change < CHANGES + 2; change++) {
    write(change)
    const begun = performance.now()
    const waiting = new Set(followers.map((one) => one.of('reader') as () => z.output<typeof Settings>))
    while (waiting.size > 0) {
      for (const now of waiting)
        if (now().timeout === change) {
          waiting.delete(now)
          found.push(performance.now() - begun)
        }
      await world.runtime.timers.sleep(1)
    }
  }
  await Promise.all(followers.map((one) => one.stop()))
  return found.toSorted((a, b) => a - b)
}
