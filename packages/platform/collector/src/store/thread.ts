/** What runs in a thread of the store: the writer, or one that reads beside it. */
import { parentPort, workerData } from 'node:worker_threads'
import { describeThrown } from 'dure/contract/internal'
import { realRuntime } from 'dure/runtime'
import type { Answers } from './questions.ts'
import { compareBuilds, readBuilds } from './read-builds.ts'
import { countLogs, logServices, searchLogs, surroundingLogs } from './read-logs.ts'
import { readNumbers } from './read-numbers.ts'
import { readSegments } from './read-segments.ts'
import { findTraces, listTraces, readBriefTrace, readEdges, readTrace, traceServices } from './read-traces.ts'
import type { Rows } from './rows.ts'
import { openStoreWriter, type Said, type StoreLimits } from './writer.ts'

export type ThreadData = { readonly role: 'write' | 'read'; readonly directory: string; readonly limits: StoreLimits }
export type Asked = { readonly id: number; readonly method: string; readonly input: unknown }
export type Told =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly said: Said }

type Methods = Readonly<Record<string, (input: unknown) => unknown>>

/** What can be asked of the thread that writes. */
function writing({ directory, limits }: ThreadData, say: (said: Said) => void): Methods {
  const { clock } = realRuntime()
  const writer = openStoreWriter({ directory, limits, now: () => clock.now(), say })
  return { write: (rows) => writer.write(rows as Rows), upkeep: () => writer.upkeep(), close: () => writer.close() }
}

/** What can be asked of the thread that reads. */
function reading({ directory }: ThreadData): Answers {
  const { clock } = realRuntime()
  const segments = readSegments(directory)
  const numbers = readNumbers(directory, () => clock.now())
  const of =
    <Input, Output>(read: (from: typeof segments, input: Input) => Output) =>
    (input: Input): Output =>
      read(segments, input)
  return {
    searchLogs: of(searchLogs),
    surroundingLogs: of(surroundingLogs),
    countLogs: of(countLogs),
    logServices: () => logServices(segments),
    listTraces: of(listTraces),
    readTrace: of(readTrace),
    readBriefTrace: of(readBriefTrace),
    findTraces: ({ prefix, limit }) => findTraces(segments, prefix, limit),
    traceServices: () => traceServices(segments),
    readEdges: of(readEdges),
    readBuilds: () => readBuilds(segments),
    compareBuilds: of(compareBuilds),
    metricNames: () => numbers.names(),
    metricSeries: numbers.series,
    latestMetrics: numbers.latest,
    exceptionGroups: numbers.groups,
    exceptionSamples: numbers.samples,
    close: () => {
      segments.close()
      numbers.close()
    },
  }
}

if (parentPort !== null) {
  const port = parentPort
  const data = workerData as ThreadData
  const tell = (told: Told): void => port.postMessage(told)
  const methods: Methods = data.role === 'write' ? writing(data, (said) => tell({ said })) : (reading(data) as unknown as Methods)
  port.on('message', ({ id, method, input }: Asked) => {
    try {
      tell({ id, value: methods[method]!(input) })
      if (method === 'close') port.close()
    } catch (error) {
      tell({ id, error: describeThrown(error).message })
    }
  })
}
