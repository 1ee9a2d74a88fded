import { CallError } from 'dure/contract'
import type { Service } from 'dure/service'
import { createInFlight } from './in-flight.ts'

/**
 * What befalls the calls of a service. `kill`: nobody is there, and calls under way are cut off. `freeze`: it takes them and
 * answers nobody, until it goes on. `drop`: it does what is asked, and the answer is lost.
 */
export type FaultKind = 'kill' | 'freeze' | 'drop'

export type Faults = {
  /** The same service, with what befalls it. */
  readonly around: (service: Service) => Service
  /** Answers what ends it again. */
  readonly begin: (service: string, kind: FaultKind) => () => void
  readonly end: () => void
}

type State = { kind: FaultKind | undefined; over: PromiseWithResolvers<void>; readonly calls: ReturnType<typeof createInFlight> }

export function createFaults(): Faults {
  const states = new Map<string, State>()
  const stateOf = (service: string): State => {
    let state = states.get(service)
    if (state === undefined)
      states.set(service, (state = { kind: undefined, over: Promise.withResolvers(), calls: createInFlight() }))
    return state
  }

  const heal = (state: State): void => {
    state.kind = undefined
    state.over.resolve()
    state.over = Promise.withResolvers()
  }

  const guard = async <T>(service: string, work: () => Promise<T>): Promise<T> => {
    const state = stateOf(service)
    const kind = (): FaultKind | undefined => state.kind
    if (kind() === 'kill') throw lost(service, 'it was killed')
    return state.calls.track(service, async () => {
      // It may be frozen at any moment, and then again.
      while (kind() === 'freeze') await state.over.promise
      const value = await work()
      while (kind() === 'freeze') await state.over.promise
      if (kind() === 'drop') throw lost(service, 'its answer was dropped')
      return value
    })
  }

  return {
    around: (service) => {
      const { name, operations } = service.contract
      const handlers = Object.entries(service.handlers).map(([operation, handler]) => {
        const { kind } = (operations as Readonly<Record<string, { readonly kind: string }>>)[operation]!
        const call = handler as (...given: unknown[]) => unknown
        if (kind === 'query' || kind === 'command')
          return [operation, (...given: unknown[]) => guard(name, async () => call(...given))] as const
        return [
          operation,
          async function* (...given: unknown[]) {
            const values = (call(...given) as AsyncIterable<unknown>)[Symbol.asyncIterator]()
            try {
              for (;;) {
                const { done, value } = await guard(name, () => values.next())
                if (done === true) return
                yield value
              }
            } finally {
              await values.return?.()
            }
          },
        ] as const
      })
      return { ...service, handlers: Object.fromEntries(handlers) }
    },
    begin: (service, kind) => {
      const state = stateOf(service)
      heal(state)
      state.kind = kind
      if (kind === 'kill') state.calls.fail(lost(service, 'it was killed'))
      return () => {
        if (state.kind === kind) heal(state)
      }
    },
    end: () => {
      for (const state of states.values()) heal(state)
    },
  }
}

function lost(service: string, why: string): CallError {
  return new CallError('UNAVAILABLE', `Service "${service}" cannot be reached: ${why} by the test`)
}
