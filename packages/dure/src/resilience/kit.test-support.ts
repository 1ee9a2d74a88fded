import { virtualRuntime, type VirtualRuntime } from '../runtime/runtime.ts'

/** A function that answers or fails when told, and remembers how it was called. */
export type Callee = {
  readonly call: (guarded: { readonly signal: AbortSignal }) => Promise<string>
  readonly calls: () => number
  /** Signals of the calls, in order. */
  readonly signals: readonly AbortSignal[]
  /** Ends the call of this number, from 0 on. */
  readonly answer: (at: number, value?: string) => void
  readonly fail: (at: number, error?: unknown) => void
}

export function callee(): Callee {
  const open: PromiseWithResolvers<string>[] = []
  const signals: AbortSignal[] = []
  return {
    call: ({ signal }) => {
      const one = Promise.withResolvers<string>()
      open.push(one)
      signals.push(signal)
      return one.promise
    },
    calls: () => open.length,
    signals,
    answer: (at, value = `answer ${at}`) => open[at]!.resolve(value),
    fail: (at, error = new Error(`failure ${at}`)) => open[at]!.reject(error),
  }
}

export const world = (): VirtualRuntime => virtualRuntime()
/** Lets promises settle. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
/** What a call came to: its value, or its error. */
export const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error)
export const code = async (call: Promise<unknown>): Promise<unknown> => ((await outcome(call)) as { code?: unknown } | null)?.code
