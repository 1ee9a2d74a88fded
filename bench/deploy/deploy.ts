/**
 * Rollouts and roll backs of a shop under load, as processes of this machine: calls that fail, and how long it takes to go back. Where podman can run
 * containers (root), also how long a release takes to be ready as one.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeRelease, dureStart, host, openPlatform, type Release } from '@dure/deploy'
import { freePort } from '@dure/testing/servers'
import type { BenchContext, BenchResult } from '../bench.ts'
import { median } from '../eventstore/rates.ts'
import { containerStarts } from './containers.ts'
import shop from './shop.system.ts'

export const peers = false
const [ROLLOUTS, ROLL_BACKS, CALLERS] = [20, 5, 8]
const root = join(import.meta.dirname, '../..')

export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-deploy-'))
  const starts = await containerStarts(join(folder, 'containers'), progress)
  const port = await freePort()
  const target = host({
    ...{ directory: join(folder, 'host'), port },
    program: (run) => ({
      ...dureStart(run, { folder: root, words: [join(import.meta.dirname, 'shop.system.ts')] }),
      environment: { RELEASE: run.release.version },
    }),
  })
  const platform = openPlatform({
    name: 'bench',
    target,
    directory: join(folder, 'platform'),
    watch: 500,
    limits: { slack: 60_000 },
  })
  const load = callers(`http://127.0.0.1:${port}/prices`)
  try {
    await platform.deploy(releaseOf(0))
    load.begin()
    const rollouts: number[] = []
    for (let i = 1; i <= ROLLOUTS; i++) {
      progress(`Rollout ${i} of ${ROLLOUTS}`)
      rollouts.push(await timed(async () => assertDone(await platform.deploy(releaseOf(i)))))
    }
    const backs: number[] = []
    const whole: number[] = []
    for (let i = 1; i <= ROLL_BACKS; i++) {
      progress(`Roll back ${i} of ${ROLL_BACKS}, in the middle of a rollout`)
      const back = new AbortController()
      let decided = 0
      await platform.deploy(releaseOf(1_000 + i), {
        signal: back.signal,
        onStep: ({ name, phase }) => {
          if (name === 'shift 25' && phase === 'begun') back.abort()
          if (name === 'roll back' && phase === 'begun') decided = performance.now()
        },
      })
      backs.push(performance.now() - decided)
      progress(`Roll back ${i} of ${ROLL_BACKS}, to a release that has ended`)
      await platform.deploy(releaseOf(2_000 + i))
      whole.push(await timed(() => platform.rollBack()))
    }
    const { calls, failed } = await load.end()
    return {
      ratios: {},
      figures: {
        ...{
          calls,
          failed_calls: failed,
          rollback_ms: median(backs),
          rollback_to_ended_ms: median(whole),
          rollout_ms: median(rollouts),
        },
        ...{ rollback_ms_runs: backs, rollback_to_ended_ms_runs: whole },
        ...(starts.length > 0 && { container_start_ms: median(starts), container_start_ms_runs: starts }),
      },
    }
  } finally {
    await load.end()
    platform.close()
    await target.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function releaseOf(number: number): Release {
  const version = `1.${number}.0`
  return describeRelease(shop, { version, image: { digest: `sha256:${createHash('sha256').update(version).digest('hex')}` } })
}

function assertDone({ outcome, reasons }: { readonly outcome: string; readonly reasons: readonly string[] }): void {
  if (outcome !== 'done') throw new Error(`Cannot measure rollouts: one was ${outcome}: ${reasons.join('; ')}`)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Callers that ask all the time, once each: what fails is not asked again. */
function callers(url: string) {
  const seen = { calls: 0, failed: 0 }
  let over = false
  let running: Promise<unknown> = Promise.resolve()
  const lane = async (): Promise<void> => {
    while (!over) {
      const ok = await fetch(url).then(
        async (answer) => (await answer.text()) !== '' && answer.ok,
        () => false,
      )
      seen.calls++
      if (!ok) seen.failed++
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return {
    begin: () => {
      running = Promise.all(Array.from({ length: CALLERS }, lane))
    },
    end: async () => {
      over = true
      await running
      return seen
    },
  }
}
