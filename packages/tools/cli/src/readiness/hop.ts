import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, contract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'

/** What a call costs on this machine now: milliseconds to its answer (half of the calls take longer), and of a processor. */
export type CallCost = { readonly ms: number; readonly cpu: number }
/** Within a process, and to another one. */
export type Hop = { readonly local: CallCost; readonly remote: CallCost }

const Probe = contract('probe', {
  version: '1.0.0',
  owner: 'dure',
  operations: { echo: command({ input: z.object({ text: z.string(), n: z.int() }), output: z.object({ text: z.string() }) }) },
})

const [WARM, CALLS] = [300, 1_000]

/** Makes calls to a small service of its own, in the same process and over a socket, one after the other. */
export async function measureHop(): Promise<Hop> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-probe-'))
  const probe = system('probe', {
    services: [service(Probe, { handlers: { echo: ({ text }) => ({ text }) } })],
    telemetry: false,
  })
  const run = (part: readonly string[]): Promise<Running> =>
    start(probe, { directory, part, log: silentLogger(), shutdownTimeout: 500 })
  const near = await run(['broker', 'probe'])
  try {
    const far = await run(['doors'])
    try {
      return { local: await costOf(near), remote: await costOf(far) }
    } finally {
      await far.stop()
    }
  } finally {
    await near.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function costOf(from: Running): Promise<CallCost> {
  const { clock } = realRuntime()
  const client = from.client(Probe)
  for (let n = 0; n < WARM; n++) await client.echo({ text: 'hello', n })
  const times: number[] = []
  const before = process.cpuUsage()
  for (let n = 0; n < CALLS; n++) {
    const begun = clock.monotonic()
    await client.echo({ text: 'hello', n })
    times.push(clock.monotonic() - begun)
  }
  const { user, system } = process.cpuUsage(before)
  return { ms: times.toSorted((a, b) => a - b)[CALLS / 2]!, cpu: (user + system) / 1_000 / CALLS }
}
