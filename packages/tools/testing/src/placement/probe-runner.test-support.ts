/** Runs experiments under every placement, and compares what they come to. */
import { clientFactory } from 'dure/call/internal'
import { contract, query, type AnyContract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import { z } from 'zod'
import { embedded, openCopy, together, type Copy, type Placement } from './copies.ts'
import { differenceOf, type Difference } from './difference.ts'
import { Reader, Writer } from './probe-events.test-support.ts'
import { Front, ProbeContract, probeSystem } from './probe-system.test-support.ts'
import { allowProbes, Keeper, Vault, Visitor } from './allow-probes.test-support.ts'
import { caught, pause, type Calls, type Origin, type Probe } from './probe.test-support.ts'
import { eventProbes, keyProbes } from './event-probes.test-support.ts'
import { twoHopProbes } from './two-hop-probes.test-support.ts'
import { Careful, guardedProbes } from './guarded-probes.test-support.ts'
import { isolationProbes } from './isolation-probes.test-support.ts'
import { callProbes } from './call-probes.test-support.ts'
import { channelProbes } from './channel-probes.test-support.ts'

export type ProbeFinding = {
  readonly probe: string
  readonly placement: string
  /** On the left what the law says where it does (`lawful`), else what came of it together. */
  readonly difference: Difference
  readonly lawful: boolean
}

export type ProbeReport = { readonly asked: number; readonly findings: readonly ProbeFinding[] }

const caller = realRuntime()
const probes: readonly Probe[] = [
  ...isolationProbes,
  ...callProbes,
  ...channelProbes,
  ...twoHopProbes,
  ...eventProbes,
  ...keyProbes,
  ...guardedProbes,
  ...allowProbes,
]

/** Runs every probe under every placement. */
export async function probeAll(placements: readonly Placement[], seed: number): Promise<ProbeReport> {
  const all = [together, ...placements]
  // All at once: most of an experiment is waiting.
  const observed = await Promise.all(all.map((placement) => observe(placement, probes, seed)))
  const findings: ProbeFinding[] = []
  for (const [which, placement] of all.entries()) {
    const found = probes.flatMap((probe, at) => compared(probe, placement, observed[0]![at], observed[which]![at]) ?? [])
    if (found.length === 0) continue
    // Deadlines are real time, and a machine that is busy elsewhere can stand still for as long: what differs, differs
    // again from a fresh start and with nothing beside it.
    const doubtful = probes.filter(({ name }) => found.some(({ probe }) => probe === name))
    const reference = await observe(together, doubtful, seed)
    const again = await observe(placement, doubtful, seed)
    findings.push(...doubtful.flatMap((probe, at) => compared(probe, placement, reference[at], again[at]) ?? []))
  }
  return { asked: probes.length, findings }
}

async function observe(placement: Placement, which: readonly Probe[], seed: number): Promise<readonly unknown[]> {
  const file = { url: new URL('./probe-system.test-support.ts', import.meta.url).href, name: 'probeSystem' }
  const copy = await openCopy(placement, { system: () => embedded(probeSystem()), file, seed })
  try {
    const calls = callsOf(copy)
    const observed: unknown[] = []
    for (const { run } of which) observed.push(await caughtWithin(run(calls)))
    return observed
  } finally {
    await copy.stop()
  }
}

function compared({ name, must }: Probe, placement: Placement, together: unknown, other: unknown): ProbeFinding | undefined {
  const difference = differenceOf(must === undefined ? together : { value: must }, other)
  return difference && { probe: name, placement: placement.name, difference, lawful: must !== undefined }
}

/** An observation, or that there was none. */
function caughtWithin(work: Promise<unknown>): Promise<unknown> {
  return inTime(realRuntime().timers, 10_000, caught(work), () => 'neither an answer nor an error')
}

const Stray = contract('probe', {
  version: '1.0.0',
  owner: 'testing',
  operations: { elsewhere: query({ output: z.unknown() }) },
})

function callsOf(copy: Copy): Calls {
  const { transport } = copy
  const callsOfOne = (contract: AnyContract, origin: Origin = {}): Pick<Calls, 'call' | 'stream' | 'channel'> => {
    const client = clientFactory({ contract, transport, runtime: caller })({
      service: undefined,
      ...origin,
    }) as unknown as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>
    return {
      call: (operation, input, options) => client[operation]!(input, options) as Promise<unknown>,
      stream: (operation, input, options) => client[operation]!(input, options) as AsyncIterable<unknown>,
      channel: (operation, ...given) => client[operation]!(...given) as AsyncIterable<unknown>,
    }
  }
  const near = callsOfOne(ProbeContract)
  const stray = clientFactory({ contract: Stray, transport, runtime: caller })({ service: undefined })
  return {
    ...near,
    far: callsOfOne(Front),
    behalfOf: (origin) => ({
      ...callsOfOne(ProbeContract, origin),
      far: callsOfOne(Front, origin),
      keeper: callsOfOne(Keeper, origin),
      visitor: callsOfOne(Visitor, origin),
    }),
    vault: callsOfOne(Vault),
    keeper: callsOfOne(Keeper),
    visitor: callsOfOne(Visitor),
    writer: callsOfOne(Writer),
    reader: callsOfOne(Reader),
    careful: callsOfOne(Careful),
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
