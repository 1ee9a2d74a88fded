/** Runs the experiments of `probings.ts` under every placement, and compares what they come to. */
import { clientFactory, type CallOptions } from 'dure/call'
import { contract, query, type AnyContract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { z } from 'zod'
import { bare, openCopy, together, type Copy, type Placement } from './copies.ts'
import { differenceOf, type Difference } from './difference.ts'
import { Front, Probe, probeSystem } from './probe-system.ts'
import { caught, pause, type Calls } from './experiment.ts'
import { farProbings } from './far-probings.ts'
import { probings as nearProbings } from './probings.ts'

export type ProbeFinding = { readonly probe: string; readonly placement: string; readonly difference: Difference }

export type ProbeReport = { readonly asked: number; readonly findings: readonly ProbeFinding[] }

const caller = realRuntime()
const probings = [...nearProbings, ...farProbings]

/** Runs every probe under every placement. */
export async function probeAll(placements: readonly Placement[], seed: number): Promise<ProbeReport> {
  const here = import.meta.url
  // Beside this file, whatever it was compiled to.
  const file = { url: new URL(`./probe-system${here.slice(here.lastIndexOf('.'))}`, here).href, name: 'probeSystem' }
  const observe = async (placement: Placement): Promise<readonly unknown[]> => {
    const copy = await openCopy(placement, { system: () => bare(probeSystem()), file, seed })
    try {
      const calls = callsOf(copy)
      const observed: unknown[] = []
      for (const { run } of probings) observed.push(await caughtWithin(run(calls)))
      return observed
    } finally {
      await copy.stop()
    }
  }
  // All at once: most of an experiment is waiting.
  const all = [together, ...placements]
  const observed = await Promise.all(all.map(observe))
  const findings: ProbeFinding[] = []
  for (const [which, { name: placement }] of all.entries())
    for (const [at, { name: probe, must }] of probings.entries()) {
      const lawful = must === undefined ? observed[0]![at] : { value: must }
      const difference = differenceOf(lawful, observed[which]![at])
      if (difference !== undefined) findings.push({ probe, placement, difference })
    }
  return { asked: probings.length, findings }
}

/** An observation, or that there was none. */
function caughtWithin(work: Promise<unknown>): Promise<unknown> {
  return Promise.race([caught(work), pause(10_000).then(() => 'neither an answer nor an error')])
}

const Stray = contract('probe', {
  version: '1.0.0',
  owner: 'testing',
  operations: { elsewhere: query({ output: z.unknown() }) },
})

function callsOf(copy: Copy): Calls {
  const { transport } = copy
  const callsOfOne = (contract: AnyContract): Pick<Calls, 'call' | 'stream'> => {
    const client = clientFactory({ contract, transport, runtime: caller })({ service: undefined }) as unknown as Readonly<
      Record<string, (input?: unknown, options?: CallOptions) => unknown>
    >
    return {
      call: (operation, input, options) => client[operation]!(input, options) as Promise<unknown>,
      stream: (operation, input, options) => client[operation]!(input, options) as AsyncIterable<unknown>,
    }
  }
  const near = callsOfOne(Probe)
  const stray = clientFactory({ contract: Stray, transport, runtime: caller })({ service: undefined })
  return {
    ...near,
    far: callsOfOne(Front),
    stray: () => stray.elsewhere(),
    seen: async (name, until = '') => {
      for (let tries = 0; ; tries++) {
        const seen = ((await near.call('seen')) as string[]).filter((text) => text.startsWith(name))
        if (seen.some((text) => text.includes(until)) || until === '' || tries > 500) return seen
        await pause(2)
      }
    },
  }
}
