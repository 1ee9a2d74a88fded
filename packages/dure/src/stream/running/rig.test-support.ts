import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AnyEvent, Message } from '../../contract/contract.ts'
import { testAdapter } from '../../data/adapter.conformance.ts'
import type { OutboxMessage, SqlStore } from '../../data/data.ts'
import type { Delivery } from '../../messaging/messaging.ts'
import { realRuntime, virtualRuntime } from '../../runtime/runtime.ts'
import type { ExtensionHost } from '../../service/internal.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import type { TopologyNodes } from '../graph.ts'
import { createReader, type Reader } from './reader.ts'
import { streamRecords } from './records.ts'
import { MIGRATIONS } from './tables.ts'

export const MINUTE = 60_000
export const START = 1_700_000_040_000

/** What is to go wrong at the next commit: before anything, with all written, or with the answer alone lost. */
export type Trouble = 'before' | 'within' | 'after' | undefined

/** Readers of a topology on a store of its own, in virtual time; `published`: what was committed to be published. */
export async function makeRig(t: TestContext, topology: TopologyNodes) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-stream-'))
  const runtime = virtualRuntime({ start: START })
  const log = silentLogger()
  const adapter = await testAdapter({ directory, runtime: realRuntime(), log })
  const store = await adapter.open('sales', { migrations: MIGRATIONS })
  t.after(async () => {
    await store.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const published: Message[] = []
  const rig = {
    trouble: undefined as Trouble,
    memory: Infinity,
    ...{ runtime, store, published },
    /** A process of its own; `sharing` as of a store that copies share. */
    reader: (sharing: SqlStore['sharing'] = 'exclusive', task = -1): Reader => {
      const troubled: SqlStore = {
        ...store,
        sharing,
        transaction: async (work, options) => {
          const { trouble } = rig
          rig.trouble = undefined
          if (trouble === 'before') throw new Error('killed before')
          const answer = await store.transaction(async (tx) => {
            const made = await work(tx)
            if (trouble === 'within') throw new Error('killed within')
            return made
          }, options)
          if (trouble === 'after') throw new Error('killed after')
          return answer
        },
      }
      const outbox = {
        append: (tx: { readonly onCommit: (listener: () => void) => void }, messages: readonly OutboxMessage[]) =>
          tx.onCommit(() => {
            for (const one of messages) published.push(one)
          }),
      }
      const host = { service: 'shop', store: troubled, outbox, runtime, log } as unknown as ExtensionHost
      return createReader({
        host,
        topology,
        records: streamRecords(troubled, topology.name),
        task,
        partitions: () => 2,
        memory: () => rig.memory,
      })
    },
  }
  return rig
}

let made = 0
/** A message as a broker has it, of an id of its own. */
export const messageOf = ({ name }: AnyEvent, key: string, time: number, data: unknown): Message => ({
  ...{ id: `m-${made++}`, source: 'tests', type: name, key, time, schemaVersion: 1, correlationId: 'c' },
  ...{ causationId: undefined, traceparent: undefined, data: JSON.stringify(data) },
})
/** In order, as the first of their partition. */
export const deliveriesOf = (messages: readonly Message[], partition: number): readonly Delivery[] =>
  messages.map((message, at) => ({ message, partition, position: String(at) }))
