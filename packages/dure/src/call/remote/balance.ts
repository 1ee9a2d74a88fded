import { checkNumbers, COUNT, SHARE, WAIT } from '../../runtime/internal.ts'
import { BOUND, OVERLOAD } from '../../resilience/internal.ts'

/** Which instance takes a call. */
export type BalancePolicy = {
  /**
   * `leastOfTwo` (default): the less loaded of two by chance. `peakEwma`: of two, where it is likely answered sooner. `roundRobin`: each in turn.
   * `weighted`: by `weight` of their metadata, 1 unless said. `key`: calls of one key to the same one, with a bound to its load.
   */
  readonly by?: 'leastOfTwo' | 'peakEwma' | 'roundRobin' | 'weighted' | 'key'
  /**
   * What calls have in common that belong together: `'input'`, `'input.cart.id'`, `'principal'`, `'metadata.tenant'`, or a function
   * of the input. Only texts, numbers and the like are keys; a call without one is chosen for as if nothing had been said.
   */
  readonly key?: string | ((input: unknown) => string | undefined)
  /** With `by: 'key'`: how many times the even share of calls under way one instance has, at most. Default 1.25; Infinity: no bound. */
  readonly load?: number
  /** With `by: 'peakEwma'`: milliseconds after which an old latency counts for a third. Default 10,000. */
  readonly decay?: number
  /** Calls of one key, or without `key` all of this process, stay with their instance while it takes calls. */
  readonly sticky?: boolean
  /** The own zone while it can carry its callers; `overload`: times an even share that anybody may get for it, default 1.25. */
  readonly zoneFirst?: boolean | { readonly overload?: number }
  /** Whoever is new here has a growing part of its calls, from `least` (0.1) to all within `window` (30,000 ms). */
  readonly slowStart?: boolean | { readonly window?: number; readonly least?: number }
  /** Instances that this process has connections to at most, of a service: not of one operation. Default: all. */
  readonly subset?: number
}

const FIELDS: readonly string[] = ['by', 'key', 'load', 'decay', 'sticky', 'zoneFirst', 'slowStart', 'subset']
const WAYS: readonly unknown[] = [undefined, 'leastOfTwo', 'peakEwma', 'roundRobin', 'weighted', 'key']
const KEY = /^(principal|input(\.[^.]+)*|metadata\.[^.]+)$/

/** @throws {TypeError} when it makes no sense */
export function checkBalance(policy: BalancePolicy): BalancePolicy {
  if (typeof policy !== 'object' || policy === null) throw nonsense('it is no object', `give ${FIELDS.join(', ')}`)
  const unknown = Object.keys(policy).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) throw nonsense(`it has "${unknown}"`, `give ${FIELDS.join(', ')}`)
  const { by, key, load, decay, sticky, zoneFirst, slowStart, subset } = policy
  if (!WAYS.includes(by)) throw nonsense(`its "by" is ${quoted(by)}`, `give ${WAYS.slice(1).join(', ')}`)
  if (typeof key === 'string' ? !KEY.test(key) : key !== undefined && typeof key !== 'function')
    throw nonsense(
      `its "key" is ${quoted(key)}`,
      'give input, input.FIELD, principal, metadata.FIELD, or a function of the input',
    )
  if (key === undefined && by === 'key') throw nonsense('it goes by a key and has none', 'give "key"')
  if (key !== undefined && by !== 'key' && sticky !== true)
    throw nonsense('nothing asks for its "key"', `say by: 'key', or sticky: true`)
  if (sticky === true && by === 'key') throw nonsense('both "sticky" and "key" would say where calls go', 'leave one of them out')
  if (load !== undefined && by !== 'key') throw nonsense('"load" bounds calls of a key', `say by: 'key' or leave it out`)
  if (decay !== undefined && by !== 'peakEwma') throw nonsense('"decay" is of latencies', `say by: 'peakEwma' or leave it out`)
  for (const [name, value] of Object.entries({ sticky, zoneFirst, slowStart })) checkSwitch(name, value)
  const numbers = { load, decay, subset, ...parts(zoneFirst), ...parts(slowStart) }
  checkNumbers(WHAT, numbers, {
    load: BOUND,
    decay: WAIT,
    subset: COUNT,
    overload: OVERLOAD,
    window: WAIT,
    least: SHARE,
  } as never)
  return policy
}

/** What was said beside `true`. */
export const parts = <T extends object>(value: boolean | T | undefined): T | undefined =>
  typeof value === 'object' ? value : undefined

const WHAT = 'balance calls'
const PARTS: Readonly<Record<string, readonly string[]>> = { zoneFirst: ['overload'], slowStart: ['window', 'least'] }

function checkSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  const known = PARTS[name]
  if (known === undefined || typeof value !== 'object' || value === null)
    throw nonsense(
      `its "${name}" is ${quoted(value)}`,
      known === undefined ? 'give true or false' : 'give true, false or an object',
    )
  const unknown = Object.keys(value).find((field) => !known.includes(field))
  if (unknown !== undefined) throw nonsense(`its "${name}" has "${unknown}"`, `give ${known.join(', ')}`)
}

function nonsense(why: string, hint: string): TypeError {
  return new TypeError(`Cannot ${WHAT}: ${why}; ${hint}`)
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `"${value.slice(0, 40)}"` : value === null ? 'null' : `of type ${typeof value}`
}
