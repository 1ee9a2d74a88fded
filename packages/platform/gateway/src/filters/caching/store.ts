import type { Lifetime } from './rules.ts'

/** One answer that is stored. */
export type StoredAnswer = {
  readonly key: string
  readonly route: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** What of requests it depends on. */
  readonly varies: readonly (readonly [name: string, value: string])[]
  readonly lifetime: Lifetime
  /** When it was asked for: monotonic milliseconds. */
  readonly at: number
}

/** Answers of one address that differ by what they depend on; more are not stored. */
const MOST_VARIANTS = 16

export type Store = {
  readonly find: (key: string, fits: (stored: StoredAnswer) => boolean) => StoredAnswer | undefined
  /** Names of what answers of this address depend on, as far as it is known. */
  readonly names: (key: string) => readonly string[]
  /** Keeps one, instead of the one before; what was used longest ago goes for it. */
  readonly put: (stored: StoredAnswer, instead: StoredAnswer | undefined) => void
  /** Forgets all of one address. */
  readonly forget: (key: string) => void
  readonly size: () => { readonly answers: number; readonly bytes: number }
}

/** @param most bytes of all that is stored, with what it takes besides its bodies */
export function createStore(most: number): Store {
  const stored = new Map<string, readonly StoredAnswer[]>()
  let bytes = 0
  let answers = 0
  const remove = (key: string): void => {
    for (const each of stored.get(key) ?? []) {
      bytes -= sizeOf(each)
      answers--
    }
    stored.delete(key)
  }
  const set = (key: string, variants: readonly StoredAnswer[]): void => {
    remove(key)
    if (variants.length === 0) return
    stored.set(key, variants)
    for (const each of variants) bytes += sizeOf(each)
    answers += variants.length
  }
  return {
    find: (key, fits) => {
      const variants = stored.get(key)
      const found = variants?.find(fits)
      if (found === undefined) return undefined
      stored.delete(key)
      stored.set(key, variants!)
      return found
    },
    names: (key) => stored.get(key)?.[0]?.varies.map(([name]) => name) ?? [],
    put: (one, instead) => {
      const others = (stored.get(one.key) ?? []).filter((each) => each !== instead && !isSame(each, one))
      set(one.key, [one, ...others.slice(0, MOST_VARIANTS - 1)])
      for (const key of stored.keys()) {
        if (bytes <= most) return
        remove(key)
      }
    },
    forget: remove,
    size: () => ({ answers, bytes }),
  }
}

const isSame = (one: StoredAnswer, other: StoredAnswer): boolean =>
  one.route === other.route &&
  one.varies.length === other.varies.length &&
  one.varies.every(([name, value], i) => other.varies[i]![0] === name && other.varies[i]![1] === value)

/** About: texts of two bytes a character, and what holds them. */
function sizeOf({ key, headers, body, varies }: StoredAnswer): number {
  let size = 512 + key.length * 2 + body.length
  for (const name in headers) size += 64 + (name.length + headers[name]!.length) * 2
  for (const [name, value] of varies) size += 64 + (name.length + value.length) * 2
  return size
}
