import type { Node, Operator, OperatorHost } from '../graph.ts'
import { createDue } from '../due.ts'

/** What a processor has beside its state and the value. Valid until it returns. */
export type ProcessContext<O> = {
  readonly key: string
  /** When the event was, or when it was to be woken; milliseconds since the epoch. */
  readonly time: number
  /** Hands a value on. */
  readonly emit: (value: O) => void
  /** Has `wake` called when nothing as old as this is waited for any more; at the next step, when that is so already. */
  readonly wakeAt: (time: number) => void
}

export type ProcessOptions<T, S, O> = {
  readonly name: string
  /** What becomes of the state of a key when a value comes: undefined where there is none, before and after. */
  readonly on: (state: S | undefined, value: T, context: ProcessContext<O>) => S | undefined
  readonly wake?: ((state: S | undefined, context: ProcessContext<O>) => S | undefined) | undefined
}

type State = { readonly state: unknown; readonly wakes: readonly number[] }

/** State and timers by key, for what no other operator does. */
export function processNode(input: Node, { name, on, wake }: ProcessOptions<unknown, unknown, unknown>): Node {
  return {
    ...{ kind: 'process', name, inputs: [input], timed: 'records', about: {} },
    open: (host) => openProcess(host, on, wake),
  }
}

function openProcess(
  { emit, cells }: OperatorHost,
  on: ProcessOptions<unknown, unknown, unknown>['on'],
  wake: ProcessOptions<unknown, unknown, unknown>['wake'],
): Operator {
  const due = createDue<{ readonly key: string; readonly at: number }>()
  const states = cells<State>('', (key, _, { wakes }) => {
    for (const at of wakes) due.add(at, { key, at })
  })

  const run = (key: string, time: number, change: (state: unknown, context: ProcessContext<unknown>) => unknown): void => {
    const cell = states.get(key)
    let { state = undefined, wakes = [] } = cell?.value ?? {}
    wakes = wakes.filter((at) => at !== time || change !== wake)
    const added: number[] = []
    state = change(state, {
      ...{ key, time },
      emit: (value) => emit(value, undefined, key, time),
      wakeAt: (at) => void (wakes.includes(at) || added.includes(at) || added.push(at)),
    })
    for (const at of added) due.add(at, { key, at })
    wakes = [...wakes, ...added]
    if (state !== undefined || wakes.length > 0) states.put(key, { state, wakes })
    else if (cell !== undefined) states.remove(cell)
  }

  return {
    receive: [(value, _, key, time) => run(key, time, (state, context) => on(state, value, context))],
    advance: (watermark) => {
      if (wake === undefined) return
      // What is added while they are woken is for later: a timer that adds itself again would never end.
      const woken: { readonly key: string; readonly at: number }[] = []
      for (let one = due.take(watermark); one !== undefined; one = due.take(watermark)) woken.push(one)
      for (const { key, at } of woken) if (states.get(key)?.value?.wakes.includes(at) === true) run(key, at, wake)
    },
    mark: due.mark,
  }
}
