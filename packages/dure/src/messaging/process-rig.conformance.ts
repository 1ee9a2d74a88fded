import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Message } from '../contract/contract.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { GroupLag } from './broker-adapter.ts'
import type { Broker } from './broker.ts'
import { until } from './numbered.conformance.ts'
import type { Assignment, Delivery, GroupOptions, TopicOptions } from './topics.ts'

/** A file that exports `connect`: each process of the suite imports it, and has its own adapter to the one server. */
export type ConnectModule = { readonly connect: (world: ProcessWorld) => Broker | Promise<Broker> }

export type ProcessWorld = {
  /** What the server's maker said it is reached by. */
  readonly address: string
  readonly runtime: Runtime
  readonly log: Logger
}

/** The server that the processes of one case share. One that serves all cases has nothing to do at `stop`. */
export type ConformanceServer = {
  readonly address: string
  /** Kills the server's process and starts it again on the same data; left out where the rig cannot. */
  readonly crash?: (() => Promise<void>) | undefined
  readonly stop: () => Promise<void>
}

export type MakeServer = (world: { readonly directory: string }) => Promise<ConformanceServer>

export type Ask =
  | { readonly what: 'subscribe'; readonly options: GroupOptions & { readonly batch?: number } }
  | { readonly what: 'publish'; readonly messages: readonly Message[] }
  | { readonly what: 'declare topic'; readonly topic: string; readonly options: TopicOptions }
  | { readonly what: 'declare group'; readonly options: GroupOptions }
  | { readonly what: 'hold' | 'release' | 'be old' | 'lag' | 'stop' }

export type Said =
  | { readonly what: 'ready' }
  | { readonly what: 'answer'; readonly id: number; readonly result?: unknown; readonly error?: string }
  | ({ readonly what: 'assigned' } & Assignment)
  | { readonly what: 'revoked' | 'settled'; readonly partition: number }
  | { readonly what: 'delivered'; readonly partition: number; readonly deliveries: readonly Delivery[] }
  | { readonly what: 'trouble'; readonly text: string }

/** What befell the processes, in the order in which they told it. */
export type Happening = Said & { readonly by: string }

/** A process with an adapter of its own. */
export type Process = {
  readonly ask: (ask: Ask) => Promise<unknown>
  readonly lag: () => Promise<readonly GroupLag[]>
  /** What it has told of. */
  readonly told: <What extends Said['what']>(what: What) => readonly (Said & { readonly what: What })[]
  /** Ends it at once (SIGKILL), and resolves when it is gone. */
  readonly kill: () => Promise<void>
  /** It stands still (SIGSTOP), its connections open, until it goes on. */
  readonly freeze: () => void
  readonly thaw: () => void
}

export type ProcessRig = {
  readonly runtime: Runtime
  /** Names that no other case uses. */
  readonly topic: string
  readonly group: string
  readonly start: (name: string) => Promise<Process>
  readonly happenings: readonly Happening[]
  /** What was delivered, to anybody, each time. */
  readonly delivered: () => readonly Delivery[]
  /** Undefined where the rig cannot. */
  readonly crash: (() => Promise<void>) | undefined
  readonly message: (key: string, n: number) => Message
}

let cases = 0

export async function withProcesses(
  { module, server: make }: { readonly module: URL; readonly server: MakeServer },
  work: (rig: ProcessRig) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-processes-'))
  const server = await make({ directory })
  const runtime = realRuntime()
  const happenings: Happening[] = []
  const children = new Set<ChildProcess>()
  const topic = `topic.${directory.slice(-6)}.${cases++}`
  try {
    await work({
      ...{ runtime, topic, group: `group.${topic}`, happenings, crash: server.crash },
      start: (name) => startProcess({ name, module, address: server.address, happenings, children }),
      delivered: () => happenings.flatMap((one) => (one.what === 'delivered' ? one.deliveries : [])),
      message: (key, n) => ({
        ...{ id: runtime.ids.next(), source: 'conformance', type: topic, key, time: runtime.clock.now(), schemaVersion: 1 },
        ...{ correlationId: 'correlation', causationId: undefined, traceparent: undefined, data: JSON.stringify({ n }) },
      }),
    })
  } finally {
    await Promise.all([...children].map(end))
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

const SCRIPT = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'process-child.conformance.ts' : 'process-child.conformance.js', import.meta.url),
)

async function startProcess(options: {
  readonly name: string
  readonly module: URL
  readonly address: string
  readonly happenings: Happening[]
  readonly children: Set<ChildProcess>
}): Promise<Process> {
  const { name, module, address, happenings, children } = options
  const child = fork(SCRIPT, [module.href, address], {
    execArgv: process.execArgv.filter((arg) => arg.startsWith('--conditions')),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // As JSON, what is undefined would be gone.
    serialization: 'advanced',
  })
  children.add(child)
  const own: Said[] = []
  const waiting = new Map<number, { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void }>()
  let asked = 0
  child.on('message', (said: Said) => {
    if (said.what !== 'answer') {
      own.push(said)
      return void happenings.push({ ...said, by: name })
    }
    const { resolve, reject } = waiting.get(said.id)!
    waiting.delete(said.id)
    if (said.error === undefined) resolve(said.result)
    else reject(new Error(`Process "${name}": ${said.error}`))
  })
  const gone = once(child, 'exit').then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`Process "${name}" has ended`))
  })
  const ask: Process['ask'] = (what) =>
    new Promise((resolve, reject) => {
      const id = asked++
      waiting.set(id, { resolve, reject })
      child.send({ id, ask: what }, (error) => void (error && reject(error)))
    })
  await until(() => own.length > 0 || child.exitCode !== null)
  if (child.exitCode !== null) throw new Error(`Process "${name}" could not connect; what it said stands above`)
  return {
    ask,
    lag: () => ask({ what: 'lag' }) as Promise<readonly GroupLag[]>,
    told: <What extends Said['what']>(what: What) =>
      own.filter((said): said is Said & { readonly what: What } => said.what === what),
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
