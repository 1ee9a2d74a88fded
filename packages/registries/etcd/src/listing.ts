/** All keys below the prefix, at one revision. */
import { RegistryAway } from 'dure/discovery/internal'
import { fromBase64, inBase64, rangeOf } from './address.ts'
import type { Gateway, Json } from './gateway.ts'

/** Keys that are asked for at once. */
const PAGE = 500
/** Times that a list is begun anew because etcd compacts while it is read. */
const ATTEMPTS = 5

/** @throws {RegistryAway} */
export async function list<T>(
  gateway: Gateway,
  prefix: string,
  gather: (kvs: readonly Json[], into: Map<string, T>) => void,
): Promise<{ readonly found: Map<string, T>; readonly revision: number }> {
  for (let attempt = 1; ; attempt++) {
    const found = new Map<string, T>()
    try {
      return { found, revision: await pages(gateway, prefix, (kvs) => gather(kvs, found)) }
    } catch (error) {
      if (!isCompacted(error) || attempt === ATTEMPTS) throw error
    }
  }
}

/** The first page says at which revision the others are read. */
async function pages(gateway: Gateway, prefix: string, gather: (kvs: readonly Json[]) => void): Promise<number> {
  const { range_end, ...first } = rangeOf(prefix)
  let { key } = first
  let revision: number | undefined
  for (let limit = PAGE; ;) {
    let answer: Json
    try {
      answer = await gateway.ask('/v3/kv/range', { key, range_end, limit, ...(revision !== undefined && { revision }) })
    } catch (error) {
      // Strangers' values may be large.
      if (limit === 1 || !((error as Error).cause instanceof RangeError)) throw error
      limit = Math.ceil(limit / 8)
      continue
    }
    revision ??= revisionOf(answer)
    const kvs = (answer['kvs'] ?? []) as readonly Json[]
    gather(kvs)
    if (answer['more'] !== true || kvs.length === 0) return revision
    key = inBase64(`${fromBase64(String(kvs.at(-1)!['key']))}\0`)
  }
}

/** At which revision etcd answered. @throws {RegistryAway} */
export function revisionOf({ header }: Json): number {
  const { revision } = (header ?? {}) as { readonly revision?: unknown }
  const number = Number(revision)
  if (Number.isSafeInteger(number)) return number
  throw new RegistryAway('what answers there is no etcd: its answer has no revision')
}

const isCompacted = (error: unknown): boolean =>
  error instanceof RegistryAway && error.message.includes('required revision has been compacted')
