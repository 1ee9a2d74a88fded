import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CallError, type Message } from '../contract/contract.ts'
import { realRuntime, type Runtime } from '../runtime/runtime.ts'
import { silentLogger, type Logger } from '../telemetry/telemetry.ts'
import type { Broker } from './broker.ts'
import type { Delivery } from './topics.ts'

/** Makes the broker under test: called again with the same directory after a `stop`. Adapters to a server may use its name as a prefix. */
export type MakeBroker = (world: BrokerWorld) => Promise<Broker>

export type BrokerWorld = {
  readonly directory: string
  readonly runtime: Runtime
  readonly log: Logger
  /**
   * Whether this message is lost on its way to the broker. What makes an adapter that can lose messages (a proxy before its
   * server, a wire that is cut) asks it of each on its way; where nobody asks, nothing is lost.
   */
  readonly loses: (message: Message) => boolean
}

/** Registers one case. */
export type Register = (title: string, work: (rig: Rig) => Promise<void>) => void

/** A broker under test, and what a case needs around it. */
export type Rig = {
  readonly broker: Broker
  readonly runtime: Runtime
  /** Names that no other case uses. */
  readonly topic: string
  readonly queue: string
  /** Stops the broker and makes it again on the same data: read `rig.broker` afresh afterwards. */
  readonly restart: () => Promise<void>
  /** Loses these messages on their way to the broker, each once. */
  readonly lose: (messages: readonly Message[]) => void
  /** Sets the wall clock of this process forward or back. */
  readonly jump: (ms: number) => void
  readonly message: (key: string, n: number) => Message
  readonly job: (n: number) => Message
}

let cases = 0

export async function withRig(makeBroker: MakeBroker, work: (rig: Rig) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-broker-'))
  const real = realRuntime()
  let ahead = 0
  const runtime = { ...real, clock: { ...real.clock, now: () => real.clock.now() + ahead } }
  const lost = new Set<string>()
  const world: BrokerWorld = { directory, runtime, log: silentLogger(), loses: ({ id }) => lost.delete(id) }
  const unique = `${directory.slice(-6)}.${cases++}`
  let broker = await makeBroker(world)
  const make = (type: string, key: string, n: number): Message => ({
    id: runtime.ids.next(),
    source: 'conformance',
    type,
    key,
    time: runtime.clock.now(),
    schemaVersion: 1,
    correlationId: 'correlation',
    causationId: undefined,
    traceparent: undefined,
    data: JSON.stringify({ n }),
  })
  const topic = `topic.${unique}`
  const queue = `queue.${unique}`
  try {
    await work({
      get broker() {
        return broker
      },
      runtime,
      topic,
      queue,
      restart: async () => {
        await broker.stop()
        broker = await makeBroker(world)
      },
      lose: (messages) => messages.forEach(({ id }) => lost.add(id)),
      jump: (ms) => void (ahead += ms),
      message: (key, n) => make(topic, key, n),
      job: (n) => make(queue, '', n),
    })
  } finally {
    await broker.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

export type Collector = {
  readonly deliveries: Delivery[]
  readonly ids: Set<string>
  readonly deliver: (batch: readonly Delivery[]) => Promise<void>
}

/** Keeps what is delivered, and when each message came first. */
export function collector(): Collector {
  const deliveries: Delivery[] = []
  const ids = new Set<string>()
  return {
    deliveries,
    ids,
    deliver: async (batch) => {
      for (const delivery of batch) {
        deliveries.push(delivery)
        ids.add(delivery.message.id)
      }
    },
  }
}

export function isCallError(error: unknown, code: CallError['code']): boolean {
  assert.ok(error instanceof CallError, `Expected a CallError, got ${String(error)}`)
  assert.equal(error.code, code, error.message)
  return true
}
