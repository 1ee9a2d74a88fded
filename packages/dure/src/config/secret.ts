const inspect = Symbol.for('nodejs.util.inspect.custom')
const HIDDEN = '[secret]'
const held = new WeakMap<object, unknown>()

/** A value that is only shown to whoever asks for it: in logs, spans, errors, JSON and templates it is `[secret]`. */
export type Secret<T> = {
  /** Carries the type only. */
  readonly secretOf?: T | undefined
  readonly reveal: () => T
}

/** Its value is in no property of it, and so in no copy and no dump. */
class Hidden<T> implements Secret<T> {
  static {
    // An instance is told by this class in debuggers, and says no more.
    Object.defineProperty(Hidden, 'name', { value: 'Secret' })
  }

  constructor(value: T) {
    held.set(this, value)
    Object.freeze(this)
  }

  reveal(): T {
    return held.get(this) as T
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [Symbol.toPrimitive](): string {
    return HIDDEN
  }

  [inspect](): string {
    return HIDDEN
  }
}

/**
 * Hides a value. In the schema of settings it is a transform.
 *
 * @example
 * ```ts
 * import { secret } from 'dure/config'
 * import { z } from 'zod'
 *
 * const Settings = z.object({ apiKey: z.string().min(3).transform(secret) }) // service(Payment, { config: Settings, … })
 * const { apiKey } = Settings.parse({ apiKey: 'abc' })
 * console.log(apiKey, `${apiKey}`, JSON.stringify({ apiKey })) // → [secret] [secret] {"apiKey":"[secret]"}
 * console.log(apiKey.reveal()) // → abc
 * ```
 */
export function secret<T>(value: T): Secret<T> {
  return new Hidden(value)
}

export function isSecret(value: unknown): value is Secret<unknown> {
  return typeof value === 'object' && value !== null && held.has(value)
}
