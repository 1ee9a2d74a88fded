import { createHash } from 'node:crypto'
import type { CallKeys } from '../call/internal.ts'
import type { AnyOperation } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'

/** How the keys begin that nobody gave, so that whoever can keep no promise about a key knows that none was asked for. */
const PREPARED = 'prepare:'

/** How those begin that their caller lets go. */
const HELD = 'hold:'

/** Milliseconds for which a key is held at most that nobody lets go. */
export const HOLD: number = 90 * 24 * 60 * 60 * 1000

/** Characters that a key may have, with what is added to it. */
const ROOM = 200

/** What all keys of one message at one consumer begin with. */
export function preparedKey(consumer: string, messageId: string): string {
  return PREPARED + shortened(`${consumer}:${messageId}`)
}

/**
 * The key of a service that may ask again after weeks (a saga's step): its callee keeps the answer until the key is released, 90 days
 * at most.
 */
export function heldKey(words: string): string {
  return HELD + shortened(words)
}

/** Of services only: a stranger at a door could have a callee keep for months what it likes. */
export function isHeld(key: string, caller: string | undefined): boolean {
  return caller !== undefined && key.startsWith(HELD)
}

/** Nobody gave it by hand: its call is made again and again until it is answered, so an idempotent command may be done again. */
export function isAskedAgain(key: string): boolean {
  return isPrepared(key) || key.startsWith(HELD)
}

function shortened(words: string): string {
  return words.length <= ROOM ? words : hashOf(words)
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
