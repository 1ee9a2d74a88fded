/** The store as the rest of the collector sees it: two threads, and a queue with a bound before the one that writes. */
import { Worker } from 'node:worker_threads'
import { join } from 'node:path'
import { readdirSync } from 'node:fs'
import { makeFolder, type Runtime, type Timer } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { describeThrown } from 'dure/contract/internal'
import type { Batch } from '../record.ts'
import { QUESTIONS, type Questions } from './questions.ts'
import { joined, rowsOf, type Rows } from './rows.ts'
import { FORMAT } from './segment.ts'
import type { Asked, ThreadData, Told } from './thread.ts'
import type { StoreLimits, Written } from './writer.ts'

export type { StoreLimits } from './writer.ts'
export { matcherOf } from './query.ts'
export type { LogLine } from './read-logs.ts'
export type { Series } from './read-numbers.ts'

export type Appended = 'stored' | 'busy' | 'full'

export type Store = Questions & {
  /**
   * Resolves when all of it is written; `busy` when more waits than may, `full` when there is no room on the disk: then nothing of
   * it is there.
   */
  readonly append: (batch: Batch) => Promise<Appended>
  readonly counters: () => StoreCounters
  readonly close: () => Promise<void>
}

export type StoreCounters = {
  readonly logs: number
  readonly spans: number
  readonly metrics: number
  readonly exceptions: number
  /** Of all kinds, that were refused. */
  readonly dropped: number
  /** Series that there was no room for. */
  readonly refusedSeries: number
  /** Bytes that wait to be written. */
  readonly queued: number
  /** Whether the disk had no room when it was last written to. */
  readonly full: boolean
}

/** Milliseconds between two looks at what is old. */
const UPKEEP = 30_000

/** @throws {Error} when the folder cannot be written to */
export async function openStore(options: {
  readonly directory: string
  readonly limits: StoreLimits
  /** Bytes that may wait to be written. */
  readonly queue: number
  readonly runtime: Pick<Runtime, 'timers'>
  readonly log: Logger
}): Promise<Store> {
  const { limits, queue, log, runtime } = options
  // The format is in the path: a later program has a folder of its own beside this one, and takes nothing away.
  const directory = join(options.directory, `v${FORMAT}`)
  makeFolder(directory)
  const later = readdirSync(options.directory).filter((name) => Number(/^v(\d+)$/.exec(name)?.[1] ?? 0) > FORMAT)
  if (later.length > 0)
    log.warn('There is a store of a later version; it is left as it is, and not read', { directory: options.directory, later })
  const writer = openThread({ role: 'write', directory, limits }, log)
  const reader = openThread({ role: 'read', directory, limits }, log)
  try {
    await writer.ask('upkeep', undefined)
  } catch (cause) {
    await Promise.all([writer.close(), reader.close()])
    throw new Error(`Cannot open the store of telemetry in "${directory}": ${(cause as Error).message}`, { cause })
  }
  const counted = { logs: 0, spans: 0, metrics: 0, exceptions: 0, dropped: 0, refusedSeries: 0, queued: 0, full: false }
  let waiting: { readonly rows: Rows; readonly resolve: (how: Appended) => void; readonly reject: (error: unknown) => void }[] =
    []
  let writing: Promise<void> | undefined

  /** What has come while something was written is written together. */
  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const now = waiting
      waiting = []
      const rows = joined(now.map((each) => each.rows))
      try {
        const written = (await writer.ask('write', rows)) as Written
        const full = written.kind === 'full'
        if (full !== counted.full)
          log[full ? 'error' : 'info'](
            full ? 'The disk is full: telemetry is refused until there is room' : 'Telemetry is stored again',
          )
        counted.full = full
        if (written.kind === 'written') counted.refusedSeries += written.refusedSeries
        for (const { resolve } of now) resolve(full ? 'full' : 'stored')
      } catch (error) {
        for (const { reject } of now) reject(error)
      } finally {
        counted.queued -= rows.bytes
      }
    }
  }
  let timer: Timer | undefined
  const upkeep = (): void => {
    timer = runtime.timers.after(UPKEEP, () => {
      writer
        .ask('upkeep', undefined)
        .catch((error: unknown) => log.warn('What is old could not be taken out of the store', { error }))
        .finally(() => timer && upkeep())
    })
  }
  upkeep()
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    timer?.cancel()
    timer = undefined
    await writing
    await Promise.all([writer.close(), reader.close()])
  }
  const questions = Object.fromEntries(
    QUESTIONS.map((name) => [name, (input: unknown) => reader.ask(name, input)]),
  ) as unknown as Questions
  return {
    ...questions,
    append: async (batch: Batch): Promise<Appended> => {
      const { logs, spans, metrics, exceptions } = batch
      const items = logs.length + spans.length + metrics.length
      if (items + exceptions.length === 0) return 'stored'
      if (counted.queued >= queue) {
        counted.dropped += items
        return 'busy'
      }
      const rows = rowsOf(batch)
      counted.queued += rows.bytes
      const done = new Promise<Appended>((resolve, reject) => waiting.push({ rows, resolve, reject }))
      writing ??= writeAll().finally(() => {
        writing = undefined
      })
      try {
        const how = await done
        if (how === 'stored')
          for (const kind of ['logs', 'spans', 'metrics', 'exceptions'] as const) counted[kind] += batch[kind].length
        else counted.dropped += items
        return how
      } catch (error) {
        counted.dropped += items
        throw error
      }
    },
    counters: (): StoreCounters => ({ ...counted }),
    close: () => (closed ??= close()),
  }
}

/** Megabytes of a thread's young generation: rows go as they come, and more of it is memory and no speed. */
const YOUNG = 16

type Thread = { readonly ask: (method: string, input: unknown) => Promise<unknown>; readonly close: () => Promise<void> }

function openThread(data: ThreadData, log: Logger): Thread {
  const fromSource = import.meta.url.endsWith('.ts')
  const worker = new Worker(new URL(fromSource ? './thread.ts' : './thread.js', import.meta.url), {
    workerData: data,
    name: `collector ${data.role}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    // In a checkout nothing is built, and a thread knows nothing of what its process was told of that.
    ...(fromSource ? { execArgv: ['--conditions=dure-source'] } : {}),
  })
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  let last = 0
  let ended: Error | undefined
  const end = (why: string): void => {
    ended ??= new Error(`The thread that ${data.role === 'write' ? 'writes to' : 'reads'} the store ended: ${why}`)
    for (const { reject } of open.values()) reject(ended)
    open.clear()
  }
  worker.on('message', (told: Told) => {
    if ('said' in told) return log[told.said.level](told.said.message, told.said.fields)
    const asked = open.get(told.id)
    open.delete(told.id)
    if (open.size === 0) worker.unref()
    if ('error' in told) asked?.reject(new Error(told.error))
    else asked?.resolve(told.value)
  })
  worker.once('error', (error: unknown) => end(describeThrown(error).message))
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      end(`code ${code}`)
      resolve()
    })
  })
  worker.unref()
  const ask: Thread['ask'] = (method, input) => {
    if (ended !== undefined) return Promise.reject(ended)
    const asked = Promise.withResolvers<unknown>()
    open.set(++last, asked)
    // It keeps the process for as long as somebody waits for it.
    worker.ref()
    worker.postMessage({ id: last, method, input } satisfies Asked, [])
    return asked.promise
  }
  return {
    ask,
    close: async () => {
      if (ended !== undefined) return
      await ask('close', undefined).catch(() => {})
      // Its answer let go of the process, which is to be there for its end as well.
      worker.ref()
      await exited
    },
  }
}
