import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withoutMarks } from './fresh-modules.ts'

/** A global that was asked for time or chance, and the user's line that did: `Date.now (orders/service.ts:12:5)`. */
export type AskedOfTheWorld = string

/** Where the library is: what it asks for itself is no user's mistake. */
const LIBRARY = new URL('../../', import.meta.resolve('dure/service')).href
/** Calls that are named. */
const MOST = 5

/**
 * Watches, until it is stopped, who asks the globals of this thread for time or chance instead of the context. It replaces
 * them meanwhile by others that answer the same, so it is for the runs that look for a cause, and for no other.
 */
export function watchWorld(): { readonly stop: () => readonly AskedOfTheWorld[] } {
  const seen = new Set<string>()
  const note = (what: string): void => {
    if (seen.size >= MOST) return
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 50
    const frames = (new Error('asked').stack ?? '').split('\n').filter((line) => line.includes('file:'))
    Error.stackTraceLimit = stackTraceLimit
    const [caller, ...more] = frames.filter((line) => !line.includes(import.meta.url))
    if (caller === undefined || isLibrary(caller)) return
    const line = [caller, ...more].find((one) => !isLibrary(one) && !one.includes('/node_modules/'))
    if (line !== undefined) seen.add(`${what} (${placeOf(line)})`)
  }
  const undo: (() => void)[] = []
  const watch = (holder: object, name: string, shown: string): void => {
    const had = Object.getOwnPropertyDescriptor(holder, name)
    const original = (holder as Record<string, (...given: unknown[]) => unknown>)[name]!
    const watched = function (this: unknown, ...given: unknown[]): unknown {
      note(shown)
      return original.apply(this, given)
    }
    Object.defineProperty(holder, name, { value: Object.assign(watched, original), configurable: true, writable: true })
    undo.push(() => {
      if (had === undefined) Reflect.deleteProperty(holder, name)
      else Object.defineProperty(holder, name, had)
    })
  }
  watch(Math, 'random', 'Math.random')
  watch(performance, 'now', 'performance.now')
  watch(process, 'hrtime', 'process.hrtime')
  watch(process.hrtime, 'bigint', 'process.hrtime')
  for (const name of ['randomUUID', 'getRandomValues']) watch(globalThis.crypto, name, `crypto.${name}`)
  for (const name of ['randomUUID', 'randomBytes', 'randomInt', 'randomFillSync']) watch(crypto, name, `crypto.${name}`)
  syncBuiltinESMExports()
  const RealDate = Date
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, made) => {
      if (given.length === 0) note('new Date()')
      return Reflect.construct(target, given, made) as Date
    },
    apply: (target) => {
      note('Date()')
      return target()
    },
    get: (target, name) => {
      if (name === 'now') note('Date.now')
      return Reflect.get(target, name) as unknown
    },
  })
  return {
    stop: () => {
      globalThis.Date = RealDate
      for (const one of undo.splice(0).toReversed()) one()
      syncBuiltinESMExports()
      return [...seen]
    },
  }
}

/** What usually makes two runs of the same thing differ, what to do, and what was seen of it. */
export function causesOf(asked: readonly AskedOfTheWorld[]): string {
  const usual =
    'The usual causes are Date, Math.random, crypto.randomUUID and memory that services or runs share, such as a Map of a module; ' +
    'take "clock", "random" and "ids" of the context, and keep what is to last in the database.'
  return asked.length > 0
    ? `${usual} Asked of the real world: ${asked.join(', ')}.`
    : `${usual} Nobody was seen asking the real world for time or chance, so look for such memory.`
}

const isLibrary = (line: string): boolean => line.includes(LIBRARY) || line.includes('/node_modules/dure/')

/** `file:///…/orders/service.ts:12:5` of a line of a stack, as seen from where the process stands. */
function placeOf(line: string): string {
  const [, url = '', at = ''] = /(file:\/\/[^()]*?)((?::\d+)+)\)?$/.exec(withoutMarks(line)) ?? []
  const path = url === '' ? line.trim() : fileURLToPath(url)
  const near = relative(process.cwd(), path)
  return `${near.startsWith('..') ? path : near}${at}`
}
