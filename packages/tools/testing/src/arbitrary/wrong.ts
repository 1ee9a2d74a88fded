import fc from 'fast-check'
import { anything, hostile } from './anything.ts'
import { copyOf } from './copy.ts'

/** Values one change away from right ones: a place somewhere in them holds what it should not. */
export function wrongOf(right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<unknown>(...oddities) },
    { weight: 2, arbitrary: anything() },
    { weight: 3, arbitrary: hostile },
  )
  const change: fc.Arbitrary<Change> = fc.oneof(
    { weight: 9, arbitrary: fc.record({ kind: fc.constant('put'), value }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('add'), value }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'drop' }) },
  )
  return fc.tuple(right, fc.nat({ max: 1_000 }), change).map(([value, at, how]) => changed(value, at, how))
}

type Change = { readonly kind: 'put' | 'add'; readonly value: unknown } | { readonly kind: 'drop' }

const oddities: readonly unknown[] = [
  null,
  undefined,
  '',
  0,
  -0,
  -1,
  1.5,
  NaN,
  Infinity,
  1n,
  true,
  'text',
  '1',
  2 ** 60,
  '2020-01-01T00:00:00.000Z',
  '2020-02-30',
  new Date(0),
  [],
  {},
  new Map(),
  new Set(),
  new Uint8Array(2),
  Buffer.from('ab'),
]

/** A copy of the value with one place, counted through all of its places, changed. */
function changed(value: unknown, at: number, how: Change): unknown {
  const whole = { value: copyOf(value) }
  const places = placesOf(whole)
  const { holder, key } = places[at % places.length]!
  if (how.kind === 'put') set(holder, key, copyOf(how.value))
  else if (how.kind === 'drop') drop(holder, key)
  else {
    const inside = holder instanceof Map ? (holder.get(key) as unknown) : (holder as Record<PropertyKey, unknown>)[key as string]
    if (isFields(inside)) set(inside, Array.isArray(inside) ? inside.length : 'extra', copyOf(how.value))
    else set(holder, key, [inside])
  }
  return whole.value
}

type Place = { readonly holder: object; readonly key: unknown }

function placesOf(root: object): readonly Place[] {
  const places: Place[] = []
  const seen = new Set<object>()
  const walk = (holder: object): void => {
    if (seen.has(holder) || places.length > 500) return
    seen.add(holder)
    const keys = holder instanceof Map ? [...holder.keys()] : Object.keys(holder)
    for (const key of keys) {
      if (!(holder instanceof Map) && Object.getOwnPropertyDescriptor(holder, key as string)?.writable !== true) continue
      places.push({ holder, key })
      const part = holder instanceof Map ? (holder.get(key) as unknown) : (holder as Record<string, unknown>)[key as string]
      if (isFields(part) || part instanceof Map) walk(part)
    }
  }
  walk(root)
  return places
}

function isFields(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === Array.prototype || prototype === null) && Object.isExtensible(value)
}

function set(holder: object, key: unknown, value: unknown): void {
  if (holder instanceof Map) holder.set(key, value)
  else Object.defineProperty(holder, key as PropertyKey, { value, enumerable: true, configurable: true, writable: true })
}

function drop(holder: object, key: unknown): void {
  if (holder instanceof Map) holder.delete(key)
  else if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete (holder as Record<string, unknown>)[key as string]
}
