import { createHash } from 'node:crypto'
import type { CallKeys } from '../call/internal.ts'
import type { AnyOperation } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'

/** How the keys begin that nobody gave, so that whoever can keep no promise about a key knows that none was asked for. */
const PREPARED = 'prepare:'

/** Characters that a key may have, with what is added to it. */
const ROOM = 200

/** What all keys of one message at one consumer begin with. */
export function preparedKey(consumer: string, messageId: string): string {
  const words = `${consumer}:${messageId}`
  return PREPARED + (words.length <= ROOM ? words : hashOf(words))
}

/**
 * The keys of the commands that one `prepare` calls, which may be run again: the same calls carry the same keys, in whatever
 * order they are made. Of calls that are alike the second and third have keys of their own.
 */
export function preparedKeys(prefix: string): CallKeys {
  const alike = new Map<string, number>()
  return (operation, place, input) => {
    const hash = hashOf(`${place} ${textOf(operation, input)}`)
    const before = alike.get(hash) ?? 0
    alike.set(hash, before + 1)
    return `${prefix}:${hash}${before === 0 ? '' : `:${before + 1}`}`
  }
}

export function isPrepared(key: string): boolean {
  return key.startsWith(PREPARED)
}

function textOf({ input: schema }: AnyOperation, input: unknown): string {
  try {
    return JSON.stringify(wireOf(schema, 'input').toJson(input)) ?? ''
  } catch {
    // The callee refuses it.
    return ''
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 24)
}
