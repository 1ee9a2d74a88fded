import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { start } from 'dure/service'
import { createEngine, createProcess, createTrace } from '../kernel/kernel.ts'
import type { Folder } from './folder.ts'
import type { SystemSource } from './options.ts'

/**
 * The stores of a system that was started once and stopped: migrated, with its topics, and empty. Every run begins with
 * a copy, because making them anew would take longer than all the rest of a run.
 */
export async function makeTemplate(
  source: SystemSource,
  folder: Folder,
  partitions: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const engine = createEngine()
  const trace = createTrace({ record: false })
  const process = createProcess({ name: 'template', life: 1, seed: 1, engine, trace, speaks: false, dies: () => false })
  const { runtime, log } = process
  const system = typeof source === 'function' ? await source(process) : source
  folder.reset(new Map())
  const work = async (): Promise<void> => {
    const running = await start(
      {
        ...system,
        doors: [],
        telemetry: false,
        database: sqlite({ durability: 'process' }),
        broker: embeddedBroker({ durability: 'process', partitions }),
      },
      { directory: folder.path, runtime, log },
    )
    await running.stop()
  }
  let result: { readonly error?: unknown } | undefined
  work().then(
    () => void (result = {}),
    (error: unknown) => void (result = { error }),
  )
  await engine.run({ done: () => result !== undefined, until: 600_000, most: 1_000_000 })
  if (result === undefined)
    throw new Error(`Cannot simulate system "${system.name}": it does not start, or does not stop, by itself`)
  if (result.error !== undefined) throw result.error
  folder.files().forEach((_bytes, name) => makeSmall(join(folder.path, name)))
  return folder.files()
}

/** Small pages: a commit writes, and sums up, whole pages, and most of what is stored here is a few words. */
function makeSmall(file: string): void {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM; PRAGMA journal_mode = WAL')
  db.close()
}
