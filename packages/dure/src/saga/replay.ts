import type { AnyEvent, AnyRequest } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import type { RetryPolicy } from '../messaging/messaging.ts'
import { CENTURY, WAIT, wrongNumber, type Range } from '../runtime/internal.ts'
import type { AnySaga, SagaContext } from './definition.ts'
import { errorFromJson, fromJson, isOver, MOST_STEPS, pathAfter, schemaOf, type Entry, type EntryKind, UNFIT } from './history.ts'
import type { InstanceId } from './records.ts'

/** One thing that code asks for, at its place in the instance's history. */
export type Operation = Pick<Entry, 'kind' | 'name' | 'schema' | 'undo' | 'position'> & { readonly options: OperationOptions }

/** All that any kind of operation is asked with; its types were checked where it was asked for. */
export type OperationOptions = {
  readonly do?: (context: never) => unknown
  readonly transaction?: (tx: never) => unknown
  readonly undo?: (context: never, result: never) => unknown
  readonly output?: AnySaga['input']
  readonly retry?: Partial<RetryPolicy>
  readonly timeout?: number
  readonly ms?: number
  readonly key?: string
  readonly event?: AnyEvent
  readonly request?: AnyRequest
  readonly saga?: AnySaga
  readonly input?: unknown
}

/** How a run of an instance's code ends. */
export type RunEnd =
  | { readonly how: 'returned'; readonly value: unknown }
  | { readonly how: 'threw'; readonly error: unknown }
  /** Its code cannot go on with this history, or at all. */
  | { readonly how: 'unfit'; readonly reason: string }
  /** It has been let go of: what it asked for is not there yet. */
  | { readonly how: 'resting' }

export type Replay = {
  /** Resolves when the code has returned, thrown, or been let go of. Never rejects. */
  readonly end: Promise<RunEnd>
  /** All that it has asked for, in order. */
  readonly asked: readonly Operation[]
  /** The way that it has come so far. */
  readonly path: () => string
}

/**
 * Runs an instance's code over its history: what is known is answered from there, and must be asked for as it was. What is not
 * known is `live`'s, which resolves with the entry that it has become, or never. Code that is let go of waits for a promise that
 * nobody holds, and is collected with it.
 */
export function replay(options: {
  readonly saga: AnySaga
  readonly instance: InstanceId & { readonly deadlineAt: number | null }
  readonly input: unknown
  readonly history: readonly Entry[]
  /** Undefined: it is let go of. */
  readonly live: (operation: Operation, entry: Entry | undefined) => Promise<Entry | undefined>
  /** Notes something that costs no time. Undefined where the history only is looked at: then nothing new is asked. */
  readonly note: ((entry: Entry) => void) | undefined
}): Replay {
  const { saga, instance, history, live, note } = options
  const asked: Operation[] = []
  const names = new Set<string>()
  const flags = new Map<string, boolean>()
  const { promise: over, resolve } = Promise.withResolvers<RunEnd>()
  let busy: string | undefined
  let ended = false
  let path = ''

  const letGo = <T>(end: RunEnd): Promise<T> => {
    ended = true
    resolve(end)
    return new Promise<never>(() => {})
  }
  const unfit = (reason: string): Promise<never> => letGo({ how: 'unfit', reason })

  const ask = async (kind: EntryKind, name: string, schema: string, options: OperationOptions): Promise<unknown> => {
    if (ended) return new Promise<never>(() => {})
    const position = asked.length
    const undo = options.undo !== undefined || kind === 'child'
    const what = described({ kind, name })
    const entry = history[position]
    if (busy !== undefined)
      return unfit(
        `${what} was begun while ${busy} was under way. To do: await one before the next; do several calls at once in one step`,
      )
    if (typeof name !== 'string' || name === '' || name.length > 200 || name.includes('\0'))
      return unfit(`A ${kind} has a name that is no text of 1 to 200 characters. To do: give it one`)
    if (names.has(name)) return unfit(`${what} was asked for twice. To do: give each a name of its own, as "${name} 2"`)
    if (position >= MOST_STEPS)
      return unfit(
        `${what} is one more than the ${MOST_STEPS} that an instance may have. To do: end it and begin another, or do more in one step`,
      )
    const wrong = entry && mismatch(entry, { kind, name, schema, undo })
    if (wrong !== undefined) return unfit(wrong)
    names.add(name)
    const operation: Operation = { kind, name, schema, position, undo, options }
    asked.push(operation)
    path = pathAfter(path, operation)
    busy = what
    const known = entry !== undefined && isOver(entry) ? entry : await live(operation, entry)
    if (known === undefined) return letGo({ how: 'resting' })
    busy = undefined
    if (known.state === 'refused') throw errorFromJson(known.error!)
    return known.result === null ? undefined : fromJson(known.result)
  }

  const version = (flag: string): boolean => {
    const known = flags.get(flag)
    if (known !== undefined) return known
    const entry = history[asked.length]
    const operation: Operation = {
      ...{ kind: 'version', name: flag, schema: '', undo: false },
      position: asked.length,
      options: {},
    }
    // Who has gone on from here without it goes the old way.
    const there = entry === undefined ? note !== undefined : entry.kind === 'version' && entry.name === flag
    if (there && !ended) {
      asked.push(operation)
      path = pathAfter(path, operation)
      if (entry === undefined) note!({ ...operation, state: 'done', tries: 0, result: 'true', error: null })
    }
    flags.set(flag, there)
    return there
  }

  const s = contextOf(saga, instance, { ask, unfit, version })
  // Whatever it throws, and also when it is no promise.
  const running = (async () => saga.run(s as never, options.input as never))()
  running.then(
    (value) => {
      if (ended) return
      ended = true
      const next = history[asked.length]
      resolve(next === undefined ? { how: 'returned', value } : { how: 'unfit', reason: gone(next, 'it returns there') })
    },
    (error: unknown) => {
      if (ended) return
      ended = true
      const next = history[asked.length]
      resolve(
        next === undefined
          ? { how: 'threw', error }
          : { how: 'unfit', reason: gone(next, `it throws there: ${describeThrown(error).words}`) },
      )
    },
  )
  return { end: over, asked, path: () => path }
}

/** What code asks with; each is checked before it is asked for. */
function contextOf(
  saga: AnySaga,
  instance: Parameters<typeof replay>[0]['instance'],
  to: {
    readonly ask: (kind: EntryKind, name: string, schema: string, options: OperationOptions) => Promise<unknown>
    readonly unfit: (reason: string) => Promise<never>
    readonly version: SagaContext['version']
  },
): SagaContext {
  const { ask, unfit, version } = to
  const number = (value: number | undefined, range: Range, what: string): string | undefined => {
    const wrong = value === undefined ? undefined : wrongNumber(value, range)
    return wrong && `${what} ${wrong}`
  }

  return {
    id: instance.id,
    deadline: instance.deadlineAt === null ? undefined : new Date(instance.deadlineAt),
    version,
    step: (name: string, options: OperationOptions) => {
      const rows = options.transaction !== undefined
      if (rows === (options.do !== undefined))
        return unfit(
          `Step "${name}" has ${rows ? 'both "do" and "transaction"' : 'neither "do" nor "transaction"'}. To do: give it one of them`,
        )
      const wrong = number(options.timeout, WAIT, `Step "${name}" has a timeout that`)
      if (wrong !== undefined) return unfit(wrong)
      return ask(rows ? 'rows' : 'step', name, schemaOf(options.output), options) as Promise<never>
    },
    sleep: async (name, ms) => {
      const wrong = number(ms, SLEEP, `Sleep "${name}" has a time that`)
      if (wrong !== undefined) return unfit(wrong)
      await ask('sleep', name, '', { ms })
    },
    waitFor: (
      event: AnyEvent,
      { key = instance.id, timeout, name = event.name }: { key?: string; timeout?: number; name?: string } = {},
    ) => {
      if (!saga.events.includes(event))
        return unfit(`Saga "${saga.name}" waits for "${event.name}" and does not list it. To do: add it to its "events"`)
      const wrong = number(timeout, SLEEP, `The wait for "${event.name}" has a timeout that`)
      if (wrong !== undefined) return unfit(wrong)
      return ask('event', name, event.name, { event, key, ...(timeout !== undefined && { timeout }) }) as Promise<never>
    },
    signal: (signal: string, { timeout, name = signal }: { timeout?: number; name?: string } = {}) => {
      if (!Object.hasOwn(saga.signals, signal))
        return unfit(`Saga "${saga.name}" waits for a signal "${signal}" and does not list it. To do: add it to its "signals"`)
      const wrong = number(timeout, SLEEP, `The wait for signal "${signal}" has a timeout that`)
      if (wrong !== undefined) return unfit(wrong)
      const schema = schemaOf(saga.signals[signal])
      return ask('signal', name, schema, { key: signal, ...(timeout !== undefined && { timeout }) }) as Promise<never>
    },
    request: (name, request: AnyRequest, input: unknown, { undo }: Pick<OperationOptions, 'undo'> = {}) => {
      if (!saga.requests.includes(request))
        return unfit(`Saga "${saga.name}" requests "${request.name}" and does not list it. To do: add it to its "requests"`)
      const schema = `${request.name} ${schemaOf(request.output)}`
      return ask('request', name, schema, { request, input, ...(undo && { undo }) }) as Promise<never>
    },
    child: (name, child, input) => ask('child', name, child.name, { saga: child, input }) as Promise<never>,
  }
}

const SLEEP: Range = { ...WAIT, most: CENTURY, least: 0 }

const WORDS: Readonly<Record<EntryKind, string>> = {
  ...{ step: 'step', rows: 'step with a transaction', sleep: 'sleep', event: 'wait for event', signal: 'wait for signal' },
  ...{ request: 'request', child: 'child saga', version: 'version flag' },
}

export function described({ kind, name }: Pick<Entry, 'kind' | 'name'>): string {
  const words = `${WORDS[kind]} "${name}"`
  return words[0]!.toUpperCase() + words.slice(1)
}

/** Why an entry is not what the code asks for in its place; undefined when it is. */
function mismatch(entry: Entry, asked: Pick<Entry, 'kind' | 'name' | 'schema' | 'undo'>): string | undefined {
  const place = `${UNFIT} ${entry.position + 1}`
  if (entry.kind !== asked.kind || entry.name !== asked.name)
    return `${place} its history has the ${lower(entry)}, and its code the ${lower(asked)}`
  if (entry.schema !== asked.schema)
    return `${place} the ${lower(entry)} has another result schema in its code than in its history`
  if (entry.undo && !asked.undo) return `${place} the ${lower(entry)} could be undone, and its code has no "undo" any more`
  return undefined
}

function gone(entry: Entry, instead: string): string {
  return `${UNFIT} ${entry.position + 1} its history has the ${lower(entry)}, and its code does not ask for it: ${instead}`
}

export function lower(of: Pick<Entry, 'kind' | 'name'>): string {
  const words = described(of)
  return words[0]!.toLowerCase() + words.slice(1)
}
